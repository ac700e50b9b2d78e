/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-process-private.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/mp-async.h"

/**
 * mp_process_join:
 * @self: a process that has been started
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Waits until the child has ended.
 *
 * See [method@Process.get_exit_code] for how it ended. Fails with `G_IO_ERROR_TIMED_OUT`,
 * `G_IO_ERROR_CANCELLED`, and `G_IO_ERROR_NOT_INITIALIZED` if the process was not started.
 *
 * Returns: whether it has ended
 *
 * Since: 1.0
 */
gboolean
mp_process_join (MpProcess    *self,
                 gint64        timeout_us,
                 GCancellable *cancellable,
                 GError      **error)
{
  GError *failure = NULL;

  g_return_val_if_fail (MP_IS_PROCESS (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!mp_waitable_wait (MP_WAITABLE (self), MP_CONDITION_DONE, MP_WAIT_FLAGS_NONE, timeout_us,
                         cancellable, &failure))
    {
      if (failure == NULL)
        g_set_error (&failure, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                     _ ("Process %d still runs after %" PRId64 " µs"),
                     mp_process_get_pid (self), timeout_us);
      g_propagate_error (error, failure);
      return FALSE;
    }

  mp_process_get_exit_code (self);
  return TRUE;
}

static void
joined_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree MpWaitable **ready = mp_wait_finish (result, NULL, &error);

  if (ready == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  mp_process_get_exit_code (g_task_get_source_object (task));
  g_task_return_boolean (task, TRUE);
}

static void
join_async (MpProcess          *self,
            int                 io_priority,
            GCancellable       *cancellable,
            GAsyncReadyCallback callback,
            gpointer            user_data,
            gpointer            tag)
{
  GTask *task = mp_async_new_task (self, tag, io_priority, cancellable, callback, user_data);

  mp_wait_async ((MpWaitable **) &self, 1, -1, io_priority, cancellable, joined_cb, task);
}

static gboolean
check_success (MpProcess *self,
               GError   **error)
{
  int exit_code = mp_process_get_exit_code (self);

  return g_spawn_check_wait_status (exit_code >= 0 ? W_EXITCODE (exit_code, 0)
                                                   : W_EXITCODE (0, -exit_code),
                                    error);
}

/**
 * mp_process_join_async:
 * @self: a process that has been started
 * @io_priority: the priority of the wait in the main context
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the child has ended
 * @user_data: data for @callback
 *
 * Waits asynchronously until the child has ended.
 *
 * Since: 1.0
 */
void
mp_process_join_async (MpProcess          *self,
                       int                 io_priority,
                       GCancellable       *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer            user_data)
{
  g_return_if_fail (MP_IS_PROCESS (self));

  join_async (self, io_priority, cancellable, callback, user_data, mp_process_join_async);
}

/**
 * mp_process_join_finish:
 * @self: a process
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Finishes a call of [method@Process.join_async].
 *
 * Returns: whether the child has ended
 *
 * Since: 1.0
 */
gboolean
mp_process_join_finish (MpProcess    *self,
                        GAsyncResult *result,
                        GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, mp_process_join_async), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * mp_process_wait_check:
 * @self: a process that has been started
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Waits as [method@Process.join] does, and checks that the child was successful.
 *
 * In addition, it fails as [func@GLib.spawn_check_wait_status] does: with the exit code of the
 * child, unless that is 0, as code of the domain `G_SPAWN_EXIT_ERROR`; and with
 * `G_SPAWN_ERROR_FAILED` if a signal ended it.
 *
 * Returns: whether the child has ended with exit code 0
 *
 * Since: 1.0
 */
gboolean
mp_process_wait_check (MpProcess    *self,
                       gint64        timeout_us,
                       GCancellable *cancellable,
                       GError      **error)
{
  g_return_val_if_fail (MP_IS_PROCESS (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return mp_process_join (self, timeout_us, cancellable, error) && check_success (self, error);
}

/**
 * mp_process_wait_check_async:
 * @self: a process that has been started
 * @io_priority: the priority of the wait in the main context
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the child has ended
 * @user_data: data for @callback
 *
 * Waits asynchronously until the child has ended, and checks that it was successful.
 *
 * Since: 1.0
 */
void
mp_process_wait_check_async (MpProcess          *self,
                             int                 io_priority,
                             GCancellable       *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer            user_data)
{
  g_return_if_fail (MP_IS_PROCESS (self));

  join_async (self, io_priority, cancellable, callback, user_data, mp_process_wait_check_async);
}

/**
 * mp_process_wait_check_finish:
 * @self: a process
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Finishes a call of [method@Process.wait_check_async].
 *
 * Fails as [method@Process.wait_check] does.
 *
 * Returns: whether the child has ended with exit code 0
 *
 * Since: 1.0
 */
gboolean
mp_process_wait_check_finish (MpProcess    *self,
                              GAsyncResult *result,
                              GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, mp_process_wait_check_async), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error) && check_success (self, error);
}

/**
 * mp_process_terminate:
 * @self: a process
 *
 * Sends `SIGTERM` to the child, which asks it to end.
 *
 * Does not wait for it. Does nothing if the child is not running.
 *
 * Since: 1.0
 */
void
mp_process_terminate (MpProcess *self)
{
  mp_process_send_signal (self, SIGTERM);
}

/**
 * mp_process_kill:
 * @self: a process
 *
 * Sends `SIGKILL` to the child, which ends it.
 *
 * Does not wait for it. Does nothing if the child is not running.
 *
 * Since: 1.0
 */
void
mp_process_kill (MpProcess *self)
{
  mp_process_send_signal (self, SIGKILL);
}

/**
 * mp_process_send_signal:
 * @self: a process
 * @signal_number: the number of a signal
 *
 * Sends a signal to the child.
 *
 * It never reaches another process, even if the child has ended and its pid was reused. Does
 * nothing if the child is not running.
 *
 * Since: 1.0
 */
void
mp_process_send_signal (MpProcess *self,
                        int        signal_number)
{
  MpProcessPrivate *priv;

  g_return_if_fail (MP_IS_PROCESS (self));

  priv = mp_process_get_private (self);
  g_mutex_lock (&priv->lock);
  if (priv->child.pid_fd >= 0)
    mp_child_send_signal (&priv->child, signal_number);
  g_mutex_unlock (&priv->lock);
}
