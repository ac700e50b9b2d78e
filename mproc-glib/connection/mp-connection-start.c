/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"
#include "received.h"

/* How many messages one dispatch hands out before other sources get a turn. */
#define MESSAGES_PER_DISPATCH 128

/* Hands out one message; FALSE when there is none, or never will be. */
static gboolean
emit_next_message (MpConnection *self,
                   GError      **error)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);
  g_auto (MpChannelMessage) received = {
    0,
  };
  g_autoptr (MpMessage) message = NULL;

  if (mp_channel_try_receive (priv->channel, G_MAXSIZE, &received, error) != MP_CHANNEL_DONE)
    return FALSE;

  message = mp_received_message.make (&received, mp_connection_get_format (self), NULL, error);
  if (message == NULL)
    return FALSE;

  mp_connection_emit_message (self, message);
  return TRUE;
}

static gboolean
message_ready_cb (gpointer user_data)
{
  g_autoptr (MpConnection) self = g_object_ref (user_data);
  g_autoptr (GError) error = NULL;
  GSource *source = g_main_current_source ();

  for (guint i = 0; i < MESSAGES_PER_DISPATCH && !g_source_is_destroyed (source); i++)
    {
      if (!emit_next_message (self, &error))
        break;
    }

  if (error == NULL || g_source_is_destroyed (source))
    return G_SOURCE_CONTINUE;

  g_debug ("A connection ends: %s", error->message);
  mp_connection_stop (self);
  mp_connection_tell_closed (self);
  return G_SOURCE_REMOVE;
}

/**
 * mp_connection_start:
 * @self: a connection
 *
 * Has [signal@Connection::message] emitted for each message, in the thread-default main
 * context of the caller.
 *
 * The main context holds a reference to the connection until [method@Connection.stop] is called
 * or the peer is gone. Does nothing when the connection is started already, is closed, or does not
 * receive.
 *
 * Since: 1.0
 */
void
mp_connection_start (MpConnection *self)
{
  MpConnectionPrivate *priv;

  g_return_if_fail (MP_IS_CONNECTION (self));

  priv = mp_connection_get_private (self);
  if (!mp_connection_get_readable (self))
    return;

  g_mutex_lock (&priv->lock);
  if (priv->started == NULL)
    {
      priv->started = mp_connection_create_source (self, NULL);
      g_source_set_callback (priv->started, message_ready_cb, g_object_ref (self), g_object_unref);
      g_source_attach (priv->started, g_main_context_get_thread_default ());
    }
  g_mutex_unlock (&priv->lock);
}

/**
 * mp_connection_stop:
 * @self: a connection
 *
 * Ends what [method@Connection.start] began; messages wait again to be received.
 *
 * Since: 1.0
 */
void
mp_connection_stop (MpConnection *self)
{
  MpConnectionPrivate *priv;
  GSource             *started;

  g_return_if_fail (MP_IS_CONNECTION (self));

  priv = mp_connection_get_private (self);
  g_mutex_lock (&priv->lock);
  started = g_steal_pointer (&priv->started);
  g_mutex_unlock (&priv->lock);

  if (started != NULL)
    {
      g_source_destroy (started);
      g_source_unref (started);
    }
}
