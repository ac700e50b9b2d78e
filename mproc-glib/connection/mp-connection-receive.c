/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"

#include <glib/gi18n-lib.h>

#include "formats/gvariant-reader.h"
#include "formats/pickle-reader.h"
#include "mp-error.h"
#include "message/mp-message-private.h"

/* How many messages one dispatch of start () hands out before other sources get a turn. */
#define MESSAGES_PER_DISPATCH 128

GBytes *
mp_connection_make_bytes (MpChannelMessage *received)
{
  gsize length = received->length;

  return g_bytes_new_take (g_steal_pointer (&received->data), length);
}

/* The descriptors of a message become the message's. */
static void
move_fds (MpChannelMessage *received,
          MpMessage        *message)
{
  g_autoptr (GUnixFDList) fd_list = NULL;

  if (received->n_fds == 0)
    return;

  fd_list = g_unix_fd_list_new_from_array (received->fds, (int) received->n_fds);
  received->n_fds = 0;
  mp_message_set_fd_list (message, fd_list);
}

MpMessage *
mp_connection_make_message (MpConnection     *self,
                            MpChannelMessage *received,
                            GError          **error)
{
  g_autoptr (GBytes) payload = mp_connection_make_bytes (received);
  MpMessage *message =
    mp_message_new_from_payload (mp_connection_get_format (self), payload, error);

  if (message != NULL)
    move_fds (received, message);
  return message;
}

GVariant *
mp_connection_make_variant (MpConnection     *self,
                            MpChannelMessage *received,
                            GError          **error)
{
  g_autoptr (MpMessage) message = NULL;

  if (mp_connection_get_format (self) == MP_FORMAT_GVARIANT)
    {
      g_autoptr (GBytes) payload = mp_connection_make_bytes (received);

      return mp_gvariant_load_payload (payload, error);
    }

  message = mp_connection_make_message (self, received, error);
  return message != NULL ? mp_message_get_variant (message, error) : NULL;
}

static char *
make_json (MpConnection     *self,
           MpChannelMessage *received,
           GError          **error)
{
  g_autoptr (MpMessage) message = mp_connection_make_message (self, received, error);

  return message != NULL ? mp_message_get_json (message, error) : NULL;
}

static guint8 *
make_pickle (MpConnection     *self,
             MpChannelMessage *received,
             gsize            *length,
             GError          **error)
{
  g_autoptr (MpMessage) message = NULL;
  gboolean needs_dill = FALSE;

  if (mp_connection_get_format (self) == MP_FORMAT_PICKLE &&
      !mp_pickle_check (received->data, received->length, &needs_dill, error))
    return NULL;
  if (mp_connection_get_format (self) == MP_FORMAT_PICKLE && !needs_dill)
    {
      *length = received->length;
      return g_steal_pointer (&received->data);
    }

  message = mp_connection_make_message (self, received, error);
  return message != NULL ? mp_message_get_pickle (message, length, error) : NULL;
}

static gboolean
receive (MpConnection     *self,
         gssize            max_length,
         gint64            timeout_us,
         GCancellable     *cancellable,
         MpChannelMessage *received,
         GError          **error)
{
  MpChannel *channel = mp_connection_get_channel (self, error);

  return channel != NULL && mp_channel_receive (channel, mp_connection_get_maximum (max_length),
                                                timeout_us, cancellable, received, error);
}

static gboolean
try_receive (MpConnection     *self,
             gssize            max_length,
             MpChannelMessage *received,
             GError          **error)
{
  MpChannel *channel = mp_connection_get_channel (self, error);

  return channel != NULL &&
         mp_channel_try_receive (channel, mp_connection_get_maximum (max_length), received,
                                 error) == MP_CHANNEL_DONE;
}

/**
 * mp_connection_recv:
 * @self: a connection
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Receives a value, from the connection's [property@Connection:format].
 *
 * Fails with `G_IO_ERROR_TIMED_OUT` when the time is over, and with `MP_ERROR_INVALID_MESSAGE`
 * when the message is not in that format. Descriptors that came along are closed.
 *
 * Returns: (transfer full): the value
 *
 * Since: 1.0
 */
GVariant *
mp_connection_recv (MpConnection *self,
                    gint64        timeout_us,
                    GCancellable *cancellable,
                    GError      **error)
{
  g_auto (MpChannelMessage) received = {
    0,
  };

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  if (!receive (self, -1, timeout_us, cancellable, &received, error))
    return NULL;

  return mp_connection_make_variant (self, &received, error);
}

/**
 * mp_connection_try_recv:
 * @self: a connection
 * @error: return location for an error
 *
 * Takes a message if one is there, like [method@Connection.recv].
 *
 * Returns: (transfer full) (nullable): the value, or %NULL without an error when no whole message
 *   is there
 *
 * Since: 1.0
 */
GVariant *
mp_connection_try_recv (MpConnection *self,
                        GError      **error)
{
  g_auto (MpChannelMessage) received = {
    0,
  };

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  if (!try_receive (self, -1, &received, error))
    return NULL;

  return mp_connection_make_variant (self, &received, error);
}

static gboolean
is_end (const GError *error)
{
  return g_error_matches (error, MP_ERROR, MP_ERROR_END_OF_STREAM) ||
         g_error_matches (error, MP_ERROR, MP_ERROR_CLOSED);
}

/**
 * mp_connection_next_value: (skip)
 * @self: a connection
 * @error: return location for an error
 *
 * Receives the next message as a GVariant, for a loop that ends when one of the ends is closed.
 *
 * Waits for ever, and fails as [method@Connection.recv] does, but the end is no error.
 *
 * Returns: (transfer full) (nullable): the value; %NULL without an error at the end, with
 *   @error set when it fails
 *
 * Since: 1.0
 */
GVariant *
mp_connection_next_value (MpConnection *self,
                          GError      **error)
{
  g_autoptr (GError) failure = NULL;
  GVariant *value;

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  value = mp_connection_recv (self, -1, NULL, &failure);
  if (value == NULL && !is_end (failure))
    g_propagate_error (error, g_steal_pointer (&failure));
  return value;
}

/**
 * mp_connection_recv_bytes:
 * @self: a connection
 * @max_length: the largest message to take, in bytes; -1 for none but
 *   [property@Connection:max-message-size]
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Receives a message as the bytes that it has on the wire.
 *
 * A longer message than @max_length fails with `MP_ERROR_TOO_LARGE`, and nothing can be
 * received afterwards.
 *
 * Returns: (transfer full): the bytes
 *
 * Since: 1.0
 */
GBytes *
mp_connection_recv_bytes (MpConnection *self,
                          gssize        max_length,
                          gint64        timeout_us,
                          GCancellable *cancellable,
                          GError      **error)
{
  g_auto (MpChannelMessage) received = {
    0,
  };

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  if (!receive (self, max_length, timeout_us, cancellable, &received, error))
    return NULL;

  return mp_connection_make_bytes (&received);
}

/**
 * mp_connection_try_recv_bytes:
 * @self: a connection
 * @max_length: the largest message to take, in bytes; -1 for none but
 *   [property@Connection:max-message-size]
 * @error: return location for an error
 *
 * Takes a message if one is there, like [method@Connection.recv_bytes].
 *
 * Returns: (transfer full) (nullable): the bytes, or %NULL without an error when no whole message
 *   is there
 *
 * Since: 1.0
 */
GBytes *
mp_connection_try_recv_bytes (MpConnection *self,
                              gssize        max_length,
                              GError      **error)
{
  g_auto (MpChannelMessage) received = {
    0,
  };

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  if (!try_receive (self, max_length, &received, error))
    return NULL;

  return mp_connection_make_bytes (&received);
}

/**
 * mp_connection_recv_data:
 * @self: a connection
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @length: (out): return location for the number of bytes
 * @error: return location for an error
 *
 * Receives a message as the bytes that it has on the wire.
 *
 * Returns: (transfer full) (array length=length) (element-type guint8): the bytes
 *
 * Since: 1.0
 */
guint8 *
mp_connection_recv_data (MpConnection *self,
                         gint64        timeout_us,
                         GCancellable *cancellable,
                         gsize        *length,
                         GError      **error)
{
  g_auto (MpChannelMessage) received = {
    0,
  };

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);
  g_return_val_if_fail (length != NULL, NULL);

  *length = 0;
  if (!receive (self, -1, timeout_us, cancellable, &received, error))
    return NULL;

  *length = received.length;
  return g_steal_pointer (&received.data);
}

/**
 * mp_connection_try_recv_data:
 * @self: a connection
 * @length: (out): return location for the number of bytes
 * @error: return location for an error
 *
 * Takes a message if one is there, like [method@Connection.recv_data].
 *
 * Returns: (transfer full) (array length=length) (element-type guint8) (nullable): the bytes, or
 *   %NULL without an error when no whole message is there
 *
 * Since: 1.0
 */
guint8 *
mp_connection_try_recv_data (MpConnection *self,
                             gsize        *length,
                             GError      **error)
{
  g_auto (MpChannelMessage) received = {
    0,
  };

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);
  g_return_val_if_fail (length != NULL, NULL);

  *length = 0;
  if (!try_receive (self, -1, &received, error))
    return NULL;

  *length = received.length;
  return g_steal_pointer (&received.data);
}

/**
 * mp_connection_recv_into:
 * @self: a connection
 * @buffer: (array length=size) (element-type guint8): memory that the message is written to
 * @size: the size of @buffer, in bytes
 * @offset: where in @buffer the message is to begin
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Receives a message as the bytes that it has on the wire, into memory of the caller.
 *
 * A message that does not fit fails with `MP_ERROR_BUFFER_TOO_SHORT` and is still there for
 * the next receive. What is in @buffer after a failure is undefined.
 *
 * C and Vala programs call this. In Python and JavaScript @buffer would be a copy.
 *
 * Returns: the number of bytes of the message, or -1
 *
 * Since: 1.0
 */
gssize
mp_connection_recv_into (MpConnection *self,
                         guint8       *buffer,
                         gsize         size,
                         gsize         offset,
                         gint64        timeout_us,
                         GCancellable *cancellable,
                         GError      **error)
{
  MpChannel *channel;

  g_return_val_if_fail (MP_IS_CONNECTION (self), -1);
  g_return_val_if_fail (buffer != NULL || size == 0, -1);
  g_return_val_if_fail (offset <= size, -1);

  channel = mp_connection_get_channel (self, error);
  if (channel == NULL)
    return -1;

  return mp_channel_receive_into (channel, offset < size ? buffer + offset : NULL, size - offset,
                                  timeout_us, cancellable, error);
}

/**
 * mp_connection_recv_into_address:
 * @self: a connection
 * @address: the address of memory that the message is written to
 * @size: the size of that memory, in bytes
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Does what [method@Connection.recv_into] does, for languages that know the memory of a buffer
 * by its address alone.
 *
 * Returns: the number of bytes of the message, or -1
 *
 * Since: 1.0
 */
gssize
mp_connection_recv_into_address (MpConnection *self,
                                 guintptr      address,
                                 gsize         size,
                                 gint64        timeout_us,
                                 GCancellable *cancellable,
                                 GError      **error)
{
  return mp_connection_recv_into (self, (guint8 *) address, size, 0, timeout_us, cancellable,
                                  error);
}

/**
 * mp_connection_recv_json:
 * @self: a connection
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Receives a value and writes it as JSON.
 *
 * Fails with `MP_ERROR_UNSUPPORTED` when the value has no form in JSON.
 *
 * Returns: (transfer full): JSON text
 *
 * Since: 1.0
 */
char *
mp_connection_recv_json (MpConnection *self,
                         gint64        timeout_us,
                         GCancellable *cancellable,
                         GError      **error)
{
  g_auto (MpChannelMessage) received = {
    0,
  };

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  if (!receive (self, -1, timeout_us, cancellable, &received, error))
    return NULL;

  return make_json (self, &received, error);
}

/**
 * mp_connection_try_recv_json:
 * @self: a connection
 * @error: return location for an error
 *
 * Takes a message if one is there, like [method@Connection.recv_json].
 *
 * Returns: (transfer full) (nullable): JSON text, or %NULL without an error when no whole message
 *   is there
 *
 * Since: 1.0
 */
char *
mp_connection_try_recv_json (MpConnection *self,
                             GError      **error)
{
  g_auto (MpChannelMessage) received = {
    0,
  };

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  if (!try_receive (self, -1, &received, error))
    return NULL;

  return make_json (self, &received, error);
}

/**
 * mp_connection_recv_pickle:
 * @self: a connection
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @length: (out): return location for the number of bytes
 * @error: return location for an error
 *
 * Receives a value and writes it as a Python pickle.
 *
 * It builds plain values and calls nothing else, whoever sent it: see
 * [method@Message.get_pickle].
 *
 * Returns: (transfer full) (array length=length) (element-type guint8): a pickle
 *
 * Since: 1.0
 */
guint8 *
mp_connection_recv_pickle (MpConnection *self,
                           gint64        timeout_us,
                           GCancellable *cancellable,
                           gsize        *length,
                           GError      **error)
{
  g_auto (MpChannelMessage) received = {
    0,
  };

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);
  g_return_val_if_fail (length != NULL, NULL);

  *length = 0;
  if (!receive (self, -1, timeout_us, cancellable, &received, error))
    return NULL;

  return make_pickle (self, &received, length, error);
}

/**
 * mp_connection_try_recv_pickle:
 * @self: a connection
 * @length: (out): return location for the number of bytes
 * @error: return location for an error
 *
 * Takes a message if one is there, like [method@Connection.recv_pickle].
 *
 * Returns: (transfer full) (array length=length) (element-type guint8) (nullable): a pickle, or
 *   %NULL without an error when no whole message is there
 *
 * Since: 1.0
 */
guint8 *
mp_connection_try_recv_pickle (MpConnection *self,
                               gsize        *length,
                               GError      **error)
{
  g_auto (MpChannelMessage) received = {
    0,
  };

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);
  g_return_val_if_fail (length != NULL, NULL);

  *length = 0;
  if (!try_receive (self, -1, &received, error))
    return NULL;

  return make_pickle (self, &received, length, error);
}

/**
 * mp_connection_recv_message:
 * @self: a connection
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Receives a message in the connection's [property@Connection:format], with its descriptors.
 *
 * Its payload is converted, and checked, when it is asked for.
 *
 * Returns: (transfer full): the message
 *
 * Since: 1.0
 */
MpMessage *
mp_connection_recv_message (MpConnection *self,
                            gint64        timeout_us,
                            GCancellable *cancellable,
                            GError      **error)
{
  g_auto (MpChannelMessage) received = {
    0,
  };

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  if (!receive (self, -1, timeout_us, cancellable, &received, error))
    return NULL;

  return mp_connection_make_message (self, &received, error);
}

/**
 * mp_connection_try_recv_message:
 * @self: a connection
 * @error: return location for an error
 *
 * Takes a message if one is there, like [method@Connection.recv_message].
 *
 * Returns: (transfer full) (nullable): the message, or %NULL without an error when no whole
 *   message is there
 *
 * Since: 1.0
 */
MpMessage *
mp_connection_try_recv_message (MpConnection *self,
                                GError      **error)
{
  g_auto (MpChannelMessage) received = {
    0,
  };

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  if (!try_receive (self, -1, &received, error))
    return NULL;

  return mp_connection_make_message (self, &received, error);
}

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

  message = mp_connection_make_message (self, &received, error);
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
