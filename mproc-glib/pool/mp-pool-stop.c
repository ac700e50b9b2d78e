/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pool-state.h"

#include "base/mp-async.h"
#include "base/mp-deadline.h"
#include "pool-cancel.h"
#include "pool-step.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

/* Stopping a pool. */

static gboolean
is_over (MpPool *self)
{
  return self->phase == MP_POOL_NEW || self->phase == MP_POOL_ENDED || !mp_pool_is_own (self);
}

/**
 * mp_pool_stop:
 * @self: a pool
 * @finish_tasks: whether tasks that were submitted are done first
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Stops the pool, and waits until all workers have ended.
 *
 * It takes no more tasks from now on. If @finish_tasks, the workers do those that were submitted,
 * and are still replaced if they die meanwhile. Then they end by themselves; those that do not
 * within [property@Pool:grace] are terminated. Otherwise tasks without a result fail with
 * `MP_ERROR_CLOSED`, and the workers are terminated at once. A worker that has not ended within
 * another grace time after it was terminated is killed.
 *
 * Fails with `G_IO_ERROR_TIMED_OUT` and `G_IO_ERROR_CANCELLED`; the pool goes on stopping. The
 * caller's main context is not iterated. A pool that is not started, or is stopped, is not an
 * error.
 *
 * Returns: whether all workers have ended
 *
 * Since: 1.0
 */
gboolean
mp_pool_stop (MpPool       *self,
              gboolean      finish_tasks,
              gint64        timeout_us,
              GCancellable *cancellable,
              GError      **error)
{
  gint64 deadline = mp_deadline_for_timeout (timeout_us);

  g_return_val_if_fail (MP_IS_POOL (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);

  if (!is_over (self))
    mp_pool_begin_end (self, finish_tasks);
  while (!is_over (self))
    {
      GError *failure = NULL;

      mp_pool_step (self);
      if (is_over (self) ||
          mp_pool_sleep (self, MP_WAIT_FLAGS_NONE, mp_deadline_get_left (deadline), cancellable,
                         &failure))
        continue;
      if (failure == NULL)
        g_set_error (&failure, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                     _ ("The pool has not stopped after %" PRId64 " µs"), timeout_us);
      g_propagate_error (error, failure);
      return FALSE;
    }
  return TRUE;
}

static void
give_up (MpPool *self,
         GTask  *task)
{
  for (guint i = 0; i < self->stops->len; i++)
    {
      MpPoolStop *stop = g_ptr_array_index (self->stops, i);

      if (stop->task == task)
        stop->is_cancelled = TRUE;
    }
}

/**
 * mp_pool_stop_async:
 * @self: a pool
 * @finish_tasks: whether tasks that were submitted are done first
 * @io_priority: the priority of the call
 * @cancellable: (nullable): a cancellable, which ends the call; the pool goes on stopping
 * @callback: (scope async): called when all workers have ended
 * @user_data: data for @callback
 *
 * Asynchronous form of [method@Pool.stop].
 *
 * Since: 1.0
 */
void
mp_pool_stop_async (MpPool             *self,
                    gboolean            finish_tasks,
                    int                 io_priority,
                    GCancellable       *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer            user_data)
{
  MpPoolStop *stop;
  GTask      *task;

  g_return_if_fail (MP_IS_POOL (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = mp_async_new_task (self, mp_pool_stop_async, io_priority, cancellable, callback,
                            user_data);
  if (is_over (self))
    {
      g_task_return_boolean (task, TRUE);
      g_object_unref (task);
      return;
    }

  stop = g_new0 (MpPoolStop, 1);
  stop->task = task;
  g_ptr_array_add (self->stops, stop);
  stop->cancelled_id = mp_pool_watch_cancellable (self, task, give_up);
  mp_pool_begin_end (self, finish_tasks);
  mp_pool_step (self);
}

/**
 * mp_pool_stop_finish:
 * @self: a pool
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Finishes a call of [method@Pool.stop_async].
 *
 * Returns: whether all workers have ended; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_pool_stop_finish (MpPool       *self,
                     GAsyncResult *result,
                     GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, mp_pool_stop_async), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
