/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"
#include "received.h"

#include "base/mp-async.h"

/* A task that waits for a message.  Any of the sources that finds one completes the oldest task. */
typedef struct
{
  const MpReceivedForm *form;
  gssize                max_length;

  /* Until the task is completed or cancelled. */
  GSource *source;
} Receiver;

static void
receiver_free (gpointer data)
{
  Receiver *receiver = data;

  g_clear_pointer (&receiver->source, g_source_unref);
  g_free (receiver);
}

static void
drop_source (Receiver *receiver)
{
  if (receiver->source != NULL)
    g_source_destroy (receiver->source);
  g_clear_pointer (&receiver->source, g_source_unref);
}

static void
complete_receive (MpConnection     *self,
                  GTask            *task,
                  MpChannelMessage *received,
                  GError           *failure)
{
  Receiver *receiver = g_task_get_task_data (task);
  GError   *error = failure;
  gpointer  result = NULL;

  if (error == NULL)
    result =
      receiver->form->make (received, mp_connection_get_format (self), NULL, &error);

  if (result != NULL)
    g_task_return_pointer (task, result, receiver->form->free);
  else
    g_task_return_error (task, error);
}

/* Begins to serve the oldest task, which stays in the list.  NULL if there is none, or another
 * thread serves it, whose source is ready as long as there are messages. */
static GTask *
begin_serving (MpConnectionPrivate *priv)
{
  GTask *task = NULL;

  g_mutex_lock (&priv->lock);
  if (priv->served == NULL)
    task = priv->served = g_queue_peek_head (&priv->receivers);
  g_mutex_unlock (&priv->lock);
  return task;
}

/* Takes the task out of the list if it @is_served. */
static void
end_serving (MpConnectionPrivate *priv,
             gboolean             is_served)
{
  g_mutex_lock (&priv->lock);
  priv->served = NULL;
  if (is_served)
    g_queue_pop_head (&priv->receivers);
  g_mutex_unlock (&priv->lock);
}

/* Takes the oldest task out of the list if there is a message or an error for it. */
static GTask *
take_served_receiver (MpConnection     *self,
                      MpChannelMessage *received,
                      GError          **error)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);
  GTask               *task = begin_serving (priv);
  Receiver            *receiver;
  gboolean             is_served;

  if (task == NULL)
    return NULL;

  /* A cancelled task takes no message, even if its own source has not been dispatched yet. */
  receiver = g_task_get_task_data (task);
  received->wants_large = receiver->form->wants_large;
  is_served = g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), error) ||
              mp_connection_try_take (self, receiver->max_length, received, error) !=
                MP_CHANNEL_NOT_NOW;
  end_serving (priv, is_served);
  if (!is_served)
    return NULL;

  drop_source (receiver);
  return task;
}

static void
serve_receivers (MpConnection *self)
{
  for (;;)
    {
      g_auto (MpChannelMessage) received = {
        0,
      };
      GError *error = NULL;
      g_autoptr (GTask) task = take_served_receiver (self, &received, &error);

      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        mp_connection_settle (self, error);
      if (task == NULL)
        return;

      complete_receive (self, task, &received, error);
    }
}

/* Removes a task from the list.  Returns whether it was still waiting.  A task that another thread
 * serves may get a message, which would be lost, so it is not removed, but tried again. */
static gboolean
withdraw_receiver (MpConnectionPrivate *priv,
                   GTask               *task,
                   gboolean            *again)
{
  gboolean found;

  g_mutex_lock (&priv->lock);
  *again = task == priv->served;
  found = !*again && g_queue_remove (&priv->receivers, task);
  g_mutex_unlock (&priv->lock);
  return found;
}

static gboolean
receive_ready_cb (gpointer user_data)
{
  g_autoptr (GTask) task = g_object_ref (user_data);
  MpConnection *self = g_task_get_source_object (task);
  GSource      *source = g_main_current_source ();
  gboolean      again;

  if (!g_cancellable_is_cancelled (g_task_get_cancellable (task)))
    {
      serve_receivers (self);
      return g_source_is_destroyed (source) ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
    }

  if (withdraw_receiver (mp_connection_get_private (self), task, &again))
    {
      drop_source (g_task_get_task_data (task));
      g_task_return_error_if_cancelled (task);
      g_object_unref (task);
    }

  return again ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* Takes ownership of @task. */
static void
start_receive (MpConnection         *self,
               GTask                *task,
               const MpReceivedForm *form,
               gssize                max_length)
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
  receiver->form = form;
  receiver->max_length = max_length;
  receiver->source = mp_channel_create_source (channel, G_IO_IN, g_task_get_cancellable (task));
  g_task_set_task_data (task, receiver, receiver_free);
  g_source_set_priority (receiver->source, g_task_get_priority (task));
  g_source_set_callback (receiver->source, receive_ready_cb, g_object_ref (task), g_object_unref);

  g_mutex_lock (&priv->lock);
  g_queue_push_tail (&priv->receivers, task);
  g_source_attach (receiver->source, g_task_get_context (task));
  g_mutex_unlock (&priv->lock);
}

/**
 * mp_connection_recv_async:
 * @self: a connection
 * @io_priority: the priority of the source; at %G_PRIORITY_DEFAULT_IDLE, a peer that sends without
 *   pause does not keep a window from being drawn
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when there is a value or an error
 * @user_data: data for @callback
 *
 * Receives a value asynchronously, from the connection's [property@Connection:format].
 *
 * Several receives may be in progress: they complete in the order of the calls. A cancelled one
 * takes no message.
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
  GTask *task;

  g_return_if_fail (MP_IS_CONNECTION (self));

  task = mp_async_new_task (self, mp_connection_recv_async, io_priority, cancellable,
                            callback, user_data);
  start_receive (self, task, &mp_received_variant, -1);
}

/**
 * mp_connection_recv_finish:
 * @self: a connection
 * @result: the result passed to the callback
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
 * mp_connection_recv_bytes_async:
 * @self: a connection
 * @max_length: the largest message to receive, in bytes; -1 for no limit other than
 *   [property@Connection:max-message-size]
 * @io_priority: the priority of the source; at %G_PRIORITY_DEFAULT_IDLE, a peer that sends without
 *   pause does not keep a window from being drawn
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when there is a message or an error
 * @user_data: data for @callback
 *
 * Receives a message asynchronously as its serialized bytes.
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

  task = mp_async_new_task (self, mp_connection_recv_bytes_async, io_priority, cancellable,
                            callback, user_data);
  start_receive (self, task, &mp_received_bytes, max_length);
}

/**
 * mp_connection_recv_bytes_finish:
 * @self: a connection
 * @result: the result passed to the callback
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
 * mp_connection_recv_message_async:
 * @self: a connection
 * @io_priority: the priority of the source; at %G_PRIORITY_DEFAULT_IDLE, a peer that sends without
 *   pause does not keep a window from being drawn
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when there is a message or an error
 * @user_data: data for @callback
 *
 * Receives a message with its descriptors asynchronously.
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

  task = mp_async_new_task (self, mp_connection_recv_message_async, io_priority, cancellable,
                            callback, user_data);
  start_receive (self, task, &mp_received_message, -1);
}

/**
 * mp_connection_recv_message_finish:
 * @self: a connection
 * @result: the result passed to the callback
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
