/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-pool.h"

#include "base/mp-fork.h"
#include "mp-joinable-queue.h"
#include "mp-waitable.h"
#include "pool-watch.h"

G_BEGIN_DECLS

/* A task on its way: it waits in the pool until there is room for it in the queue, then it is in
 * the queue or held by a worker, then it is settled. */
typedef enum
{
  MP_SUBMISSION_WAITING,
  MP_SUBMISSION_GIVEN,
  MP_SUBMISSION_SETTLED,
} MpSubmissionState;

typedef struct
{
  MpSubmissionState state;
  guint64           number;
  int               priority;
  GVariant         *packed; /* until it is given */
  gint64            given_at;

  /* The caller of submit_async (); NULL if submit () waits for the result itself. */
  GTask *task;
  gulong cancelled_id; /* the handler of its cancellable */

  GVariant *value;
  GError   *error;
  GList     link; /* in `waiting` or `settled` */
} MpSubmission;

/* A place for a worker.  Its process is replaced when it ends. */
typedef struct
{
  guint32    id;      /* of the process */
  MpProcess *process; /* NULL: it will be started at `start_at` */
  gint64     start_at;
  gint64     started_at;
  gboolean   is_ready; /* it has opened the queues of the pool */

  /* The task that it has, if the pool has a task timeout. */
  guint64  task; /* 0: none */
  gint64   task_since;
  gboolean is_dismissed; /* it was terminated, and not since it is late */
  gboolean is_late;      /* it has exceeded the task timeout, and is being terminated */

  /* When it is sent SIGTERM, and when SIGKILL; MP_DEADLINE_NEVER for not. */
  gint64 terminate_at;
  gint64 kill_at;
} MpPoolSlot;

typedef enum
{
  MP_POOL_NEW,
  MP_POOL_RUNNING,
  MP_POOL_FINISHING, /* takes no more tasks, and ends when those it has are done */
  MP_POOL_ENDING,    /* waits for the workers to end */
  MP_POOL_ENDED,
} MpPoolPhase;

/* A call of stop_async (). */
typedef struct
{
  GTask   *task;
  gulong   cancelled_id;
  gboolean is_cancelled;
} MpPoolStop;

/* What the program is told, in the main context of the pool. */
typedef struct
{
  enum
  {
    MP_POOL_EVENT_STARTED,
    MP_POOL_EVENT_WORKER_ENDED,
    MP_POOL_EVENT_FAILED,
    MP_POOL_EVENT_ENDED,
  } kind;
  MpProcess *process;
  int        exit_code;
  GError    *error;
} MpPoolEvent;

struct _MpPool
{
  GObject parent_instance;

  /* Settings. */
  char        **argv;
  GHashTable   *given; /* MpShareables by name */
  guint         n_workers;
  guint         max_tasks;
  guint64       max_memory;
  gint64        task_timeout;
  guint         max_deliveries;
  gint64        grace;
  gint64        restart_delay;
  guint         max_restarts;
  MpPoolRestart restart;

  /* Set by start (). */
  MpPoolPhase      phase;
  guint32          fork_count;
  MpJoinableQueue *tasks;
  MpQueue         *reports;
  MpPoolWatch      watch;
  MpWaitable      *waited; /* the descriptor of the watch */
  GMainContext    *context;
  GThread         *thread; /* not referenced */
  GSource         *source;

  /* The tasks. */
  guint64     last_number;
  GQueue      waiting;     /* submissions by priority, then by age */
  GHashTable *submissions; /* those that are not settled, by number */
  guint       n_given;     /* tasks that are in the queue or held by workers */
  guint       ahead;       /* how many tasks for each worker are in the queue */

  /* The workers. */
  GPtrArray *slots;
  guint32    last_id;
  guint      n_leaving; /* workers that were asked to end since there are too many */
  guint      n_restarts;
  guint      n_failures;         /* workers in a row that have ended before they were ready */
  gint64     delay;              /* before the next worker is replaced */
  char      *last_end;           /* how the last worker that failed has ended, for error messages */
  gboolean   last_was_late;      /* that worker had exceeded the task timeout */
  gint64     dead_letters_until; /* until when dead letters are checked for often */
  gint64     dead_letters_at;    /* when to check for them next */
  GError    *failure;

  /* What the program is still to be told, and what it was told last. */
  GQueue     settled;
  GQueue     events;
  GPtrArray *stops; /* calls of stop_async () */
  guint      told_n_alive;
  guint      told_n_pending;
  guint      told_n_restarts;
};

static inline guint
mp_pool_count_alive (MpPool *self)
{
  guint n = 0;

  for (guint i = 0; i < self->slots->len; i++)
    n += ((MpPoolSlot *) g_ptr_array_index (self->slots, i))->process != NULL;
  return n;
}

/* Whether the pool was started in this process, and not in a parent that has forked since. */
static inline gboolean
mp_pool_is_own (MpPool *self)
{
  return self->fork_count == mp_fork_count;
}

static inline guint
mp_pool_count_pending (MpPool *self)
{
  return g_hash_table_size (self->submissions);
}

G_END_DECLS
