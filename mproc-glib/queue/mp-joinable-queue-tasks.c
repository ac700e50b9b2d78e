/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-joinable-queue.h"

#include "message/mp-message-private.h"
#include "mp-queue-private.h"
#include "mp-task-private.h"

#include "base/mp-async.h"

/* Getting messages as tasks of their own, and what nobody could finish. */

static MpTask *
get_task (MpJoinableQueue *self,
          gint64           timeout_us,
          gboolean         try_only,
          GCancellable    *cancellable,
          GError         **error)
{
  guint8          stack[MP_QUEUE_STACK_SIZE];
  MpQueueDelivery delivery = { .buffer = stack, .capacity = sizeof stack };
  g_autoptr (GBytes) payload = NULL;
  MpMessage *message;

  if (!mp_queue_get_payload (MP_QUEUE (self), &delivery, timeout_us, try_only, cancellable, error))
    return NULL;

  payload = mp_queue_steal_payload (&delivery);
  message = mp_message_new_from_payload ((MpFormat) delivery.tag, payload, error);
  if (message == NULL)
    {
      mp_queue_give_back (MP_QUEUE (self), &delivery, g_bytes_get_data (payload, NULL));
      return NULL;
    }
  return mp_task_new (MP_QUEUE (self), message, &delivery.token);
}

/**
 * mp_joinable_queue_get_task:
 * @self: a queue
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Gets the next message as a task of its own.
 *
 * Fails as [method@Queue.get_message] does.
 *
 * Returns: (transfer full): a task; %NULL with @error set
 *
 * Since: 1.0
 */
MpTask *
mp_joinable_queue_get_task (MpJoinableQueue *self,
                            gint64           timeout_us,
                            GCancellable    *cancellable,
                            GError         **error)
{
  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  return get_task (self, timeout_us, FALSE, cancellable, error);
}

/**
 * mp_joinable_queue_try_get_task:
 * @self: a queue
 * @error: return location for an error
 *
 * Gets the next message as a task of its own, if there is one.
 *
 * Returns: (transfer full) (nullable): a task; %NULL without an error when there is none
 *
 * Since: 1.0
 */
MpTask *
mp_joinable_queue_try_get_task (MpJoinableQueue *self,
                                GError         **error)
{
  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), NULL);

  return get_task (self, 0, TRUE, NULL, error);
}

static gboolean
get_task_cb (gpointer user_data)
{
  GTask           *task = user_data;
  MpJoinableQueue *self = g_task_get_source_object (task);
  g_autoptr (GError) error = NULL;
  MpTask *result;

  if (g_task_return_error_if_cancelled (task))
    return G_SOURCE_REMOVE;

  result = mp_joinable_queue_try_get_task (self, &error);
  if (result != NULL)
    g_task_return_pointer (task, result, g_object_unref);
  else if (error != NULL)
    g_task_return_error (task, g_steal_pointer (&error));
  else
    return G_SOURCE_CONTINUE;
  return G_SOURCE_REMOVE;
}

/**
 * mp_joinable_queue_get_task_async:
 * @self: a queue
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable; a cancelled call takes nothing
 * @callback: (scope async): called when there is a task, in the caller's thread-default main
 *   context
 * @user_data: (closure): data for @callback
 *
 * Gets the next message as a task of its own, as soon as there is one.
 *
 * Since: 1.0
 */
void
mp_joinable_queue_get_task_async (MpJoinableQueue    *self,
                                  int                 io_priority,
                                  GCancellable       *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer            user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (MP_IS_JOINABLE_QUEUE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = mp_async_new_task (self, mp_joinable_queue_get_task_async, io_priority, cancellable,
                            callback, user_data);
  if (get_task_cb (task) == G_SOURCE_CONTINUE)
    mp_queue_attach_task_source (MP_QUEUE (self), MP_QUEUE_WAIT_ITEMS, task, get_task_cb);
}

/**
 * mp_joinable_queue_get_task_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@JoinableQueue.get_task_async].
 *
 * Returns: (transfer full): a task; %NULL with @error set
 *
 * Since: 1.0
 */
MpTask *
mp_joinable_queue_get_task_finish (MpJoinableQueue *self,
                                   GAsyncResult    *result,
                                   GError         **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * mp_joinable_queue_get_dead:
 * @self: a queue
 * @error: return location for an error
 *
 * Takes the oldest message that was set aside because it was delivered too often.
 *
 * Returns: (transfer full) (nullable): a message; %NULL without an error when there is none
 *
 * Since: 1.0
 */
MpMessage *
mp_joinable_queue_get_dead (MpJoinableQueue *self,
                            GError         **error)
{
  guint8          stack[MP_QUEUE_STACK_SIZE];
  MpQueueDelivery delivery = { .buffer = stack, .capacity = sizeof stack };
  MpQueuePrivate *queue;
  MpQueueStatus   status;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), NULL);

  queue = mp_queue_get_private (MP_QUEUE (self));
  if (!mp_queue_check (MP_QUEUE (self), error))
    return NULL;

  status = queue->backend->get_dead (queue->store, &delivery);
  if (status == MP_QUEUE_OK)
    {
      g_autoptr (GBytes) payload = mp_queue_steal_payload (&delivery);

      return mp_message_new_from_payload ((MpFormat) delivery.tag, payload, error);
    }
  if (status != MP_QUEUE_EMPTY)
    mp_queue_set_error (MP_QUEUE (self), status, NULL, error);
  return NULL;
}
