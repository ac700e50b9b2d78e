/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#include <string.h>

G_BEGIN_DECLS

/* What a home for queues has to offer.  MpQueue speaks to its backend through this table
 * alone, so that a second home is a new file and a row where backends are chosen.
 *
 * A backend knows no value and no format: a message is a tag and bytes.  Every slot is
 * filled but those of operations that end later.  Answers are codes and not errors, since an
 * empty queue is daily life. */

typedef enum
{
  MP_QUEUE_OK,
  MP_QUEUE_EMPTY,
  MP_QUEUE_FULL,
  MP_QUEUE_CLOSED,
  MP_QUEUE_TOO_LARGE,
  MP_QUEUE_TOO_SHORT,  /* the buffer: the message stays queued */
  MP_QUEUE_OTHER_FORM, /* the next message has a tag that the caller cannot read: it stays */
  MP_QUEUE_CANCELLED,
  MP_QUEUE_INTERRUPTED, /* a signal handler ran, and the caller wants to know */
  MP_QUEUE_TIMED_OUT,   /* a wait that gets nothing */
  MP_QUEUE_DROPPED,     /* nothing is unfinished, but some messages were dropped and not done */
  MP_QUEUE_STALE,       /* the delivery is not the caller's any more */
  MP_QUEUE_DAMAGED,
  MP_QUEUE_NO_SPACE,      /* the system has no memory for it */
  MP_QUEUE_TOO_MUCH_HELD, /* by consumers: as many, or as large, messages as the queue can have */
  MP_QUEUE_BUSY,          /* a process holds the queue and does not go on: see `busy_pid` */
  MP_QUEUE_DETACHED,      /* this process cannot use the queue: see `attach` */
  MP_QUEUE_FAILED,        /* for a reason that only words can say: see `error` */
} MpQueueStatus;

typedef enum
{
  MP_QUEUE_MODE_PLAIN,
  MP_QUEUE_MODE_ACKNOWLEDGED,
} MpQueueMode;

/* With the byte that ends each text. */
#define MP_QUEUE_NAME_SIZE     64
#define MP_QUEUE_KIND_SIZE     16
#define MP_QUEUE_PROGRESS_SIZE 64

typedef struct
{
  MpQueueMode mode;
  guint32     max_size;                 /* 0: unlimited */
  guint64     max_bytes;                /* 0: as many as is sensible */
  guint32     max_deliveries;           /* 0: unlimited */
  char        name[MP_QUEUE_NAME_SIZE]; /* empty: none; else mp_queue_is_name () */
  char        kind[MP_QUEUE_KIND_SIZE]; /* the class of the object that made it, without prefix */
} MpQueueSettings;

/* What comes with every call that may wait or fail: how long it may take, and afterwards the
 * details of its failure. */
typedef struct
{
  gint64        timeout_us; /* -1: for ever; 0: not at all */
  GCancellable *cancellable;
  gboolean      interruptible;

  /* From the backend. */
  GError *error;    /* with FAILED; the caller's to free */
  gint64  busy_pid; /* with BUSY */
} MpQueueCall;

#define MP_QUEUE_MIN_PIECES 4096

typedef struct
{
  const guint8 *data;
  gsize         size;
  guint8        tag;

  /* When a message of at least MP_QUEUE_MIN_PIECES bytes is in several places, these, in the
   * place of @data; @size is that of all. */
  const GOutputVector *pieces;
} MpQueueItem;

static inline void
mp_queue_item_store (const MpQueueItem *item,
                     guint8            *destination)
{
  gsize done = 0;

  if (item->pieces == NULL)
    {
      if (item->size > 0)
        memcpy (destination, item->data, item->size);
      return;
    }
  for (guint i = 0; done < item->size; done += item->pieces[i++].size)
    if (item->pieces[i].size > 0)
      memcpy (destination + done, item->pieces[i].buffer, item->pieces[i].size);
}

/* Which messages a get can read: a bit for each tag. */
typedef struct
{
  guint32 any;        /* whatever the bytes are: taken at once */
  guint32 sound;      /* unless the bytes are not what the tag says */
  guint32 by_content; /* only some: what the bytes say decides */
} MpQueueAccepted;

#define MP_QUEUE_TAG(tag) (1u << (tag))

/* Names one delivery of one message for `finish`. */
typedef struct
{
  guint32 lease; /* 0: none */
  guint32 n_deliveries;
  guint64 serial;
} MpQueueToken;

typedef struct
{
  /* From the caller: where a message that fits is copied.  What is larger gets memory of
   * its own, or stays queued when the buffer is all that the caller has. */
  guint8  *buffer;
  gsize    capacity;
  gboolean only_buffer;

  /* From the backend. */
  guint8      *data; /* the buffer, or memory to be freed with g_free () */
  gsize        size;
  guint8       tag;
  MpQueueToken token; /* without a lease the message is the caller's for good */

  /* The message is the caller's only when `settle` said so: it is not accepted as `any`. */
  gboolean tentative;
  guint64  position; /* the backend's, to find the message again */
} MpQueueDelivery;

typedef enum
{
  MP_QUEUE_FINISH_DONE,
  MP_QUEUE_FINISH_RETRY,
} MpQueueFinish;

typedef enum
{
  MP_QUEUE_WAIT_ITEMS,   /* something to get */
  MP_QUEUE_WAIT_SPACE,   /* room for something to put */
  MP_QUEUE_WAIT_DONE,    /* nothing unfinished */
  MP_QUEUE_WAIT_NEWS,    /* a bell's only: something was put or finished */
  MP_QUEUE_WAIT_ANSWERS, /* a bell's only: an operation may have ended */
} MpQueueCondition;

typedef struct
{
  guint32 size;
  guint32 n_unfinished;
  guint64 n_bytes;
  guint64 n_total;   /* put in this batch, or unfinished when it began */
  guint64 n_dropped; /* of these */
} MpQueueCounts;

/* A delivery in somebody's hands. */
typedef struct
{
  guint64 serial;
  guint32 n_deliveries;
  gint64  pid;
  double  fraction; /* negative: not told */
  char    text[MP_QUEUE_PROGRESS_SIZE];
} MpQueueProgress;

typedef void (*MpQueueListFunc) (const MpQueueProgress *progress,
                                 gpointer               user_data);

/* A descriptor that becomes readable when a condition may hold, in one main loop. */
typedef struct _MpQueueBell MpQueueBell;

/* A call that ends later.  The caller fills in what the blocking slot would be given. */
typedef enum
{
  MP_QUEUE_OPERATION_PUT,
  MP_QUEUE_OPERATION_GET,
  MP_QUEUE_OPERATION_SETTLE,
  MP_QUEUE_OPERATION_WAIT,
} MpQueueOperationKind;

typedef struct _MpQueueOperation MpQueueOperation;
struct _MpQueueOperation
{
  MpQueueOperationKind kind;

  MpQueueItem            item;      /* PUT */
  const MpQueueAccepted *accepted;  /* GET */
  MpQueueDelivery       *delivery;  /* GET, SETTLE */
  gboolean               take;      /* SETTLE */
  MpQueueCondition       condition; /* WAIT */

  /* From the backend, before it calls @done. */
  MpQueueStatus status;
  MpQueueCall   call; /* its error and busy_pid; nothing waits longer than its caller says */
  void (*done) (MpQueueOperation *self);

  GList link; /* the backend's, for its own list */
};

typedef struct
{
  /* What the queue is in, for messages of errors. */
  const char *name;

  /* Opens what @uri and @descriptors, which are borrowed, name.  Without descriptors a home
   * whose queues have no names makes a new one, as @wanted says; @wanted is %NULL when the
   * queue is to be taken as it is.  NULL with the call's error set. */
  gpointer (*open) (const char            *uri,
                    GUnixFDList           *descriptors,
                    const MpQueueSettings *wanted,
                    MpQueueCall           *call);
  void (*free) (gpointer self);
  void (*get_settings) (gpointer         self,
                        MpQueueSettings *settings);
  /* How long a waiter may spin before it sleeps; 0 is not at all. */
  void (*set_spin) (gpointer self,
                    guint    spin_us);

  /* Appends as many as there is room for before the wait is over; OK when that is all. */
  MpQueueStatus (*put) (gpointer           self,
                        const MpQueueItem *items,
                        guint              n_items,
                        MpQueueCall       *call,
                        guint             *n_put);
  /* Waits for the first, and takes what else is there and accepted as `any`, at most @n. */
  MpQueueStatus (*get) (gpointer               self,
                        MpQueueDelivery       *deliveries,
                        guint                  n,
                        const MpQueueAccepted *accepted,
                        MpQueueCall           *call,
                        guint                 *n_got);
  /* Takes a message that was delivered tentatively, or leaves it in its place, uncounted.
   * STALE when it was not there any more: another consumer was faster. */
  MpQueueStatus (*settle) (gpointer         self,
                           MpQueueDelivery *delivery,
                           gboolean         take,
                           MpQueueCall     *call);
  MpQueueStatus (*wait) (gpointer         self,
                         MpQueueCondition condition,
                         MpQueueCall     *call);
  MpQueueStatus (*finish) (gpointer            self,
                           const MpQueueToken *token,
                           MpQueueFinish       how,
                           MpQueueCall        *call);
  MpQueueStatus (*progress) (gpointer            self,
                             const MpQueueToken *token,
                             double              fraction,
                             const char         *text,
                             MpQueueCall        *call);
  /* Calls @func for each delivery that is in somebody's hands. */
  MpQueueStatus (*list) (gpointer        self,
                         MpQueueListFunc func,
                         gpointer        user_data,
                         MpQueueCall    *call);
  MpQueueStatus (*get_dead) (gpointer         self,
                             MpQueueDelivery *delivery,
                             MpQueueCall     *call);
  MpQueueStatus (*shutdown) (gpointer     self,
                             gboolean     immediate,
                             MpQueueCall *call);
  /* Drops what is queued now. */
  MpQueueStatus (*clear) (gpointer     self,
                          guint64     *n_dropped,
                          MpQueueCall *call);
  /* From now on what was done or dropped until now counts no more. */
  MpQueueStatus (*begin_batch) (gpointer     self,
                                MpQueueCall *call);
  /* Ends this handle alone: whoever waits by it for items or space gets CLOSED. */
  void (*close) (gpointer self);
  MpQueueStatus (*count) (gpointer       self,
                          MpQueueCounts *counts,
                          MpQueueCall   *call);
  /* Whether the condition holds now; TRUE also when waiting for it would fail.  Never waits. */
  gboolean (*check) (gpointer         self,
                     MpQueueCondition condition);

  /* Operations that end later, where calls meet a network; else NULL.  @done is called in
   * `bell_arm` of a bell for ANSWERS and nowhere else.  `cancel` says FALSE when it is too
   * late: @done comes. */
  void (*begin) (gpointer          self,
                 MpQueueOperation *operation);
  gboolean (*cancel) (gpointer          self,
                      MpQueueOperation *operation);

  MpQueueBell *(*bell_new) (gpointer         self,
                            MpQueueCondition condition,
                            GError         **error);
  void (*bell_free) (gpointer     self,
                     MpQueueBell *bell);
  int (*bell_fd) (MpQueueBell *bell);
  /* Makes the bell ring for what comes from now on; the caller then checks once more.
   * @rang: the descriptor was found readable. */
  void (*bell_arm) (gpointer     self,
                    MpQueueBell *bell,
                    gboolean     rang);
  /* Keeps the descriptor readable as long as @pending. */
  void (*bell_hold) (MpQueueBell *bell,
                     gboolean     pending);

  /* What another process needs to open the queue: a URI, and descriptors appended. */
  char *(*share) (gpointer     self,
                  GUnixFDList *descriptors,
                  GError     **error);
  /* FALSE with the reason when this process cannot use the queue. */
  gboolean (*attach) (gpointer self,
                      GError **error);
} MpQueueBackend;

G_END_DECLS
