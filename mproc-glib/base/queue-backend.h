/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-large-memory.h"

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#include <string.h>

G_BEGIN_DECLS

/* What a backend, a place in which queues live, has to implement.  MpQueue calls its backend only
 * through this table, so a further backend is a new file and a row in the table of schemes.
 *
 * A backend knows neither values nor formats: a message is a tag and bytes.  Every slot is filled,
 * except those of operations that end later.  Results are status codes and not GErrors, since
 * "empty" and "full" are frequent results and an error is expensive to create. */

typedef enum
{
  MP_QUEUE_OK,
  MP_QUEUE_EMPTY,
  MP_QUEUE_FULL,
  MP_QUEUE_CLOSED,
  MP_QUEUE_TOO_LARGE,
  MP_QUEUE_TOO_SHORT,  /* the buffer is too short; the message stays queued */
  MP_QUEUE_OTHER_FORM, /* the caller cannot read the tag of the next message, which stays queued */
  MP_QUEUE_CANCELLED,
  MP_QUEUE_INTERRUPTED, /* a signal handler ran and the call is `interruptible` */
  MP_QUEUE_TIMED_OUT,   /* the condition of `wait` did not come to hold */
  MP_QUEUE_DROPPED,     /* no message is unfinished, but some were dropped */
  MP_QUEUE_STALE,       /* the delivery does not belong to the caller any more */
  MP_QUEUE_DAMAGED,
  MP_QUEUE_NO_SPACE,      /* the system has no memory for the message */
  MP_QUEUE_TOO_MUCH_HELD, /* consumers hold as many or as large messages as the queue can store */
  MP_QUEUE_BUSY,          /* a process holds a lock and does not run: see `busy_pid` */
  MP_QUEUE_DETACHED,      /* this process cannot use the queue any more: see `attach` */
  MP_QUEUE_FAILED,        /* another error: see `error` */
} MpQueueStatus;

typedef enum
{
  MP_QUEUE_MODE_PLAIN,
  MP_QUEUE_MODE_ACKNOWLEDGED, /* messages have to be finished: see `finish` */
} MpQueueMode;

/* The default of max_deliveries in queues whose messages have to be finished. */
#define MP_QUEUE_DEFAULT_MAX_DELIVERIES 10

/* Sizes of texts, with the terminating 0. */
#define MP_QUEUE_NAME_SIZE     64
#define MP_QUEUE_KIND_SIZE     16
#define MP_QUEUE_PROGRESS_SIZE 64

typedef struct
{
  MpQueueMode mode;
  guint32     max_size;                 /* 0: unlimited */
  guint64     max_bytes;                /* 0: the backend's default */
  guint32     max_deliveries;           /* 0: unlimited */
  char        name[MP_QUEUE_NAME_SIZE]; /* empty: none; else mp_queue_is_name () */
  char        kind[MP_QUEUE_KIND_SIZE]; /* the class of the object that made it, without prefix */
} MpQueueSettings;

/* Arguments and results of every call that may wait or fail: how long it may take, and the details
 * of a failure. */
typedef struct
{
  gint64        timeout_us; /* -1: no timeout; 0: do not wait */
  GCancellable *cancellable;
  gboolean      interruptible;

  /* Set by the backend. */
  GError *error;    /* with FAILED; owned by the caller */
  gint64  busy_pid; /* with BUSY */
} MpQueueCall;

#define MP_QUEUE_MIN_PIECES 4096

typedef struct
{
  const guint8 *data;
  gsize         size;
  guint8        tag;

  /* If a message of at least MP_QUEUE_MIN_PIECES bytes is scattered over several buffers, these
   * replace @data; @size is the sum of their sizes. */
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

/* The tags that a get can read, as bit masks. */
typedef struct
{
  guint32 any;        /* readable whatever the bytes are: taken at once */
  guint32 sound;      /* readable unless the bytes are malformed */
  guint32 by_content; /* readable depending on the content */

  /* A part of `by_content`: messages with these tags are readable only if they begin with @prefix,
   * and then are taken like `any`.  Of others only MP_QUEUE_PEEK_SIZE bytes are delivered, for an
   * error message. */
  guint32     by_prefix;
  const char *prefix;
  gsize       prefix_size; /* MP_QUEUE_PEEK_SIZE at most */
} MpQueueAccepted;

#define MP_QUEUE_PEEK_SIZE 256

#define MP_QUEUE_TAG(tag) (1u << (tag))

/* Identifies one delivery of one message, for `finish`. */
typedef struct
{
  guint32 lease; /* 0: none */
  guint32 n_deliveries;
  guint64 serial;
} MpQueueToken;

typedef struct
{
  /* Set by the caller: a buffer for messages that fit.  Larger ones get allocated memory, or stay
   * queued if `only_buffer` is set.  In a batch, one without a buffer gets what is left of the
   * buffer of the one before it. */
  guint8  *buffer;
  gsize    capacity;
  gboolean only_buffer;
  gboolean accepts_large; /* the allocated memory may be an MpLargeMemory */

  /* Set by the backend. */
  guint8        *data;  /* the buffer, or memory to be freed with g_free () */
  MpLargeMemory *large; /* what @data is in instead */
  gsize          size;
  guint8         tag;
  MpQueueToken   token; /* without a lease, nothing remains to be finished */

  /* The message was not accepted as `any`, so it belongs to the caller only after `settle`. */
  gboolean tentative;
  guint64  position; /* private to the backend, to find the message again */
} MpQueueDelivery;

/* Called by the backend for each but the first of a batch. */
static inline void
mp_queue_delivery_follow (MpQueueDelivery       *self,
                          const MpQueueDelivery *previous)
{
  gsize used = previous->data == previous->buffer ? previous->size : 0;

  if (self->buffer != NULL || previous->buffer == NULL)
    return;
  self->buffer = previous->buffer + used;
  self->capacity = previous->capacity - used;
}

typedef enum
{
  MP_QUEUE_FINISH_DONE,
  MP_QUEUE_FINISH_RETRY,
  MP_QUEUE_FINISH_CONSUME, /* never redelivered, and not done until marked as done */
} MpQueueFinish;

typedef enum
{
  MP_QUEUE_WAIT_ITEMS,   /* something to get */
  MP_QUEUE_WAIT_SPACE,   /* room for something to put */
  MP_QUEUE_WAIT_DONE,    /* nothing unfinished */
  MP_QUEUE_WAIT_NEWS,    /* for bells only: a message was put or finished */
  MP_QUEUE_WAIT_ANSWERS, /* for bells only: an operation may have ended */
} MpQueueCondition;

typedef struct
{
  guint32 size;
  guint32 n_unfinished;
  guint64 n_bytes;
  guint64 n_total;   /* put in this batch, or unfinished when it began */
  guint64 n_dropped; /* how many of `n_total` were dropped */
} MpQueueCounts;

/* A delivered message that is not finished yet. */
typedef struct
{
  guint64 serial;
  guint32 n_deliveries;
  gint64  pid;
  double  fraction; /* negative: not reported */
  char    text[MP_QUEUE_PROGRESS_SIZE];
} MpQueueProgress;

typedef void (*MpQueueListFunc) (const MpQueueProgress *progress,
                                 gpointer               user_data);

/* A descriptor that becomes readable when a condition may hold, in one main loop. */
typedef struct _MpQueueBell MpQueueBell;

/* An operation that ends later.  The caller fills in the arguments of the corresponding blocking
 * slot, and keeps them in place until @done is called. */
typedef enum
{
  MP_QUEUE_OPERATION_PUT,
  MP_QUEUE_OPERATION_GET,
  MP_QUEUE_OPERATION_SETTLE,
  MP_QUEUE_OPERATION_WAIT,
  MP_QUEUE_OPERATION_FINISH,
  MP_QUEUE_OPERATION_SHUTDOWN,
  MP_QUEUE_OPERATION_CLEAR,
} MpQueueOperationKind;

typedef struct _MpQueueOperation MpQueueOperation;
struct _MpQueueOperation
{
  MpQueueOperationKind kind;

  const MpQueueItem     *items;      /* PUT */
  MpQueueDelivery       *deliveries; /* GET; SETTLE: the first */
  guint                  n;          /* how many items, deliveries or tokens there are */
  const MpQueueAccepted *accepted;   /* GET */
  gboolean               take;       /* SETTLE */
  MpQueueCondition       condition;  /* WAIT */
  const MpQueueToken    *tokens;     /* FINISH */
  MpQueueFinish          how;
  MpQueueStatus         *answers;   /* set by the backend */
  gboolean               immediate; /* SHUTDOWN */

  /* Set by the backend before it calls @done. */
  MpQueueStatus status;
  guint         n_done;    /* the number of messages put or got */
  guint64       n_dropped; /* CLEAR */
  MpQueueCall   call;      /* its timeout, and the details of a failure */
  void (*done) (MpQueueOperation *self);

  GList link; /* private to the backend */
};

typedef struct
{
  /* Where queues of this backend live, for error messages. */
  const char *name;

  /* Opens the queue that @uri and @descriptors identify; both are borrowed.  With @wanted, a new
   * queue may be created with these settings, and an existing one has to have its mode; if @wanted
   * is NULL, the URI alone says what is opened.  Returns NULL with the call's error set on
   * failure. */
  gpointer (*open) (const char            *uri,
                    GUnixFDList           *descriptors,
                    const MpQueueSettings *wanted,
                    MpQueueCall           *call);
  /* Removes the name of the queue that @uri identifies, and shuts the queue down immediately.
   * Returns FALSE with the call's error set on failure. */
  gboolean (*remove) (const char  *uri,
                      MpQueueCall *call);
  void (*free) (gpointer self);
  void (*get_settings) (gpointer         self,
                        MpQueueSettings *settings);
  /* How long a waiter may spin before it sleeps; 0 disables spinning. */
  void (*set_spin) (gpointer self,
                    guint    spin_us);

  /* Appends as many items as there is room for until the timeout.  OK if all were appended. */
  MpQueueStatus (*put) (gpointer           self,
                        const MpQueueItem *items,
                        guint              n_items,
                        MpQueueCall       *call,
                        guint             *n_put);
  /* Waits for one message, and also takes those behind it that are accepted as `any`, at most @n in
   * all. */
  MpQueueStatus (*get) (gpointer               self,
                        MpQueueDelivery       *deliveries,
                        guint                  n,
                        const MpQueueAccepted *accepted,
                        MpQueueCall           *call,
                        guint                 *n_got);
  /* Takes a message that was delivered tentatively, or leaves it in its place without counting the
   * delivery.  STALE if another consumer has taken it meanwhile.  After BUSY, CANCELLED and
   * INTERRUPTED it is still tentative: the caller may try again, or forget it. */
  MpQueueStatus (*settle) (gpointer         self,
                           MpQueueDelivery *delivery,
                           gboolean         take,
                           MpQueueCall     *call);
  MpQueueStatus (*wait) (gpointer         self,
                         MpQueueCondition condition,
                         MpQueueCall     *call);
  /* Finishes @n deliveries in one step.  Returns OK if all were handled; @answers is set to OK or
   * STALE for each of these, and to the status of the call for the others.  If it is NULL, a
   * backend on a network does not wait for the answer of the server, and another one finishes what
   * it cannot finish now in a later call.  @tokens may be NULL if
   * @n is 1 and @how is DONE: then this finishes a message that was consumed before, or else the
   * oldest, or one of the oldest, that any consumer holds; the answer is EMPTY if there is none. */
  MpQueueStatus (*finish) (gpointer            self,
                           const MpQueueToken *tokens,
                           guint               n,
                           MpQueueFinish       how,
                           MpQueueStatus      *answers,
                           MpQueueCall        *call);
  MpQueueStatus (*progress) (gpointer            self,
                             const MpQueueToken *token,
                             double              fraction,
                             const char         *text,
                             MpQueueCall        *call);
  /* Calls @func for each delivered message that is not finished yet. */
  MpQueueStatus (*list) (gpointer        self,
                         MpQueueListFunc func,
                         gpointer        user_data,
                         MpQueueCall    *call);
  /* Takes the dead letter with that serial, or the oldest one if it is NULL. */
  MpQueueStatus (*get_dead) (gpointer         self,
                             const guint64   *serial,
                             MpQueueDelivery *delivery,
                             MpQueueCall     *call);
  /* Moves that dead letter, in one step, ahead of the queued messages, as if it had never been
   * delivered.  CLOSED after a shutdown. */
  MpQueueStatus (*requeue) (gpointer       self,
                            const guint64 *serial,
                            MpQueueCall   *call);
  MpQueueStatus (*shutdown) (gpointer     self,
                             gboolean     immediate,
                             MpQueueCall *call);
  /* Drops the messages that are queued at the time of the call. */
  MpQueueStatus (*clear) (gpointer     self,
                          guint64     *n_dropped,
                          MpQueueCall *call);
  /* Begins a new batch: messages finished or dropped before are no longer counted. */
  MpQueueStatus (*begin_batch) (gpointer     self,
                                MpQueueCall *call);
  /* Closes this handle only: calls that wait for items or space through it get CLOSED. */
  void (*close) (gpointer self);
  MpQueueStatus (*count) (gpointer       self,
                          MpQueueCounts *counts,
                          MpQueueCall   *call);
  /* Whether the condition holds now.  Also TRUE if waiting for it would fail.  Never waits. */
  gboolean (*check) (gpointer         self,
                     MpQueueCondition condition);

  /* Operations that end later, for backends on a network; else NULL.  @done is called only by
   * `bell_arm` of a bell for ANSWERS.  `cancel` returns FALSE if it is too late and @done will be
   * called; otherwise what is to be finished, shut down or cleared may be so nevertheless. */
  void (*begin) (gpointer          self,
                 MpQueueOperation *operation);
  gboolean (*cancel) (gpointer          self,
                      MpQueueOperation *operation);
  /* Returns messages that an operation has got and that were not handed to the program to their
   * place in the queue, without counting the delivery.  Does not wait: a backend on a network may
   * keep them for the next get through this handle, and return them when the handle is freed. */
  void (*give_back) (gpointer         self,
                     MpQueueDelivery *deliveries,
                     guint            n);

  MpQueueBell *(*bell_new) (gpointer         self,
                            MpQueueCondition condition,
                            GError         **error);
  void (*bell_free) (gpointer     self,
                     MpQueueBell *bell);
  int (*bell_fd) (MpQueueBell *bell);
  /* Arms the bell for changes from now on; the caller then checks the condition once more.  @rang
   * says that the descriptor was readable. */
  void (*bell_arm) (gpointer     self,
                    MpQueueBell *bell,
                    gboolean     rang);
  /* Keeps the descriptor readable while @pending. */
  void (*bell_hold) (MpQueueBell *bell,
                     gboolean     pending);

  /* Describes the queue for another process: returns a URI and appends descriptors. */
  char *(*describe) (gpointer     self,
                     GUnixFDList *descriptors,
                     GError     **error);
  /* Checks that this process can use the queue.  Returns FALSE with the reason in @error if not. */
  gboolean (*attach) (gpointer self,
                      GError **error);
} MpQueueBackend;

G_END_DECLS
