/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"

#include "base/mp-deadline.h"
#include "formats/gvariant.h"
#include "formats/pickle-reader.h"
#include "message/mp-message-private.h"

#include <glib/gi18n-lib.h>

/* Values up to this size are serialized in a buffer on the stack. */
#define STACK_PAYLOAD 4096

/* Sends bytes unchanged. */
static gboolean
send_payload (MpConnection *self,
              const guint8 *data,
              gsize         length,
              GUnixFDList  *fd_list,
              gint64        timeout_us,
              GCancellable *cancellable,
              GError      **error)
{
  MpChannel *channel = mp_connection_get_channel (self, error);
  const int *fds = NULL;
  int        n_fds = 0;

  if (channel == NULL)
    return FALSE;

  if (fd_list != NULL)
    fds = g_unix_fd_list_peek_fds (fd_list, &n_fds);

  return mp_channel_send (channel, &(struct iovec){ (gpointer) data, length }, 1, fds, n_fds,
                          timeout_us, cancellable, error);
}

/* Sends a variant to a peer that reads variants, without intermediate objects. */
static gboolean
send_variant (MpConnection *self,
              GVariant     *value,
              gint64        timeout_us,
              GCancellable *cancellable,
              GError      **error)
{
  union
  {
    guint8  bytes[STACK_PAYLOAD];
    guint64 alignment;
  } small;
  g_autofree guint8 *large = NULL;
  gsize              size = mp_gvariant_get_payload_size (value);
  guint8            *payload = small.bytes;

  if (size > sizeof small.bytes)
    payload = large = g_malloc (size);

  mp_gvariant_store_payload (value, payload);
  return send_payload (self, payload, size, NULL, timeout_us, cancellable, error);
}

/**
 * mp_connection_send:
 * @self: a connection
 * @value: a value; a floating reference is taken
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Sends a value, in the connection's [property@Connection:format].
 *
 * Waits until its bytes were passed to the kernel. Fails with `MP_ERROR_UNSUPPORTED` if the value
 * cannot be represented in that format.
 *
 * Returns: whether the message was sent, or will be sent completely
 *
 * Since: 1.0
 */
gboolean
mp_connection_send (MpConnection *self,
                    GVariant     *value,
                    gint64        timeout_us,
                    GCancellable *cancellable,
                    GError      **error)
{
  g_autoptr (GVariant) owned = NULL;
  g_autoptr (MpMessage) message = NULL;

  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  owned = g_variant_ref_sink (value);
  if (mp_connection_get_format (self) == MP_FORMAT_GVARIANT)
    return send_variant (self, owned, timeout_us, cancellable, error);

  message = mp_message_new_variant (owned);
  return mp_connection_send_message (self, message, timeout_us, cancellable, error);
}

/**
 * mp_connection_send_bytes:
 * @self: a connection
 * @bytes: bytes
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Sends bytes unchanged as a message.
 *
 * Returns: whether the message was sent, or will be sent completely
 *
 * Since: 1.0
 */
gboolean
mp_connection_send_bytes (MpConnection *self,
                          GBytes       *bytes,
                          gint64        timeout_us,
                          GCancellable *cancellable,
                          GError      **error)
{
  const guint8 *data;
  gsize         length;

  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);
  g_return_val_if_fail (bytes != NULL, FALSE);

  data = g_bytes_get_data (bytes, &length);
  return send_payload (self, data, length, NULL, timeout_us, cancellable, error);
}

/**
 * mp_connection_send_data:
 * @self: a connection
 * @data: (array length=length) (element-type guint8): bytes
 * @length: how many
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Sends bytes unchanged as a message.
 *
 * Returns: whether the message was sent, or will be sent completely
 *
 * Since: 1.0
 */
gboolean
mp_connection_send_data (MpConnection *self,
                         const guint8 *data,
                         gsize         length,
                         gint64        timeout_us,
                         GCancellable *cancellable,
                         GError      **error)
{
  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);
  g_return_val_if_fail (data != NULL || length == 0, FALSE);

  return send_payload (self, data, length, NULL, timeout_us, cancellable, error);
}

/**
 * mp_connection_send_pieces:
 * @self: a connection
 * @addresses: (array length=n_pieces) (element-type guintptr): the addresses of the pieces
 * @sizes: (array length=n_pieces) (element-type gsize): the size of each in bytes
 * @n_pieces: how many pieces, at least 1
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Sends bytes of several buffers unchanged as one message, without copying them into one buffer.
 *
 * This is for language bindings that have addresses of memory. If the timeout expires after a part
 * of the message was sent, the rest is copied.
 *
 * Returns: whether the message was sent, or will be sent completely
 *
 * Since: 1.0
 */
gboolean
mp_connection_send_pieces (MpConnection   *self,
                           const guintptr *addresses,
                           const gsize    *sizes,
                           guint           n_pieces,
                           gint64          timeout_us,
                           GCancellable   *cancellable,
                           GError        **error)
{
  g_autofree struct iovec *pieces = NULL;
  MpChannel               *channel;

  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);
  g_return_val_if_fail (n_pieces > 0 && addresses != NULL && sizes != NULL, FALSE);

  channel = mp_connection_get_channel (self, error);
  if (channel == NULL)
    return FALSE;
  pieces = g_new (struct iovec, n_pieces);
  for (guint i = 0; i < n_pieces; i++)
    pieces[i] = (struct iovec){ (gpointer) addresses[i], sizes[i] };
  return mp_channel_send (channel, pieces, n_pieces, NULL, 0, timeout_us, cancellable, error);
}

/**
 * mp_connection_send_json:
 * @self: a connection
 * @json: JSON text in UTF-8
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Sends a value given as JSON, converted to the connection's [property@Connection:format].
 *
 * Returns: whether the message was sent, or will be sent completely
 *
 * Since: 1.0
 */
gboolean
mp_connection_send_json (MpConnection *self,
                         const char   *json,
                         gint64        timeout_us,
                         GCancellable *cancellable,
                         GError      **error)
{
  g_autoptr (MpMessage) message = NULL;

  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);
  g_return_val_if_fail (json != NULL, FALSE);

  message = mp_message_new_json (json);
  return mp_connection_send_message (self, message, timeout_us, cancellable, error);
}

/**
 * mp_connection_send_pickle:
 * @self: a connection
 * @data: (array length=length) (element-type guint8): a pickle of plain values
 * @length: its size in bytes
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Sends a value given as a Python pickle, converted to the connection's
 * [property@Connection:format].
 *
 * A pickle that refers to a function or a class fails with `MP_ERROR_UNSUPPORTED`, a malformed one
 * with `MP_ERROR_INVALID_MESSAGE`.
 *
 * Returns: whether the message was sent, or will be sent completely
 *
 * Since: 1.0
 */
gboolean
mp_connection_send_pickle (MpConnection *self,
                           const guint8 *data,
                           gsize         length,
                           gint64        timeout_us,
                           GCancellable *cancellable,
                           GError      **error)
{
  g_autoptr (MpMessage) message = NULL;
  gboolean needs_dill;

  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);
  g_return_val_if_fail (data != NULL || length == 0, FALSE);

  if (mp_connection_get_format (self) == MP_FORMAT_PICKLE)
    return mp_pickle_check (data, length, &needs_dill, error) &&
           send_payload (self, data, length, NULL, timeout_us, cancellable, error);

  message = mp_message_new_pickle (data, length);
  return mp_connection_send_message (self, message, timeout_us, cancellable, error);
}

/**
 * mp_connection_send_message:
 * @self: a connection
 * @message: a message
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Sends a message, converted to the connection's [property@Connection:format], and
 * its descriptors.
 *
 * A message can have at most 16 descriptors, and only over Unix sockets: more fail with
 * `MP_ERROR_TOO_LARGE`, and another kind of channel with `MP_ERROR_UNSUPPORTED`. The descriptors
 * still belong to the message; the peer gets duplicates.
 *
 * Returns: whether the message was sent, or will be sent completely
 *
 * Since: 1.0
 */
gboolean
mp_connection_send_message (MpConnection *self,
                            MpMessage    *message,
                            gint64        timeout_us,
                            GCancellable *cancellable,
                            GError      **error)
{
  g_autoptr (GBytes) payload = NULL;
  const guint8 *data;
  gsize         length;

  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);
  g_return_val_if_fail (message != NULL, FALSE);

  payload = mp_message_convert_payload (message, mp_connection_get_format (self), error);
  if (payload == NULL)
    return FALSE;

  data = g_bytes_get_data (payload, &length);
  return send_payload (self, data, length, mp_message_get_fd_list (message),
                       timeout_us, cancellable, error);
}

/**
 * mp_connection_flush:
 * @self: a connection
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Sends what was left by earlier sends that ended in the middle of a message.
 *
 * Returns early after a signal handler has run, as [method@Waitable.wait] does with
 * `MP_WAIT_FLAGS_INTERRUPTIBLE`.
 *
 * Returns: whether nothing is left to send; %FALSE without an error if the timeout expired or a
 *   signal handler ran, with @error set if the peer is gone
 *
 * Since: 1.0
 */
gboolean
mp_connection_flush (MpConnection *self,
                     gint64        timeout_us,
                     GCancellable *cancellable,
                     GError      **error)
{
  gint64     deadline = mp_deadline_for_timeout (timeout_us);
  MpChannel *channel;

  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);

  channel = mp_connection_get_channel (self, error);
  if (channel == NULL)
    return FALSE;

  for (;;)
    {
      MpChannelStatus status = mp_channel_flush (channel);
      gint64          left = mp_deadline_get_left (deadline);

      if (status == MP_CHANNEL_DONE && mp_channel_has_dropped (channel))
        {
          g_propagate_error (error, mp_channel_new_dropped_error ());
          return FALSE;
        }
      if (status == MP_CHANNEL_DONE)
        return TRUE;
      if (status == MP_CHANNEL_ERROR)
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE,
                               _ ("The peer went away before the whole message was sent"));
          return FALSE;
        }
      if (mp_channel_wait (channel, G_IO_OUT, left, cancellable, error) != MP_WAIT_READY)
        return FALSE;
    }
}
