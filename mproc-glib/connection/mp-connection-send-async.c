/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"

#include "base/mp-async.h"
#include "message/mp-message-private.h"

static void
sent_cb (const GError *error,
         gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  GSource *cancelled = g_task_get_task_data (task);

  if (cancelled != NULL)
    g_source_destroy (cancelled);
  g_task_set_task_data (task, NULL, NULL);

  if (error != NULL)
    g_task_return_error (task, g_error_copy (error));
  else
    g_task_return_boolean (task, TRUE);
}

static gboolean
send_cancelled_cb (GCancellable *cancellable,
                   gpointer      user_data)
{
  GTask        *task = user_data;
  MpConnection *self = g_task_get_source_object (task);

  mp_channel_withdraw (mp_connection_get_private (self)->channel, task);
  return G_SOURCE_REMOVE;
}

static void
watch_cancellation (GTask *task)
{
  GCancellable *cancellable = g_task_get_cancellable (task);
  GSource      *source;

  if (cancellable == NULL)
    return;

  source = g_cancellable_source_new (cancellable);
  g_source_set_callback (source, G_SOURCE_FUNC (send_cancelled_cb), g_object_ref (task),
                         g_object_unref);
  g_source_attach (source, g_task_get_context (task));
  g_task_set_task_data (task, source, (GDestroyNotify) g_source_unref);
}

/* Takes ownership of @task. */
static void
start_send (MpConnection *self,
            GTask        *task,
            GBytes       *payload,
            GUnixFDList  *fd_list,
            GError       *failure)
{
  MpChannel *channel = NULL;
  GError    *error = failure;

  if (g_task_return_error_if_cancelled (task))
    {
      g_clear_error (&error);
      g_object_unref (task);
      return;
    }

  if (payload != NULL)
    channel = mp_connection_get_channel (self, &error);

  if (channel != NULL)
    watch_cancellation (task);
  if (channel == NULL ||
      !mp_channel_queue (channel, payload, fd_list, g_task_get_cancellable (task), sent_cb, task,
                         &error))
    {
      sent_cb (error, task);
      g_clear_error (&error);
      return;
    }

  /* The message is sent by a source, together with others that are sent in the same iteration. */
  mp_flushers_ensure (&mp_connection_get_private (self)->flushers, channel, self,
                      g_task_get_context (task), g_task_get_priority (task));
}

/**
 * mp_connection_send_async:
 * @self: a connection
 * @value: a value; a floating reference is taken
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the bytes were passed to the kernel
 * @user_data: data for @callback
 *
 * Sends a value asynchronously, in the connection's [property@Connection:format].
 *
 * Messages are sent in the order of the calls, many with one system call. Fails with
 * `MP_ERROR_FULL` if 16 MiB are already waiting to be sent. A message that is cancelled before its
 * first byte was sent is not sent.
 *
 * Since: 1.0
 */
void
mp_connection_send_async (MpConnection       *self,
                          GVariant           *value,
                          int                 io_priority,
                          GCancellable       *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer            user_data)
{
  g_autoptr (MpMessage) message = NULL;
  g_autoptr (GBytes) payload = NULL;
  GError *error = NULL;
  GTask  *task;

  g_return_if_fail (MP_IS_CONNECTION (self));
  g_return_if_fail (value != NULL);

  message = mp_message_new_variant (value);
  payload = mp_message_convert_payload (message, mp_connection_get_format (self), &error);
  task = mp_async_new_task (self, mp_connection_send_async, io_priority, cancellable,
                            callback, user_data);
  start_send (self, task, payload, NULL, error);
}

/**
 * mp_connection_send_finish:
 * @self: a connection
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes [method@Connection.send_async].
 *
 * Returns: whether the value was sent
 *
 * Since: 1.0
 */
gboolean
mp_connection_send_finish (MpConnection *self,
                           GAsyncResult *result,
                           GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * mp_connection_send_bytes_async:
 * @self: a connection
 * @bytes: bytes
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the bytes were passed to the kernel
 * @user_data: data for @callback
 *
 * Sends bytes unchanged as a message, asynchronously.
 *
 * See [method@Connection.send_async].
 *
 * Since: 1.0
 */
void
mp_connection_send_bytes_async (MpConnection       *self,
                                GBytes             *bytes,
                                int                 io_priority,
                                GCancellable       *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer            user_data)
{
  GTask *task;

  g_return_if_fail (MP_IS_CONNECTION (self));
  g_return_if_fail (bytes != NULL);

  task = mp_async_new_task (self, mp_connection_send_bytes_async, io_priority, cancellable,
                            callback, user_data);
  start_send (self, task, bytes, NULL, NULL);
}

/**
 * mp_connection_send_bytes_finish:
 * @self: a connection
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes [method@Connection.send_bytes_async].
 *
 * Returns: whether the bytes were sent
 *
 * Since: 1.0
 */
gboolean
mp_connection_send_bytes_finish (MpConnection *self,
                                 GAsyncResult *result,
                                 GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * mp_connection_send_message_async:
 * @self: a connection
 * @message: a message
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the bytes were passed to the kernel
 * @user_data: data for @callback
 *
 * Sends a message and its descriptors asynchronously.
 *
 * See [method@Connection.send_message] and [method@Connection.send_async].
 *
 * Since: 1.0
 */
void
mp_connection_send_message_async (MpConnection       *self,
                                  MpMessage          *message,
                                  int                 io_priority,
                                  GCancellable       *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer            user_data)
{
  g_autoptr (GBytes) payload = NULL;
  GError *error = NULL;
  GTask  *task;

  g_return_if_fail (MP_IS_CONNECTION (self));
  g_return_if_fail (message != NULL);

  payload = mp_message_convert_payload (message, mp_connection_get_format (self), &error);
  task = mp_async_new_task (self, mp_connection_send_message_async, io_priority, cancellable,
                            callback, user_data);
  start_send (self, task, payload, mp_message_get_fd_list (message), error);
}

/**
 * mp_connection_send_message_finish:
 * @self: a connection
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes [method@Connection.send_message_async].
 *
 * Returns: whether the message was sent
 *
 * Since: 1.0
 */
gboolean
mp_connection_send_message_finish (MpConnection *self,
                                   GAsyncResult *result,
                                   GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
