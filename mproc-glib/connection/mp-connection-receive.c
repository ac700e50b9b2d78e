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
    0,
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
    0,
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
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  return receive (self, &mp_received_variant, -1, timeout_us, cancellable, NULL, error);
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
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  return receive (self, &mp_received_bytes, max_length, timeout_us, cancellable, NULL, error);
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
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);
  g_return_val_if_fail (length != NULL, NULL);

  return receive (self, &mp_received_data, -1, timeout_us, cancellable, length, error);
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
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  return receive (self, &mp_received_message, -1, timeout_us, cancellable, NULL, error);
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
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  return try_receive (self, &mp_received_message, -1, NULL, error);
}
