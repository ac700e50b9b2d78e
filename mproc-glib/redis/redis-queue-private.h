/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/mp-fork.h"
#include "base/queue-backend.h"
#include "redis-link.h"

G_BEGIN_DECLS

/* A queue on a server, opened by one object of one process: a session.  Each call is a request in a
 * lane: there is one for puts, one for gets, one that finishes deliveries, one for conditions to
 * wait for, and one for questions.  Most lanes have at most one command under way, that is, sent
 * and not answered yet, and can send it again after the link was down.  There is no thread: the
 * threads and main loops that wait call mp_redis_step (), which does not block.  All functions of
 * this file are called with the mutex, unless their comment says otherwise.
 *
 * A message is "in hand" while the server records that this session has taken it and not finished
 * it.  A session that waits for items or room is "parked": the server sends a "push" when there is
 * some. */

/* The conditions of mp1.lua, as bits. */
enum
{
  MP_REDIS_ITEMS = 1,
  MP_REDIS_ROOM = 2,
  MP_REDIS_DONE = 4,
  MP_REDIS_NEWS = 8,
  MP_REDIS_N_CONDITIONS = 4,
};

/* The statuses of mp1.lua. */
typedef enum
{
  MP_REDIS_OK,
  MP_REDIS_SHORT,   /* no items, or no room */
  MP_REDIS_CLOSED,  /* the queue was shut down or removed */
  MP_REDIS_GONE,    /* the server does not have the queue any more */
  MP_REDIS_NOT_FIT, /* the message is larger than the buffer of a get */
  MP_REDIS_OTHER,   /* the queue has other settings */
  MP_REDIS_OLD,     /* the queue has another layout */
  MP_REDIS_LATE,    /* the command is of an earlier link of the session */
  MP_REDIS_MISSING, /* the key of a large payload does not exist */
  MP_REDIS_GAP,     /* messages with lower numbers have not been put */
} MpRedisStatus;

#define MP_REDIS_LARGE       128        /* added to the tag of a large message */
#define MP_REDIS_LARGE_SIZE  (8 * 1024) /* larger payloads have a key of their own */
#define MP_REDIS_MAX_MESSAGE (G_GINT64_CONSTANT (512) << 20)
#define MP_REDIS_BATCH       256 /* messages in one command */
#define MP_REDIS_BATCH_BYTES (1024 * 1024)

/* How old an offer may be, see redis-offer.c. */
#define MP_REDIS_FRESH_US (500 * 1000)

/* How long, at least, a call that ends early waits for the answer to its command under way. */
#define MP_REDIS_LINGER_US (50 * 1000)

typedef struct _MpRedisQueue   MpRedisQueue;
typedef struct _MpRedisRequest MpRedisRequest;

typedef enum
{
  MP_REDIS_PUT,
  MP_REDIS_GET,
  MP_REDIS_FINISH,
  MP_REDIS_WAIT,
  MP_REDIS_ASK,
} MpRedisRequestKind;

typedef enum
{
  MP_REDIS_ANSWER_END,
  MP_REDIS_ANSWER_AGAIN,
  MP_REDIS_ANSWER_GONE, /* the queue was removed or lost, see mp_redis_judge_gone () */
} MpRedisAnswer;

struct _MpRedisRequest
{
  MpRedisRequestKind kind;
  MpQueueOperation  *operation; /* to be called when it has ended; NULL for a blocking call */
  GList              link;
  gboolean           is_queued;  /* in the list of its lane */
  gboolean           is_patient; /* may wait for its condition */
  gint64             leave_at;   /* when it ends without an answer, if in `limited`; else -1 */
  int                wake_fd;    /* of a thread that waits for the end; -1: none */

  const MpQueueItem *items; /* PUT */
  guint              n;     /* items, deliveries or answers */
  guint              n_done;
  guint              n_sent; /* PUT: of the items, in the batch under way */

  MpQueueDelivery       *deliveries; /* GET; FINISH of a tentative one */
  const MpQueueAccepted *accepted;

  MpQueueStatus *answers; /* FINISH */
  MpQueueStatus  answer;  /* what @answers points to if there is only one */

  MpQueueCondition condition; /* WAIT */

  const char *function; /* ASK; NULL: GET */
  GPtrArray  *arguments;
  gboolean    is_sent;
  MpReply    *reply;
  /* Reads the reply, instead of the caller.  Returns AGAIN if the question is to be repeated. */
  MpRedisAnswer (*read) (MpRedisRequest *self,
                         const MpReply  *reply);
  guint64 n_dropped; /* of clear */

  gboolean      has_ended;
  MpQueueStatus status;
  GError       *error;
};

/* A message that the session has in hand. */
typedef struct
{
  gint64   id;
  guint32  n_deliveries;
  guint32  lease;
  gboolean is_finishing; /* a batch that finishes it is under way */
} MpRedisHeld;

/* A message that has arrived and was not handed out yet. */
typedef struct
{
  gint64   id;
  guint32  n_deliveries;
  guint8   tag;
  guint8  *bytes; /* allocated; the payload begins at @offset */
  gsize    offset;
  gsize    size;
  gboolean is_confirmed;
  gboolean is_lost; /* another session has it by now, or the server has lost it */
} MpRedisArrived;

/* One delivery in a batch of the finish lane. */
typedef struct
{
  char            how; /* as in mp1.lua */
  gint64          id;
  guint32         n_deliveries;
  MpRedisRequest *request; /* to whose @index the answer belongs, or NULL */
  guint           index;
  MpRedisArrived *arrived; /* a message that is confirmed, or NULL */
} MpRedisFinish;

/* The messages of one request in a batch of puts. */
typedef struct
{
  MpRedisRequest *request;
  guint           count;
} MpRedisSegment;

typedef struct
{
  GQueue   requests;
  gint64   next;          /* the number of the next message */
  GArray  *batch;         /* MpRedisSegment; under way if not empty */
  guint    n_batch;       /* messages in it */
  gboolean is_parked;     /* the server tells when there is room */
  gboolean was_pushed;    /* while the batch was under way */
  gint64   answer;        /* to the batch, while replicas are waited for; -1: none */
  gint64   n_replicas;    /* that have the last batch */
  gint64   nap_at;        /* when to try again without a push; -1: never */
  guint64  n_large;       /* counts the keys of large payloads */
  char    *out_of_memory; /* what the server said; NULL: it has memory */
} MpRedisPutLane;

typedef struct
{
  GQueue     requests;
  gboolean   is_asked;
  gboolean   may_wait; /* the command under way registered the session */
  gboolean   is_first; /* no get was sent by this link */
  gboolean   is_parked;
  gboolean   was_pushed; /* while the command was under way */
  gint64     nap_at;
  gint64     asked_at;    /* when the last command was sent */
  gint64     waits_since; /* when the last one was sent whose answer was that there is nothing */
  gint64     told_ms;     /* the server's time at that answer; -1: none by this link */
  GPtrArray *arrived;     /* MpRedisArrived, not handed out */
  guint      n_fetching;  /* large payloads under way */
  guint      n_confirming;
  GQueue     stash; /* MpRedisArrived, confirmed, but its caller has left */
} MpRedisGetLane;

typedef struct
{
  GArray  *waiting; /* MpRedisFinish */
  GArray  *batch;   /* under way if not empty */
  gint64   number;
  gboolean is_sent;
} MpRedisFinishLane;

/* The state of the queue according to the last answer. */
typedef struct
{
  gint64   at; /* -1: not known */
  gint64   size;
  gint64   n_bytes;
  gint64   n_unfinished;
  gint64   n_total;
  gint64   n_dropped;
  gboolean is_closed;
  gboolean is_drained;
} MpRedisState;

typedef struct
{
  GQueue       requests;
  gboolean     is_asked;
  guint        asked; /* the conditions that the command under way registers */
  guint        registered;
  gboolean     is_dirty; /* to be asked even if all is registered */
  gint64       nap_at;
  MpRedisState state;
} MpRedisWatchLane;

struct _MpRedisQueue
{
  MpForkHook  fork_hook;
  GMutex      mutex;
  guint32     fork_count;
  gboolean    is_unsound; /* another thread of the parent was at work during a fork */
  MpRedisUri *uri;

  MpRedisLink link;
  gboolean    has_opened; /* once */
  MpQueueMode mode;
  gint64      max_size, max_bytes, max_deliveries;
  gboolean    is_closed; /* this handle */

  char    session[17];
  gint64  epoch;
  char   *incarnation;
  guint8 *key_arguments; /* the keys, as they stand in commands */
  gsize   key_arguments_size;

  GHashTable *held; /* MpRedisHeld by id */
  guint32     last_lease;

  MpRedisPutLane    put;
  MpRedisGetLane    get;
  MpRedisFinishLane finish;
  MpRedisWatchLane  watch;
  GQueue            asks;
  GQueue            ended;   /* requests of operations whose `done` was not called yet */
  GPtrArray        *limited; /* MpRedisRequest, of operations that end at `leave_at` */

  GPtrArray *bells; /* MpRedisBell */

  /* Driving. */
  int      epoll_fd;
  int      timer_fd;
  int      kick_fd;
  gboolean is_kicked;
  gint64   timer_at;   /* to which the timer is set */
  gboolean has_driver; /* a thread in a blocking call polls @epoll_fd */
  gint64   driver_until;
  GQueue   sleepers; /* MpRedisRequest of threads that wait for the end of theirs */
  int      polled_fds[MP_REDIS_N_STREAMS];
  guint32  polled_events[MP_REDIS_N_STREAMS];
  guint    polled_generation;
};

/* --- The queue: redis-queue.c -------------------------------------------------------- */

static inline gboolean
mp_redis_is_acknowledged (const MpRedisQueue *self)
{
  return self->mode == MP_QUEUE_MODE_ACKNOWLEDGED;
}

/* The largest message that can be put. */
static inline guint64
mp_redis_get_max_message (const MpRedisQueue *self)
{
  return (guint64) MIN (self->max_bytes, MP_REDIS_MAX_MESSAGE);
}

static inline gboolean
mp_redis_is_up (const MpRedisQueue *self)
{
  return self->link.state == MP_REDIS_LINK_UP;
}

/* Marks the known state of the queue as outdated. */
static inline void
mp_redis_watch_touch (MpRedisQueue *self)
{
  self->watch.state.at = -1;
}

/* --- Requests: redis-request.c ------------------------------------------------------- */

MpRedisRequest *mp_redis_request_new (MpRedisRequestKind kind);
void            mp_redis_request_free (MpRedisRequest *self);
/* Marks a request as ended, and wakes its caller. */
void mp_redis_end (MpRedisQueue   *self,
                   MpRedisRequest *request,
                   MpQueueStatus   status);
/* Ends the request with an error if it has not ended at @time; no longer; and when the first of all
 * is to end. */
void   mp_redis_limit (MpRedisQueue   *self,
                       MpRedisRequest *request,
                       gint64          time);
void   mp_redis_unlimit (MpRedisQueue   *self,
                         MpRedisRequest *request);
gint64 mp_redis_get_limit (MpRedisQueue *self);
/* Takes ownership of @error. */
void mp_redis_end_with_error (MpRedisQueue   *self,
                              MpRedisRequest *request,
                              GError         *error);
/* Ends all requests because the link is FAILED. */
void mp_redis_end_all (MpRedisQueue *self);
void mp_redis_enqueue (GQueue         *queue,
                       MpRedisRequest *request);
void mp_redis_dequeue (GQueue         *queue,
                       MpRedisRequest *request);
/* Makes the link fail if @status says that the queue was removed or lost, and drops it because of
 * any other status. */
void mp_redis_judge_gone (MpRedisQueue *self,
                          gint64        status);
/* A random duration with this mean, so that sessions do not all try again at the same time. */
gint64 mp_redis_draw_nap (gint64 mean_us);

/* --- The session: redis-session.c, redis-keys.c -------------------------------------- */

extern const MpRedisLinkFuncs mp_redis_session_funcs;

void mp_redis_session_init (MpRedisQueue *self);
void mp_redis_session_clear (MpRedisQueue *self);
/* Begins a command of mp1.lua with @n_arguments after incarnation and session. */
GByteArray *mp_redis_begin_call (MpRedisQueue *self,
                                 const char   *function,
                                 guint         n_arguments);
char       *mp_redis_make_key (MpRedisQueue *self,
                               const char   *letters,
                               gint64        id);

MpRedisHeld *mp_redis_hold (MpRedisQueue *self,
                            gint64        id,
                            guint32       n_deliveries);
MpRedisHeld *mp_redis_find_held (MpRedisQueue       *self,
                                 const MpQueueToken *token);

/* --- Lanes --------------------------------------------------------------------------- */

void mp_redis_put_run (MpRedisQueue *self);
void mp_redis_put_down (MpRedisQueue *self);
/* The link is up again, and @last is the number of the last message that the server has. */
void mp_redis_put_resume (MpRedisQueue *self,
                          gint64        last);
void mp_redis_put_push (MpRedisQueue *self);
/* Removes the request if none of its messages is under way.  Returns whether it was removed. */
gboolean mp_redis_put_remove (MpRedisQueue   *self,
                              MpRedisRequest *request);
/* The caller leaves while the request is under way. */
void mp_redis_put_abandon (MpRedisQueue   *self,
                           MpRedisRequest *request);

void mp_redis_get_run (MpRedisQueue *self);
void mp_redis_get_down (MpRedisQueue *self);
void mp_redis_get_push (MpRedisQueue *self);
/* Offers: redis-offer.c.  Takes a message that the server has sent along with the wake-up. */
void     mp_redis_get_take_offer (MpRedisQueue *self,
                                  MpReply      *announced);
gboolean mp_redis_get_is_under_way (MpRedisQueue *self);
void     mp_redis_get_remove (MpRedisQueue   *self,
                              MpRedisRequest *request);
void     mp_redis_get_give_back (MpRedisQueue    *self,
                                 MpQueueDelivery *deliveries,
                                 guint            n);
gboolean mp_redis_get_settle_stashed (MpRedisQueue *self,
                                      gint64        id,
                                      gboolean      take);
void     mp_redis_arrived_free (MpRedisArrived *arrived);
/* Moves the payload into the delivery. */
void mp_redis_place (MpRedisArrived  *arrived,
                     MpQueueDelivery *delivery);

void mp_redis_finish_run (MpRedisQueue *self);
void mp_redis_finish_down (MpRedisQueue *self);
void mp_redis_finish_add (MpRedisQueue   *self,
                          char            how,
                          gint64          id,
                          guint32         n_deliveries,
                          MpRedisRequest *request,
                          guint           index);
void mp_redis_finish_confirm (MpRedisQueue   *self,
                              MpRedisArrived *arrived);
/* How a batch under way, or one waiting, finishes the message, as in mp1.lua; 0: neither has it. */
char mp_redis_finish_find (MpRedisQueue *self,
                           gint64        id);
void mp_redis_finish_forget (MpRedisQueue   *self,
                             MpRedisRequest *request);

void     mp_redis_watch_run (MpRedisQueue *self);
void     mp_redis_watch_down (MpRedisQueue *self);
void     mp_redis_watch_push (MpRedisQueue *self,
                              guint         condition);
gboolean mp_redis_watch_holds (MpRedisQueue    *self,
                               MpQueueCondition condition);
void     mp_redis_watch_read (MpRedisQueue  *self,
                              const MpReply *reply);

void mp_redis_ask_run (MpRedisQueue *self);
void mp_redis_ask_remove (MpRedisQueue   *self,
                          MpRedisRequest *request);
void mp_redis_ask_down (MpRedisQueue *self);
/* Tells the server that this session no longer waits for @conditions.  If it was woken meanwhile,
 * the server wakes another one. */
void mp_redis_send_leave (MpRedisQueue *self,
                          guint         conditions);

/* --- Driving: redis-drive.c ---------------------------------------------------------- */

gboolean mp_redis_drive_init (MpRedisQueue *self,
                              GError      **error);
void     mp_redis_drive_clear (MpRedisQueue *self);
/* Takes the mutex; a forked child first leaves everything to its parent. */
void mp_redis_lock (MpRedisQueue *self);
/* Makes all progress that is possible without waiting. */
void mp_redis_step (MpRedisQueue *self);
/* Adds a request to its lane. */
void mp_redis_submit (MpRedisQueue   *self,
                      MpRedisRequest *request);
/* Takes a request out of its lane before it has ended. */
void mp_redis_withdraw (MpRedisQueue   *self,
                        MpRedisRequest *request);
/* Without the mutex: submits, waits for the end, and returns the status. */
MpQueueStatus mp_redis_call (MpRedisQueue   *self,
                             MpRedisRequest *request,
                             MpQueueCall    *call);
/* The same with the mutex, which it releases. */
MpQueueStatus mp_redis_call_locked (MpRedisQueue   *self,
                                    MpRedisRequest *request,
                                    MpQueueCall    *call);
/* If a get is under way but no request waits for it, its message could arrive when nothing reads
 * it, and be withheld from other sessions.  Waits at most @us for the answer, then drops the
 * link. */
void mp_redis_end_unwanted_get (MpRedisQueue *self,
                                gint64        us);
/* Ends the requests that are not possible once this object is closed. */
void mp_redis_end_closed (MpRedisQueue *self);
/* Waits until the link is up, or FAILED. */
MpQueueStatus mp_redis_connect (MpRedisQueue *self,
                                MpQueueCall  *call);
GError       *mp_redis_make_unknown_error (void);
/* Makes progress until @is_over () returns TRUE, for at most @us. */
void mp_redis_linger (MpRedisQueue *self,
                      gint64        us,
                      gboolean (*is_over) (MpRedisQueue *self));

/* --- Operations: redis-operation.c --------------------------------------------------- */

/* Calls the `done` of operations that have ended.  Releases the mutex meanwhile. */
void mp_redis_tell_ended (MpRedisQueue *self);

/* --- Bells: redis-bell.c ------------------------------------------------------------- */

MpQueueBell *mp_redis_bell_new (gpointer         self,
                                MpQueueCondition condition,
                                GError         **error);
void         mp_redis_bell_free (gpointer     self,
                                 MpQueueBell *bell);
int          mp_redis_bell_fd (MpQueueBell *bell);
void         mp_redis_bell_arm (gpointer     self,
                                MpQueueBell *bell,
                                gboolean     rang);
void         mp_redis_bell_hold (MpQueueBell *bell,
                                 gboolean     pending);
/* --- Ringing: redis-ring.c ----------------------------------------------------------- */

/* A bell is an epoll descriptor that contains the one of the queue, as the loop has to do the work
 * of the queue, and an eventfd, which is readable while the bell is held or has been rung. */
typedef struct
{
  MpForkHook       fork_hook;
  MpRedisQueue    *queue;
  MpQueueCondition condition;
  int              epoll_fd;
  int              ring_fd;
  guint32          fork_count;
  gboolean         is_armed;
  gboolean         is_held;
  gboolean         is_rung;
  gboolean         is_readable; /* @ring_fd */
} MpRedisBell;

guint mp_redis_condition_bit (MpQueueCondition condition);
/* Makes the descriptor readable, or not, as the state of the bell says. */
void mp_redis_bell_update (MpRedisBell *self);
/* Rings the armed bells of the condition. */
void mp_redis_bells_ring (MpRedisQueue    *self,
                          MpQueueCondition condition);
/* The conditions of armed bells. */
guint mp_redis_bells_get_wanted (MpRedisQueue *self);

G_END_DECLS
