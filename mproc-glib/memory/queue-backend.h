/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

/* What a home for queues has to offer.  MpQueue speaks to its backend through this table
 * alone, so that a second home is a new file and a row where backends are chosen.
 *
 * A backend knows no value and no format: a message is a tag and bytes.  Every slot is
 * filled.  Answers are codes and not errors, since an empty queue is daily life. */

typedef enum
{
  MP_QUEUE_OK,
  MP_QUEUE_EMPTY,
  MP_QUEUE_FULL,
  MP_QUEUE_CLOSED,
  MP_QUEUE_TOO_LARGE,
  MP_QUEUE_TOO_SHORT, /* the buffer: the message stays queued */
  MP_QUEUE_CANCELLED,
  MP_QUEUE_INTERRUPTED, /* a signal handler ran, and the caller wants to know */
  MP_QUEUE_TIMED_OUT,   /* a wait that gets nothing */
  MP_QUEUE_STALE,
  MP_QUEUE_TOO_MANY_DONE,
  MP_QUEUE_DAMAGED,
  MP_QUEUE_NO_SPACE, /* memory or a table is exhausted */
  MP_QUEUE_DETACHED, /* this process cannot use the queue: see `attach` */
} MpQueueStatus;

/* How long a call may wait. */
typedef struct
{
  gint64        timeout_us; /* -1: for ever; 0: not at all */
  GCancellable *cancellable;
  gboolean      interruptible;
} MpQueueWait;

typedef struct
{
  const guint8 *data;
  gsize         size;
  guint8        tag;
} MpQueueItem;

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
} MpQueueDelivery;

typedef enum
{
  MP_QUEUE_FINISH_DONE,
  MP_QUEUE_FINISH_RETRY,
} MpQueueFinish;

typedef enum
{
  MP_QUEUE_WAIT_ITEMS, /* something to get */
  MP_QUEUE_WAIT_SPACE, /* room for something to put */
  MP_QUEUE_WAIT_DONE,  /* nothing unfinished */
  MP_QUEUE_WAIT_NEWS,  /* a bell's only: something was put or finished */
} MpQueueCondition;

typedef struct
{
  guint32 size;
  guint32 n_unfinished;
  guint64 n_bytes;
  guint64 n_total; /* ever put */
} MpQueueCounts;

/* A delivery in somebody's hands. */
typedef struct
{
  guint64 serial;
  guint32 n_deliveries;
  gint64  pid;
  double  fraction; /* negative: not told */
  char    text[72];
} MpQueueProgress;

/* A descriptor that becomes readable when a condition may hold, in one main loop. */
typedef struct _MpQueueBell MpQueueBell;

typedef struct
{
  const char *name;

  void (*free) (gpointer self);

  /* Appends as many as there is room for before the wait is over; OK when that is all. */
  MpQueueStatus (*put) (gpointer           self,
                        const MpQueueItem *items,
                        guint              n_items,
                        const MpQueueWait *wait,
                        guint             *n_put);
  MpQueueStatus (*get) (gpointer           self,
                        MpQueueDelivery   *delivery,
                        const MpQueueWait *wait);
  /* Takes what is there now, at most @n; OK when that is at least one. */
  MpQueueStatus (*get_many) (gpointer         self,
                             MpQueueDelivery *deliveries,
                             guint            n,
                             guint           *n_got);
  MpQueueStatus (*wait) (gpointer           self,
                         MpQueueCondition   condition,
                         const MpQueueWait *wait);
  /* Remembers a delivery, to be finished by its age. */
  void (*keep) (gpointer            self,
                const MpQueueToken *token);
  /* With a %NULL token: the oldest delivery that was kept. */
  MpQueueStatus (*finish) (gpointer            self,
                           const MpQueueToken *token,
                           MpQueueFinish       how);
  /* Queues again, ahead of all else, what was the caller's for good and of no use to it. */
  MpQueueStatus (*give_back) (gpointer           self,
                              const MpQueueItem *item);
  MpQueueStatus (*progress) (gpointer            self,
                             const MpQueueToken *token,
                             double              fraction,
                             const char         *text);
  /* Calls @func for each delivery that is in somebody's hands. */
  void (*list) (gpointer self,
                void (*func) (const MpQueueProgress *progress,
                              gpointer               user_data),
                gpointer user_data);
  MpQueueStatus (*get_dead) (gpointer         self,
                             MpQueueDelivery *delivery);
  MpQueueStatus (*shutdown) (gpointer self,
                             gboolean immediate);
  /* Whether the condition holds now; TRUE also when waiting for it would fail. */
  gboolean (*check) (gpointer         self,
                     MpQueueCondition condition);
  void (*count) (gpointer       self,
                 MpQueueCounts *counts);

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
