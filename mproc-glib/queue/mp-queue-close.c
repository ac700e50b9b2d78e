/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "memory/leaving.h"

/* Ending a queue, an object of it, or the messages in it. */

/**
 * mp_queue_clear:
 * @self: a queue
 * @error: return location for an error
 *
 * Drops all queued messages. The queue can still be used.
 *
 * Messages that consumers hold are not affected, nor are those put meanwhile. In a
 * [class@JoinableQueue] dropped messages are not done: see [method@JoinableQueue.join].
 *
 * Fails with `MP_ERROR_CLOSED` if this object was closed.
 *
 * Returns: the number of dropped messages, or -1 with @error set
 *
 * Since: 1.0
 */
gint64
mp_queue_clear (MpQueue *self,
                GError **error)
{
  MpQueueCall   call = { .timeout_us = -1 };
  MpQueueStore *store;
  MpQueueStatus status;
  guint64       n_dropped = 0;

  g_return_val_if_fail (MP_IS_QUEUE (self), -1);

  if (!mp_queue_check_open (self, error))
    return -1;

  store = &mp_queue_get_private (self)->store;
  status = store->backend->clear (store->home, &n_dropped, &call);
  if (status == MP_QUEUE_OK)
    return (gint64) n_dropped;
  mp_queue_set_error (self, status, &call, error);
  return -1;
}

/**
 * mp_queue_close:
 * @self: a queue
 *
 * Closes this object, through which no more messages are put and got.
 *
 * Later calls fail with `MP_ERROR_CLOSED`, as do calls that are waiting in any thread. Other
 * objects and processes are not affected, and queued messages stay queued; see
 * [method@Queue.shutdown] to end the queue. Tasks that were got can still be finished, and joined.
 * Closing twice is allowed.
 *
 * Since: 1.0
 */
void
mp_queue_close (MpQueue *self)
{
  g_return_if_fail (MP_IS_QUEUE (self));

  mp_queue_end (self, NULL);
}

/**
 * mp_queue_leave_all:
 *
 * Leaves all queues in memory that this process uses, as the normal end of a process does.
 *
 * Messages that it holds are redelivered, and the other processes have nothing to clean up when it
 * ends. Call it before `_exit ()`, which runs no exit handlers; `exit ()` and a return from
 * `main ()` do it by themselves. Queues that another thread is using at that moment are not left:
 * the other processes clean up when this one has ended, as if it had been killed. If an object is
 * used later, it joins its queue again.
 *
 * Since: 1.0
 */
void
mp_queue_leave_all (void)
{
  mp_leaving_leave_all ();
}

/**
 * mp_queue_flush:
 * @self: a queue
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Waits until all that this process has put is in the queue.
 *
 * In shared memory that is so as soon as the put returns, so there is nothing to wait for.
 *
 * Returns: %TRUE; %FALSE with @error set if the queue cannot be used
 *
 * Since: 1.0
 */
gboolean
mp_queue_flush (MpQueue      *self,
                gint64        timeout_us,
                GCancellable *cancellable,
                GError      **error)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), FALSE);

  return mp_queue_check (self, error);
}

/**
 * mp_queue_shutdown:
 * @self: a queue
 * @immediate: whether to drop what is queued
 * @error: return location for an error
 *
 * Ends the queue for all processes.
 *
 * From now on puts fail with `MP_ERROR_CLOSED`. Gets return the remaining messages, and then fail
 * with `MP_ERROR_CLOSED`; all waiting calls in all processes wake up. In a [class@JoinableQueue],
 * messages that other consumers hold count as remaining, since they are redelivered if those
 * consumers die.
 *
 * Returns: %TRUE; %FALSE with @error set if the queue cannot be used
 *
 * Since: 1.0
 */
gboolean
mp_queue_shutdown (MpQueue *self,
                   gboolean immediate,
                   GError **error)
{
  MpQueueCall   call = { .timeout_us = -1 };
  MpQueueStore *store;
  MpQueueStatus status;

  g_return_val_if_fail (MP_IS_QUEUE (self), FALSE);

  if (!mp_queue_check (self, error))
    return FALSE;

  store = &mp_queue_get_private (self)->store;
  status = store->backend->shutdown (store->home, immediate, &call);
  return status == MP_QUEUE_OK || mp_queue_set_error (self, status, &call, error);
}
