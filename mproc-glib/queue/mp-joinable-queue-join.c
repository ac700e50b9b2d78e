/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-joinable-queue-private.h"

#include "queue-watch.h"

/* Waiting until all messages are done. */

/**
 * mp_joinable_queue_join:
 * @self: a queue
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Waits until all messages that were put are done.
 *
 * Fails with `G_IO_ERROR_TIMED_OUT` if they are not before the timeout, and with `MP_ERROR_CLOSED`
 * if no message is unfinished, but some were dropped.
 *
 * Returns: whether all is done; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_joinable_queue_join (MpJoinableQueue *self,
                        gint64           timeout_us,
                        GCancellable    *cancellable,
                        GError         **error)
{
  MpQueueCall   call = { .timeout_us = timeout_us, .cancellable = cancellable };
  MpQueueStore *store;
  MpQueueStatus status;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);

  if (!mp_queue_check (MP_QUEUE (self), error))
    return FALSE;

  store = &mp_queue_get_private (MP_QUEUE (self))->store;
  status = store->backend->wait (store->home, MP_QUEUE_WAIT_DONE, &call);
  return status == MP_QUEUE_OK || mp_queue_set_error (MP_QUEUE (self), status, &call, error);
}

/**
 * mp_joinable_queue_join_async:
 * @self: a queue
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when everything that was put is done, in the caller's
 *   thread-default main context
 * @user_data: (closure): data for @callback
 *
 * Waits until all messages that were put are done.
 *
 * Since: 1.0
 */
void
mp_joinable_queue_join_async (MpJoinableQueue    *self,
                              int                 io_priority,
                              GCancellable       *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer            user_data)
{
  g_return_if_fail (MP_IS_JOINABLE_QUEUE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  mp_queue_wait_done_async (MP_QUEUE (self), mp_joinable_queue_join_async, io_priority, cancellable,
                            callback, user_data);
}

/**
 * mp_joinable_queue_join_finish:
 * @self: a queue
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [method@JoinableQueue.join_async].
 *
 * Returns: whether all is done; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_joinable_queue_join_finish (MpJoinableQueue *self,
                               GAsyncResult    *result,
                               GError         **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * mp_joinable_queue_watch_done:
 * @self: a queue
 * @error: return location for an error
 *
 * Creates an object to wait for until all messages that were put are done: with [func@wait],
 * together with other objects, or by its descriptor in another kind of main loop.
 *
 * It is ready while all messages are done. Call [method@Waitable.is_ready] each time before its
 * descriptor is polled. It uses a few descriptors, and holds a reference to the queue.
 *
 * Returns: (transfer full): an object to wait for; %NULL with @error set if the queue cannot be
 *   used or the process has run out of descriptors
 *
 * Since: 1.0
 */
MpWaitable *
mp_joinable_queue_watch_done (MpJoinableQueue *self,
                              GError         **error)
{
  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), NULL);

  return mp_queue_watch_new (G_OBJECT (self), &mp_queue_get_private (MP_QUEUE (self))->bells,
                             MP_QUEUE_WAIT_DONE, error);
}
