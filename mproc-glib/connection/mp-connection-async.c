/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"

#include "mp-error.h"
#include "message/mp-message-private.h"

/* What a receiving task gives. */
typedef enum
{
  RECEIVE_VARIANT,
  RECEIVE_BYTES,
  RECEIVE_MESSAGE
} ReceiveKind;

/* A task that waits for a message.  Whichever source finds one serves the oldest task. */
typedef struct
{
  ReceiveKind kind;
  gsize       max_length;
  GSource    *source;
} Receiver;

static void
receiver_free (gpointer data)
{
  Receiver *receiver = data;

  g_clear_pointer (&receiver->source, g_source_unref);
  g_free (receiver);
}

static void
complete_receive (MpConnection     *self,
                  GTask            *task,
                  MpChannelMessage *received,
                  GError           *failure)
{
  Receiver *receiver = g_task_get_task_data (task);
  GError   *error = failure;

  if (error != NULL)
    {
      g_task_return_error (task, error);
    }
  else if (receiver->kind == RECEIVE_BYTES)
    {
      g_task_return_pointer (task, mp_connection_make_bytes (received),
                             (GDestroyNotify) g_bytes_unref);
    }
  else if (receiver->kind == RECEIVE_MESSAGE)
    {
      MpMessage *message = mp_connection_make_message (self, received, &error);

      if (message != NULL)
        g_task_return_pointer (task, message, (GDestroyNotify) mp_message_unref);
      else
        g_task_return_error (task, error);
    }
  else
    {
      GVariant *value = mp_connection_make_variant (self, received, &error);

      if (value != NULL)
        g_task_return_pointer (task, value, (GDestroyNotify) g_variant_unref);
      else
        g_task_return_error (task, error);
    }
}

/* Takes the oldest task off the list if there is a message, or an error, for it. */
static GTask *
take_served_receiver (MpConnectionPrivate *priv,
                      MpChannelMessage    *received,
                      GError             **error)
{
  GTask    *task;
  Receiver *receiver;

  g_mutex_lock (&priv->lock);
  task = g_queue_peek_head (&priv->receivers);
  receiver = task != NULL ? g_task_get_task_data (task) : NULL;
  if (task == NULL ||
      mp_channel_try_receive (priv->channel, receiver->max_length, received,
                              error) == MP_CHANNEL_NOT_NOW)
    {
      g_mutex_unlock (&priv->lock);
      return NULL;
    }

  g_queue_pop_head (&priv->receivers);
  g_mutex_unlock (&priv->lock);

  if (receiver->source != NULL)
    g_source_destroy (receiver->source);
  return task;
}

static void
serve_receivers (MpConnection *self)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);

  for (;;)
    {
      g_auto (MpChannelMessage) received = {
        0,
      };
      GError *error = NULL;
      g_autoptr (GTask) task = take_served_receiver (priv, &received, &error);

      if (task == NULL)
        return;

      complete_receive (self, task, &received, error);
    }
}

/* Whether the task was still waiting. */
static gboolean
withdraw_receiver (MpConnectionPrivate *priv,
                   GTask               *task)
{
  gboolean found;

  g_mutex_lock (&priv->lock);
  found = g_queue_remove (&priv->receivers, task);
  g_mutex_unlock (&priv->lock);
  return found;
}

static gboolean
receive_ready_cb (gpointer user_data)
{
  g_autoptr (GTask) task = g_object_ref (user_data);
  MpConnection *self = g_task_get_source_object (task);
  GSource      *source = g_main_current_source ();

  if (!g_cancellable_is_cancelled (g_task_get_cancellable (task)))
    {
      serve_receivers (self);
      return g_source_is_destroyed (source) ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
    }

  if (withdraw_receiver (mp_connection_get_private (self), task))
    {
      g_task_return_error_if_cancelled (task);
      g_object_unref (task);
    }

  return G_SOURCE_REMOVE;
}

static GTask *
new_task (MpConnection       *self,
          gpointer            tag,
          int                 io_priority,
          GCancellable       *cancellable,
          GAsyncReadyCallback callback,
          gpointer            user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, tag);
  g_task_set_priority (task, io_priority);

  /* A result that is there is given, also when the cancellation came right after it. */
  g_task_set_check_cancellable (task, FALSE);
  return task;
}

/* Takes @task. */
static void
start_receive (MpConnection *self,
               GTask        *task,
               ReceiveKind   kind,
               gssize        max_length)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);
  MpChannel           *channel;
  GError              *error = NULL;
  Receiver            *receiver;

  channel = mp_connection_get_channel (self, &error);
  if (channel == NULL || g_task_return_error_if_cancelled (task))
    {
      if (error != NULL)
        g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }

  receiver = g_new0 (Receiver, 1);
  receiver->kind = kind;
  receiver->max_length = mp_connection_get_maximum (max_length);
  receiver->source = mp_channel_create_source (channel, G_IO_IN, g_task_get_cancellable (task));
  g_task_set_task_data (task, receiver, receiver_free);
  g_source_set_priority (receiver->source, g_task_get_priority (task));
  g_source_set_callback (receiver->source, receive_ready_cb, g_object_ref (task), g_object_unref);

  g_mutex_lock (&priv->lock);
  g_queue_push_tail (&priv->receivers, task);
  g_source_attach (receiver->source, g_task_get_context (task));
  g_mutex_unlock (&priv->lock);
}

/* Whether a flusher of this context is at work already. */
static gboolean
has_flusher (MpConnectionPrivate *priv,
             GMainContext        *context)
{
  for (GSList *l = priv->flushers; l != NULL; l = l->next)
    {
      if (g_source_get_context (l->data) == context)
        return TRUE;
    }

  return FALSE;
}

static gboolean
flush_ready_cb (gpointer user_data)
{
  MpConnection        *self = user_data;
  MpConnectionPrivate *priv = mp_connection_get_private (self);
  GSource             *source = g_main_current_source ();
  gboolean             more;

  mp_channel_flush (priv->channel);

  g_mutex_lock (&priv->lock);
  more = mp_channel_has_outgoing (priv->channel);
  if (!more)
    priv->flushers = g_slist_remove (priv->flushers, source);
  g_mutex_unlock (&priv->lock);

  return more ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* Sends are written by a source, together with those that follow at once. */
static void
ensure_flusher (MpConnection *self,
                GTask        *task)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);
  GMainContext        *context = g_task_get_context (task);

  g_mutex_lock (&priv->lock);
  if (!has_flusher (priv, context))
    {
      g_autoptr (GSource) source = mp_channel_create_source (priv->channel, G_IO_OUT, NULL);

      g_source_set_priority (source, g_task_get_priority (task));
      g_source_set_callback (source, flush_ready_cb, g_object_ref (self), g_object_unref);
      g_source_attach (source, context);
      priv->flushers = g_slist_prepend (priv->flushers, source);
    }
  g_mutex_unlock (&priv->lock);
}

static void
sent_cb (const GError *error,
         gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  GSource *cancelled = g_task_get_task_data (task);

  if (cancelled != NULL)
    g_source_destroy (cancelled);

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

/* Takes @task. */
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
  if (channel == NULL || !mp_channel_queue (channel, payload, fd_list, sent_cb, task, &error))
    {
      sent_cb (error, task);
      g_clear_error (&error);
      return;
    }

  ensure_flusher (self, task);
}

/**
 * mp_connection_send_async:
 * @self: a connection
 * @value: a value; a floating reference is taken
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the bytes are with the kernel
 * @user_data: data for @callback
 *
 * Sends a value without waiting, in the connection's [property@Connection:format].
 *
 * Messages leave in the order of the calls, many with one system call. Fails with
 * `MP_ERROR_FULL` when 16 MiB already wait to be sent. What was cancelled before its first
 * byte left is not sent.
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
  task = new_task (self, mp_connection_send_async, io_priority, cancellable, callback, user_data);
  start_send (self, task, payload, NULL, error);
}

/**
 * mp_connection_send_finish:
 * @self: a connection
 * @result: what the callback got
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
 * mp_connection_recv_async:
 * @self: a connection
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when there is a value, or an error
 * @user_data: data for @callback
 *
 * Receives a value without waiting, from the connection's [property@Connection:format].
 *
 * Several receives may be under way: they are served in the order of the calls. A
 * cancelled one takes nothing.
 *
 * Since: 1.0
 */
void
mp_connection_recv_async (MpConnection       *self,
                          int                 io_priority,
                          GCancellable       *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer            user_data)
{
  g_return_if_fail (MP_IS_CONNECTION (self));

  start_receive (
    self, new_task (self, mp_connection_recv_async, io_priority, cancellable, callback, user_data),
    RECEIVE_VARIANT, -1);
}

/**
 * mp_connection_recv_finish:
 * @self: a connection
 * @result: what the callback got
 * @error: return location for an error
 *
 * Finishes [method@Connection.recv_async].
 *
 * Returns: (transfer full): the value
 *
 * Since: 1.0
 */
GVariant *
mp_connection_recv_finish (MpConnection *self,
                           GAsyncResult *result,
                           GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * mp_connection_send_bytes_async:
 * @self: a connection
 * @bytes: bytes
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the bytes are with the kernel
 * @user_data: data for @callback
 *
 * Sends bytes as a message, as they are, without waiting.
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

  task =
    new_task (self, mp_connection_send_bytes_async, io_priority, cancellable, callback, user_data);
  start_send (self, task, bytes, NULL, NULL);
}

/**
 * mp_connection_send_bytes_finish:
 * @self: a connection
 * @result: what the callback got
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
 * mp_connection_recv_bytes_async:
 * @self: a connection
 * @max_length: the largest message to take, in bytes; -1 for none but
 *   [property@Connection:max-message-size]
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when there is a message, or an error
 * @user_data: data for @callback
 *
 * Receives a message as the bytes that it has on the wire, without waiting.
 *
 * See [method@Connection.recv_async].
 *
 * Since: 1.0
 */
void
mp_connection_recv_bytes_async (MpConnection       *self,
                                gssize              max_length,
                                int                 io_priority,
                                GCancellable       *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer            user_data)
{
  GTask *task;

  g_return_if_fail (MP_IS_CONNECTION (self));

  task =
    new_task (self, mp_connection_recv_bytes_async, io_priority, cancellable, callback, user_data);
  start_receive (self, task, RECEIVE_BYTES, max_length);
}

/**
 * mp_connection_recv_bytes_finish:
 * @self: a connection
 * @result: what the callback got
 * @error: return location for an error
 *
 * Finishes [method@Connection.recv_bytes_async].
 *
 * Returns: (transfer full): the bytes
 *
 * Since: 1.0
 */
GBytes *
mp_connection_recv_bytes_finish (MpConnection *self,
                                 GAsyncResult *result,
                                 GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * mp_connection_send_message_async:
 * @self: a connection
 * @message: a message
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the bytes are with the kernel
 * @user_data: data for @callback
 *
 * Sends a message and its descriptors without waiting.
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
  task = new_task (self, mp_connection_send_message_async, io_priority, cancellable, callback,
                   user_data);
  start_send (self, task, payload, mp_message_get_fd_list (message), error);
}

/**
 * mp_connection_send_message_finish:
 * @self: a connection
 * @result: what the callback got
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

/**
 * mp_connection_recv_message_async:
 * @self: a connection
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when there is a message, or an error
 * @user_data: data for @callback
 *
 * Receives a message with its descriptors without waiting.
 *
 * See [method@Connection.recv_message] and [method@Connection.recv_async].
 *
 * Since: 1.0
 */
void
mp_connection_recv_message_async (MpConnection       *self,
                                  int                 io_priority,
                                  GCancellable       *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer            user_data)
{
  GTask *task;

  g_return_if_fail (MP_IS_CONNECTION (self));

  task = new_task (self, mp_connection_recv_message_async, io_priority, cancellable, callback,
                   user_data);
  start_receive (self, task, RECEIVE_MESSAGE, -1);
}

/**
 * mp_connection_recv_message_finish:
 * @self: a connection
 * @result: what the callback got
 * @error: return location for an error
 *
 * Finishes [method@Connection.recv_message_async].
 *
 * Returns: (transfer full): the message
 *
 * Since: 1.0
 */
MpMessage *
mp_connection_recv_message_finish (MpConnection *self,
                                   GAsyncResult *result,
                                   GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

static gboolean
close_ready_cb (gpointer user_data)
{
  GTask        *task = user_data;
  MpConnection *self = g_task_get_source_object (task);
  GError       *error = NULL;

  if (!g_cancellable_is_cancelled (g_task_get_cancellable (task)) &&
      mp_channel_flush (mp_connection_get_private (self)->channel) == MP_CHANNEL_NOT_NOW)
    return G_SOURCE_CONTINUE;

  if (mp_connection_close (self, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
  return G_SOURCE_REMOVE;
}

/**
 * mp_connection_close_async:
 * @self: a connection
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable; its cancellation closes at once
 * @callback: (scope async): called when the connection is closed
 * @user_data: data for @callback
 *
 * Sends what waits to be sent, and closes this end then.
 *
 * Since: 1.0
 */
void
mp_connection_close_async (MpConnection       *self,
                           int                 io_priority,
                           GCancellable       *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer            user_data)
{
  g_autoptr (GTask) task = NULL;
  g_autoptr (GSource) source = NULL;
  MpChannel *channel;

  g_return_if_fail (MP_IS_CONNECTION (self));

  task = new_task (self, mp_connection_close_async, io_priority, cancellable, callback, user_data);
  channel = mp_connection_get_channel (self, NULL);
  if (channel == NULL || !mp_channel_is_writable (channel))
    {
      mp_connection_close (self, NULL);
      g_task_return_boolean (task, TRUE);
      return;
    }

  source = mp_channel_create_source (channel, G_IO_OUT, cancellable);
  g_task_attach_source (task, source, close_ready_cb);
}

/**
 * mp_connection_close_finish:
 * @self: a connection
 * @result: what the callback got
 * @error: return location for an error
 *
 * Finishes [method@Connection.close_async].
 *
 * Returns: whether nothing went wrong; the connection is closed in any case
 *
 * Since: 1.0
 */
gboolean
mp_connection_close_finish (MpConnection *self,
                            GAsyncResult *result,
                            GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
