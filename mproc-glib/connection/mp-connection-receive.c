/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"
#include "received.h"

#include "mp-error.h"

static gpointer
receive (MpConnection         *self,
         const MpReceivedForm *form,
         gssize                max_length,
         gint64                timeout_us,
         GCancellable         *cancellable,
         gsize                *length,
         GError              **error)
{
  g_auto (MpChannelMessage) received = {
    .wants_large = form->wants_large,
  };

  if (length != NULL)
    *length = 0;
  if (!mp_connection_receive (self, max_length, timeout_us, cancellable, &received, error))
    return NULL;

  return form->make (&received, mp_connection_get_format (self), length, error);
}

static gpointer
try_receive (MpConnection         *self,
             const MpReceivedForm *form,
             gssize                max_length,
             gsize                *length,
             GError              **error)
{
  g_auto (MpChannelMessage) received = {
    .wants_large = form->wants_large,
  };

  if (length != NULL)
    *length = 0;
  if (mp_connection_try_receive (self, max_length, &received, error) != MP_CHANNEL_DONE)
    return NULL;

  return form->make (&received, mp_connection_get_format (self), length, error);
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
 * Fails with `G_IO_ERROR_TIMED_OUT` after the timeout, and with `MP_ERROR_INVALID_MESSAGE` if the
 * message is not valid in that format. Descriptors that were sent along are closed.
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
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  return receive (self, &mp_received_variant, -1, timeout_us, cancellable, NULL, error);
}

/**
 * mp_connection_try_recv:
 * @self: a connection
 * @error: return location for an error
 *
 * Receives a message if one has arrived; like [method@Connection.recv].
 *
 * Returns: (transfer full) (nullable): the value, or %NULL without an error if no complete message
 *   has arrived
 *
 * Since: 1.0
 */
GVariant *
mp_connection_try_recv (MpConnection *self,
                        GError      **error)
{
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  return try_receive (self, &mp_received_variant, -1, NULL, error);
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
 * Waits without a timeout, and fails as [method@Connection.recv] does, except that the end is not
 * an error.
 *
 * Returns: (transfer full) (nullable): the value; %NULL without an error at the end, with @error
 *   set on failure
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
 * @max_length: the largest message to receive, in bytes; -1 for no limit other than
 *   [property@Connection:max-message-size]
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Receives a message as its serialized bytes.
 *
 * If the message is longer than @max_length, it fails with `MP_ERROR_TOO_LARGE`, and nothing can be
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
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  return receive (self, &mp_received_bytes, max_length, timeout_us, cancellable, NULL, error);
}

/**
 * mp_connection_try_recv_bytes:
 * @self: a connection
 * @max_length: the largest message to receive, in bytes; -1 for no limit other than
 *   [property@Connection:max-message-size]
 * @error: return location for an error
 *
 * Receives a message if one has arrived; like [method@Connection.recv_bytes].
 *
 * Returns: (transfer full) (nullable): the bytes, or %NULL without an error if no complete message
 *   has arrived
 *
 * Since: 1.0
 */
GBytes *
mp_connection_try_recv_bytes (MpConnection *self,
                              gssize        max_length,
                              GError      **error)
{
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  return try_receive (self, &mp_received_bytes, max_length, NULL, error);
}

/**
 * mp_connection_recv_data:
 * @self: a connection
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @length: (out): return location for the number of bytes
 * @error: return location for an error
 *
 * Receives a message as its serialized bytes.
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
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);
  g_return_val_if_fail (length != NULL, NULL);

  return receive (self, &mp_received_data, -1, timeout_us, cancellable, length, error);
}

/**
 * mp_connection_recv_into:
 * @self: a connection
 * @buffer: (array length=size) (element-type guint8): the buffer for the message
 * @size: the size of @buffer, in bytes
 * @offset: the offset in @buffer at which to store the message
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Receives a message as its serialized bytes into the caller's buffer.
 *
 * If the message does not fit, it fails with `MP_ERROR_BUFFER_TOO_SHORT`, and the next receive can
 * still get the message. The content of @buffer after a failure is undefined.
 *
 * This is for C and Vala: in Python and JavaScript, @buffer would be a copy of the array.
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
 * @address: the address of the buffer for the message
 * @size: the size of that memory, in bytes
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Does the same as [method@Connection.recv_into], for languages that have only the address of a
 * buffer.
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
 * Receives a value and converts it to JSON.
 *
 * Fails with `MP_ERROR_UNSUPPORTED` if the value cannot be represented in JSON.
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
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  return receive (self, &mp_received_json, -1, timeout_us, cancellable, NULL, error);
}

/**
 * mp_connection_recv_pickle:
 * @self: a connection
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @length: (out): return location for the number of bytes
 * @error: return location for an error
 *
 * Receives a value and converts it to a Python pickle.
 *
 * Loading it only builds plain values and calls nothing, even if the peer is malicious: see
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
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);
  g_return_val_if_fail (length != NULL, NULL);

  return receive (self, &mp_received_pickle, -1, timeout_us, cancellable, length, error);
}

/**
 * mp_connection_try_recv_pickle:
 * @self: a connection
 * @length: (out): return location for the number of bytes
 * @error: return location for an error
 *
 * Receives a message if one has arrived; like [method@Connection.recv_pickle].
 *
 * Returns: (transfer full) (array length=length) (element-type guint8) (nullable): a pickle, or
 *   %NULL without an error if no complete message has arrived
 *
 * Since: 1.0
 */
guint8 *
mp_connection_try_recv_pickle (MpConnection *self,
                               gsize        *length,
                               GError      **error)
{
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);
  g_return_val_if_fail (length != NULL, NULL);

  return try_receive (self, &mp_received_pickle, -1, length, error);
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
 * Its payload is checked and converted when a method of the message accesses it.
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
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  return receive (self, &mp_received_message, -1, timeout_us, cancellable, NULL, error);
}

/**
 * mp_connection_try_recv_message:
 * @self: a connection
 * @error: return location for an error
 *
 * Receives a message if one has arrived; like [method@Connection.recv_message].
 *
 * Returns: (transfer full) (nullable): the message, or %NULL without an error if no complete
 *   message has arrived
 *
 * Since: 1.0
 */
MpMessage *
mp_connection_try_recv_message (MpConnection *self,
                                GError      **error)
{
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  return try_receive (self, &mp_received_message, -1, NULL, error);
}
