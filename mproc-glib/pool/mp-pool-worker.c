/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-pool-worker.h"

#include "base/mp-async.h"
#include "mp-error.h"
#include "mp-inherit.h"
#include "mp-pool-task-private.h"
#include "pool-protocol.h"

#include <glib/gi18n-lib.h>
#include <stdio.h>
#include <unistd.h>

/**
 * MpPoolWorker:
 *
 * The side of a worker of a [class@Pool]: what the pool has for it to do.
 *
 * ```c
 * g_autoptr (MpPoolWorker) worker = mp_pool_worker_new (&error);
 * g_autoptr (MpPoolTask) task = mp_pool_worker_get_task (worker, -1, NULL, &error);
 *
 * mp_pool_task_return_value (task, result_of (task), &error);
 * ```
 *
 * [func@Pool.work] does all of this for a program that only works.
 *
 * A worker ends when a get fails with `MP_ERROR_CLOSED`: the pool was stopped or is gone, has too
 * many workers, or this one has done as many tasks or uses as much memory as the pool permits.
 *
 * All functions may be called from any thread.
 *
 * Since: 1.0
 */
struct _MpPoolWorker
{
  GObject          parent_instance;
  MpPoolSettings   settings;
  MpJoinableQueue *tasks;
  MpQueue         *reports;
  guint            n_taken; /* atomic */
  gboolean         leaves;  /* atomic; the pool has asked this worker to end */
};

G_DEFINE_FINAL_TYPE (MpPoolWorker, mp_pool_worker, G_TYPE_OBJECT)

static void
mp_pool_worker_finalize (GObject *object)
{
  MpPoolWorker *self = MP_POOL_WORKER (object);

  g_clear_object (&self->tasks);
  g_clear_object (&self->reports);

  G_OBJECT_CLASS (mp_pool_worker_parent_class)->finalize (object);
}

static void
mp_pool_worker_class_init (MpPoolWorkerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = mp_pool_worker_finalize;
}

static void
mp_pool_worker_init (MpPoolWorker *self)
{
}

static gboolean
report (MpPoolWorker    *self,
        MpPoolReportKind kind,
        guint64          number,
        GError         **error)
{
  return mp_queue_put (self->reports,
                       mp_pool_report_pack (kind, self->settings.id, number,
                                            g_variant_new_boolean (TRUE)),
                       -1, NULL, error);
}

/**
 * mp_pool_worker_new:
 * @error: return location for an error
 *
 * Creates the side of the worker that this process is.
 *
 * Fails with `G_IO_ERROR_NOT_FOUND` if this process was not started by a pool, and as
 * [func@inherit] does. Call it at the start of the program, as [func@inherit].
 *
 * Returns: (transfer full): a new object; %NULL with @error set
 *
 * Since: 1.0
 */
MpPoolWorker *
mp_pool_worker_new (GError **error)
{
  g_autoptr (MpPoolWorker) self = g_object_new (MP_TYPE_POOL_WORKER, NULL);
  const char *settings = g_getenv (MP_POOL_VARIABLE);

  if (settings == NULL || !mp_pool_settings_from_string (&self->settings, settings))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                           _ ("This process is not a worker of a pool"));
      return NULL;
    }

  self->tasks = (MpJoinableQueue *) mp_inherit (MP_POOL_TASKS, error);
  if (self->tasks == NULL)
    return NULL;
  self->reports = (MpQueue *) mp_inherit (MP_POOL_REPORTS, error);
  if (self->reports == NULL)
    return NULL;
  return report (self, MP_POOL_REPORT_READY, 0, error) ? g_steal_pointer (&self) : NULL;
}

/**
 * mp_pool_worker_get_queue:
 * @self: a worker
 *
 * Gets the queue that has the tasks, to wait for it together with other objects. Its messages are
 * to be got by [method@PoolWorker.get_task].
 *
 * Returns: (transfer none) (nullable): the queue; %NULL if the worker was created by other code
 *
 * Since: 1.0
 */
MpJoinableQueue *
mp_pool_worker_get_queue (MpPoolWorker *self)
{
  g_return_val_if_fail (MP_IS_POOL_WORKER (self), NULL);

  return self->tasks;
}

/* Returns 0 if it cannot be read. */
static guint64
resident_bytes (void)
{
  g_autofree char *text = NULL;
  unsigned long    n_pages = 0;

  if (!g_file_get_contents ("/proc/self/statm", &text, NULL, NULL) ||
      sscanf (text, "%*u %lu", &n_pages) != 1)
    return 0;
  return (guint64) n_pages * (guint64) sysconf (_SC_PAGESIZE);
}

static gboolean
may_take (MpPoolWorker *self,
          GError      **error)
{
  const MpPoolSettings *settings = &self->settings;
  const char           *reason = NULL;
  guint                 n_taken = (guint) g_atomic_int_get (&self->n_taken);

  if (self->tasks == NULL)
    reason = _ ("This process is not a worker of a pool");
  else if (g_atomic_int_get (&self->leaves))
    reason = _ ("The pool has too many workers");
  else if (settings->max_tasks != 0 && n_taken >= settings->max_tasks)
    reason = _ ("The worker has done as many tasks as it may");
  else if (settings->max_memory != 0 && n_taken > 0 && resident_bytes () > settings->max_memory)
    reason = _ ("The worker uses more memory than it may");

  if (reason != NULL)
    g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED, reason);
  return reason == NULL;
}

/* Takes ownership of @taken. */
static MpPoolTask *
begin (MpPoolWorker *self,
       MpTask       *taken,
       GError      **error)
{
  g_autoptr (MpPoolTask) task = mp_pool_task_new (taken, self->reports, self->settings.id, error);

  if (task == NULL)
    return NULL;
  if (mp_pool_task_get_number (task) == MP_POOL_LEAVE)
    {
      mp_pool_task_drop (task);
      g_atomic_int_set (&self->leaves, TRUE);
      may_take (self, error);
      return NULL;
    }

  g_atomic_int_inc (&self->n_taken);
  if (self->settings.reports_begin &&
      !report (self, MP_POOL_REPORT_BEGUN, mp_pool_task_get_number (task), error))
    return NULL;
  return g_steal_pointer (&task);
}

/**
 * mp_pool_worker_get_task:
 * @self: a worker
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Gets the next task.
 *
 * Fails with `MP_ERROR_CLOSED` when the worker is to end, with `MP_ERROR_EMPTY` if there is no task
 * before the timeout, with `MP_ERROR_INVALID_MESSAGE` if another program has put something else
 * into the queue, and with `G_IO_ERROR_CANCELLED`.
 *
 * Returns: (transfer full): a task; %NULL with @error set
 *
 * Since: 1.0
 */
MpPoolTask *
mp_pool_worker_get_task (MpPoolWorker *self,
                         gint64        timeout_us,
                         GCancellable *cancellable,
                         GError      **error)
{
  MpTask *taken;

  g_return_val_if_fail (MP_IS_POOL_WORKER (self), NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  if (!may_take (self, error))
    return NULL;
  taken = mp_joinable_queue_get_task (self->tasks, timeout_us, cancellable, error);
  return taken != NULL ? begin (self, taken, error) : NULL;
}

/**
 * mp_pool_worker_try_get_task:
 * @self: a worker
 * @error: return location for an error
 *
 * Gets the next task, if there is one.
 *
 * Fails as [method@PoolWorker.get_task] does.
 *
 * Returns: (transfer full) (nullable): a task; %NULL without an error if there is none
 *
 * Since: 1.0
 */
MpPoolTask *
mp_pool_worker_try_get_task (MpPoolWorker *self,
                             GError      **error)
{
  MpTask *taken;

  g_return_val_if_fail (MP_IS_POOL_WORKER (self), NULL);

  if (!may_take (self, error))
    return NULL;
  taken = mp_joinable_queue_try_get_task (self->tasks, error);
  return taken != NULL ? begin (self, taken, error) : NULL;
}

static void
got_cb (GObject      *source,
        GAsyncResult *result,
        gpointer      user_data)
{
  g_autoptr (GTask) call = user_data;
  GError     *error = NULL;
  MpPoolTask *task = NULL;
  MpTask     *taken;

  taken = mp_joinable_queue_get_task_finish (MP_JOINABLE_QUEUE (source), result, &error);
  if (taken != NULL)
    task = begin (g_task_get_source_object (call), taken, &error);

  if (task != NULL)
    g_task_return_pointer (call, task, g_object_unref);
  else
    g_task_return_error (call, error);
}

/**
 * mp_pool_worker_get_task_async:
 * @self: a worker
 * @io_priority: the priority of the call
 * @cancellable: (nullable): a cancellable; a cancelled call takes no task
 * @callback: (scope async): called when a task is there, in the caller's thread-default main
 *   context
 * @user_data: data for @callback
 *
 * Gets the next task, as soon as there is one.
 *
 * Since: 1.0
 */
void
mp_pool_worker_get_task_async (MpPoolWorker       *self,
                               int                 io_priority,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data)
{
  GError *error = NULL;
  GTask  *call;

  g_return_if_fail (MP_IS_POOL_WORKER (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  call = mp_async_new_task (self, mp_pool_worker_get_task_async, io_priority, cancellable,
                            callback, user_data);
  if (may_take (self, &error))
    {
      mp_joinable_queue_get_task_async (self->tasks, io_priority, cancellable, got_cb, call);
      return;
    }
  g_task_return_error (call, error);
  g_object_unref (call);
}

/**
 * mp_pool_worker_get_task_finish:
 * @self: a worker
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Finishes a call of [method@PoolWorker.get_task_async].
 *
 * Fails as [method@PoolWorker.get_task] does.
 *
 * Returns: (transfer full): a task; %NULL with @error set
 *
 * Since: 1.0
 */
MpPoolTask *
mp_pool_worker_get_task_finish (MpPoolWorker *self,
                                GAsyncResult *result,
                                GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, mp_pool_worker_get_task_async), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/* A result that cannot be sent is a failure of the task. */
static void
do_task (MpPoolTask *task,
         MpPoolFunc  function,
         gpointer    user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = function (mp_pool_task_get_function (task),
                                         mp_pool_task_get_argument (task), user_data, &error);

  if (value != NULL)
    {
      g_variant_take_ref (value);
      if (mp_pool_task_return_value (task, value, &error))
        return;
    }
  if (error == NULL)
    error = g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED, _ ("“%s” has returned no result"),
                         mp_pool_task_get_function (task));
  mp_pool_task_return_error (task, error, NULL);
}

/**
 * mp_pool_work:
 * @function: (scope call): does a task
 * @user_data: data for @function
 *
 * Does tasks until the worker is to end: the `main ()` of a worker.
 *
 * ```c
 * int
 * main (void)
 * {
 *   return mp_pool_work (do_task, NULL);
 * }
 * ```
 *
 * What goes wrong is printed to the standard error.
 *
 * Returns: the exit status of the program
 *
 * Since: 1.0
 */
int
mp_pool_work (MpPoolFunc function,
              gpointer   user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpPoolWorker) self = NULL;

  g_return_val_if_fail (function != NULL, 2);

  self = mp_pool_worker_new (&error);
  while (self != NULL && !g_error_matches (error, MP_ERROR, MP_ERROR_CLOSED))
    {
      g_autoptr (MpPoolTask) task = NULL;

      g_clear_error (&error);
      task = mp_pool_worker_get_task (self, -1, NULL, &error);
      if (task != NULL)
        do_task (task, function, user_data);
      else if (!g_error_matches (error, MP_ERROR, MP_ERROR_CLOSED) &&
               !g_error_matches (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE))
        break;
    }
  if (g_error_matches (error, MP_ERROR, MP_ERROR_CLOSED))
    return 0;
  g_printerr ("%s: %s\n", g_get_prgname () != NULL ? g_get_prgname () : "worker",
              error->message);
  return 1;
}
