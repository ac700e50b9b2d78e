/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pool-state.h"

#include "base/mp-async.h"
#include "base/mp-deadline.h"
#include "pool-cancel.h"
#include "pool-events.h"
#include "pool-step.h"
#include "pool-tasks.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>

/* Having tasks done, and doing the work of the pool without a main loop. */

static GVariant *
propagate (MpSubmission *submission,
           GError      **error)
{
  GVariant *value = g_steal_pointer (&submission->value);

  if (submission->error != NULL)
    g_propagate_error (error, g_steal_pointer (&submission->error));
  mp_submission_free (submission);
  return value;
}

/**
 * mp_pool_submit:
 * @self: a pool that was started
 * @function: what the worker is to do
 * @argument: its argument; a floating reference is taken
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Has a worker call a function, and waits for the result.
 *
 * The caller's main context is not iterated; the pool works nevertheless, and emits its signals
 * later.
 *
 * Fails with the error that the worker returned; with `MP_ERROR_WORKER_DIED` if all workers that
 * were given the task have died, or no workers are left; with `G_IO_ERROR_TIMED_OUT` after the
 * timeout, or if the task takes longer than [property@Pool:task-timeout] each time; with
 * `MP_ERROR_CLOSED` if the pool is stopped; with `G_IO_ERROR_NOT_INITIALIZED` before the start;
 * and with `G_IO_ERROR_CANCELLED`. A task that is given up is not done, unless a worker may have it
 * already.
 *
 * Returns: (transfer full): the result; %NULL with @error set
 *
 * Since: 1.0
 */
GVariant *
mp_pool_submit (MpPool       *self,
                const char   *function,
                GVariant     *argument,
                gint64        timeout_us,
                GCancellable *cancellable,
                GError      **error)
{
  gint64        deadline = mp_deadline_for_timeout (timeout_us);
  MpSubmission *submission;

  g_return_val_if_fail (MP_IS_POOL (self), NULL);
  g_return_val_if_fail (function != NULL, NULL);
  g_return_val_if_fail (argument != NULL, NULL);

  submission = mp_pool_add_task (self, function, argument, G_PRIORITY_DEFAULT);
  while (submission->state != MP_SUBMISSION_SETTLED)
    {
      GError *failure = NULL;

      mp_pool_step (self);
      if (submission->state == MP_SUBMISSION_SETTLED ||
          mp_pool_sleep (self, MP_WAIT_FLAGS_NONE, mp_deadline_get_left (deadline), cancellable,
                         &failure))
        continue;
      if (failure == NULL)
        g_set_error (&failure, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                     _ ("The task is not done after %" PRId64 " µs"), timeout_us);
      mp_pool_give_up_task (self, submission, failure);
    }
  return propagate (submission, error);
}

static void
give_up (MpPool *self,
         GTask  *task)
{
  MpSubmission *submission = g_hash_table_lookup (self->submissions, g_task_get_task_data (task));
  GError       *error = NULL;

  if (submission == NULL)
    return;
  g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &error);
  mp_pool_give_up_task (self, submission, error);
}

/**
 * mp_pool_submit_async:
 * @self: a pool that was started
 * @function: what the worker is to do
 * @argument: its argument; a floating reference is taken
 * @io_priority: the priority of the task: those with lower numbers are given to workers first
 * @cancellable: (nullable): a cancellable; a cancelled task is not done, unless a worker may have
 *   it already
 * @callback: (scope async): called when the result is there, in the caller's thread-default main
 *   context
 * @user_data: data for @callback
 *
 * Has a worker call a function.
 *
 * Any number of tasks may be submitted; [property@Pool:n-pending] counts those without a result.
 *
 * Since: 1.0
 */
void
mp_pool_submit_async (MpPool             *self,
                      const char         *function,
                      GVariant           *argument,
                      int                 io_priority,
                      GCancellable       *cancellable,
                      GAsyncReadyCallback callback,
                      gpointer            user_data)
{
  MpSubmission *submission;
  GTask        *task;

  g_return_if_fail (MP_IS_POOL (self));
  g_return_if_fail (function != NULL);
  g_return_if_fail (argument != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = mp_async_new_task (self, mp_pool_submit_async, io_priority, cancellable, callback,
                            user_data);
  submission = mp_pool_add_task (self, function, argument, io_priority);
  submission->task = task;
  if (submission->state == MP_SUBMISSION_SETTLED)
    {
      g_task_return_error (task, g_steal_pointer (&submission->error));
      mp_submission_free (submission);
      return;
    }

  g_task_set_task_data (task, g_memdup2 (&submission->number, sizeof submission->number), g_free);
  submission->cancelled_id = mp_pool_watch_cancellable (self, task, give_up);
  mp_pool_feed (self);
}

/**
 * mp_pool_submit_finish:
 * @self: a pool
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Finishes a call of [method@Pool.submit_async].
 *
 * Fails as [method@Pool.submit] does.
 *
 * Returns: (transfer full): the result; %NULL with @error set
 *
 * Since: 1.0
 */
GVariant *
mp_pool_submit_finish (MpPool       *self,
                       GAsyncResult *result,
                       GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, mp_pool_submit_async), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * mp_pool_iterate:
 * @self: a pool
 * @timeout_us: how long to wait for something to happen, in microseconds; -1 for ever, 0 not at all
 *
 * Does what the main loop does otherwise: reads results, replaces workers, emits signals and calls
 * callbacks.
 *
 * For programs without a GLib main loop; [method@Waitable.get_fd] returns a descriptor that is
 * readable when something is to be done. Returns at the latest after something has happened or a
 * signal handler of the process has run. The thread-default main context is not iterated, so
 * callbacks of asynchronous calls are called in its next iteration at the earliest.
 *
 * Since: 1.0
 */
void
mp_pool_iterate (MpPool *self,
                 gint64  timeout_us)
{
  g_return_if_fail (MP_IS_POOL (self));

  if (self->phase == MP_POOL_NEW || !mp_pool_is_own (self))
    return;

  g_object_ref (self);
  mp_pool_step (self);
  if (!mp_pool_has_events (self) && self->phase != MP_POOL_ENDED &&
      mp_pool_sleep (self, MP_WAIT_FLAGS_INTERRUPTIBLE, timeout_us, NULL, NULL))
    mp_pool_step (self);
  mp_pool_tell (self);
  g_object_unref (self);
}
