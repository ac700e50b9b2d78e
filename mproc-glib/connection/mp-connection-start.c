/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"
#include "received.h"

#include "base/mp-stream-source.h"

/* The maximum number of messages for which one dispatch emits the signal. */
#define MESSAGES_PER_DISPATCH 128

/* Whether a handler for messages or calls is connected and does not have too many unanswered calls.
 */
static gboolean
may_read (gpointer self)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);

  if (g_atomic_pointer_get (&priv->calls) != NULL && mp_calls_are_many (priv->calls))
    return FALSE;

  return mp_connection_has_handler (self, MP_CONNECTION_SIGNAL_MESSAGE) ||
         mp_connection_has_handler (self, MP_CONNECTION_SIGNAL_CALLED);
}

/* Begins to treat incoming messages as calls once a handler for calls is connected. */
static void
begin_serving (MpConnection *self,
               GMainContext *context)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);

  if (g_atomic_pointer_get (&priv->calls) == NULL &&
      mp_connection_has_handler (self, MP_CONNECTION_SIGNAL_CALLED))
    mp_connection_get_calls (self, NULL);
  if (g_atomic_pointer_get (&priv->calls) != NULL)
    mp_calls_set_context (priv->calls, context);
}

/* Without a handler, messages are left for receivers, so wake up only for calls. */
static GSource *
create_watch (gpointer self)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);

  return mp_connection_has_handler (self, MP_CONNECTION_SIGNAL_MESSAGE)
           ? mp_connection_create_source (self, NULL)
           : mp_channel_create_pump_source (priv->channel);
}

/* Takes one message for its handlers, or reads further calls. */
static MpChannelStatus
read_next (MpConnection     *self,
           MpChannelMessage *received,
           GError          **error)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);

  if (mp_connection_has_handler (self, MP_CONNECTION_SIGNAL_MESSAGE))
    return mp_connection_try_receive (self, -1, received, error);

  return mp_channel_pump (priv->channel, error);
}

static gboolean
emit_message (MpConnection     *self,
              MpChannelMessage *received,
              GError          **error)
{
  g_autoptr (MpMessage) message = NULL;

  message = mp_received_message.make (received, mp_connection_get_format (self), NULL, error);
  if (message == NULL)
    return FALSE;

  g_signal_emit (self, mp_connection_signals[MP_CONNECTION_SIGNAL_MESSAGE], 0, message);
  return TRUE;
}

/* Emits a signal for the next message or call.  Returns FALSE if there is none, now or for ever. */
static gboolean
emit_next (MpConnection *self,
           GError      **error)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);
  g_auto (MpChannelMessage) received = {
    0,
  };
  MpChannelStatus status;
  gboolean        found = FALSE;

  status = read_next (self, &received, error);
  while (priv->calls != NULL && mp_connection_hand_out_call (self))
    found = TRUE;

  if (status == MP_CHANNEL_ERROR || received.data == NULL)
    return found && status != MP_CHANNEL_ERROR;

  return emit_message (self, &received, error);
}

static void
hand_out (MpConnection *self,
          GSource      *source,
          GError      **error)
{
  gint64 end = g_get_monotonic_time () + MP_STREAM_US_PER_DISPATCH;

  for (guint i = 0; i < MESSAGES_PER_DISPATCH && g_get_monotonic_time () < end; i++)
    {
      if (g_source_is_destroyed (source) || !may_read (self) || !emit_next (self, error))
        break;
    }
}

static gboolean
message_ready_cb (gpointer user_data)
{
  g_autoptr (MpConnection) self = g_object_ref (user_data);
  g_autoptr (GError) error = NULL;
  GSource *source = g_main_current_source ();
  MpCalls *calls;

  begin_serving (self, g_source_get_context (source));
  calls = g_atomic_pointer_get (&mp_connection_get_private (self)->calls);
  if (calls != NULL)
    mp_calls_begin_taking (calls);
  hand_out (self, source, &error);
  if (calls != NULL)
    mp_calls_end_taking (calls);

  if (error == NULL || g_source_is_destroyed (source))
    return G_SOURCE_CONTINUE;

  g_debug ("A connection ends: %s", error->message);
  mp_connection_stop (self);
  mp_connection_end (self, error, NULL);
  return G_SOURCE_REMOVE;
}

/**
 * mp_connection_start:
 * @self: a connection
 * @io_priority: the priority of the source; at %G_PRIORITY_DEFAULT_IDLE, a peer that sends without
 *   pause does not keep a window from being drawn
 *
 * Starts emitting [signal@Connection::message] for each message, in the caller's thread-default
 * main context.
 *
 * While no handler is connected, messages wait for one, or for [method@Connection.recv]. This end
 * is closed when the peer has closed its end or died, or sends bytes that are not a message: see
 * [signal@Connection::closed].
 *
 * It reads ahead until it is stopped; see [property@Connection:read-ahead].
 *
 * Each iteration of the main context handles only as many messages as take about two milliseconds.
 *
 * The main context holds a reference to the connection until [method@Connection.stop] is called or
 * the connection is closed. Does nothing if the connection is already started, is closed, or cannot
 * receive.
 *
 * Since: 1.0
 */
void
mp_connection_start (MpConnection *self,
                     int           io_priority)
{
  MpConnectionPrivate *priv;
  g_autoptr (GSource) source = NULL;

  g_return_if_fail (MP_IS_CONNECTION (self));

  priv = mp_connection_get_private (self);
  if (!mp_connection_get_readable (self))
    return;

  source = mp_stream_source_new (self, may_read, create_watch);
  g_source_set_static_name (source, "mp_connection_start");
  g_source_set_priority (source, io_priority);
  g_source_set_callback (source, message_ready_cb, g_object_ref (self), g_object_unref);

  g_mutex_lock (&priv->lock);
  if (priv->started == NULL)
    {
      mp_channel_begin_reading_ahead (priv->channel);
      g_source_attach (source, g_main_context_get_thread_default ());
      priv->started = g_source_ref (source);
    }
  g_mutex_unlock (&priv->lock);
}

/**
 * mp_connection_stop:
 * @self: a connection
 *
 * Stops what [method@Connection.start] started; messages wait to be received again.
 *
 * Some may have been read ahead; the descriptor does not show those: see
 * [property@Connection:read-ahead].
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
      mp_channel_end_reading_ahead (priv->channel);
      g_source_destroy (started);
      g_source_unref (started);
    }
}
