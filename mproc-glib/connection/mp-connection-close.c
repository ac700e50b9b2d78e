/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"

#include "base/mp-async.h"

/**
 * mp_connection_close:
 * @self: a connection
 * @error: return location for an error
 *
 * Closes this end.
 *
 * Messages that wait to be sent are sent as far as the peer has room for them; other calls in
 * progress fail with `MP_ERROR_CLOSED`. Closing twice is allowed.
 *
 * Returns: whether no error occurred; the connection is closed in any case
 *
 * Since: 1.0
 */
gboolean
mp_connection_close (MpConnection *self,
                     GError      **error)
{
  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);

  mp_connection_stop (self);
  return mp_connection_end (self, NULL, error);
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
 * Sends the messages that wait to be sent, then closes this end.
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

  task = mp_async_new_task (self, mp_connection_close_async, io_priority, cancellable,
                            callback, user_data);
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
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes [method@Connection.close_async].
 *
 * Returns: whether no error occurred; the connection is closed in any case
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
