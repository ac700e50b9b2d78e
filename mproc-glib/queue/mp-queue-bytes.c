/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "message/mp-message-private.h"

#include <string.h>

/* Putting and getting bytes. */

static gboolean
put_data (MpQueue      *self,
          gconstpointer data,
          gsize         length,
          gint64        timeout_us,
          gboolean      quiet,
          GCancellable *cancellable,
          GError      **error)
{
  MpQueueCall call = { .timeout_us = timeout_us, .cancellable = cancellable };

  return mp_queue_put_item (self, MP_FORMAT_BYTES, data, length, &call, quiet, error);
}

/* --- Readers -------------------------------------------------------------------------------- */

/* The formats of which a message may contain nothing but a byte string, which its content shows. */
#define CAN_BE_BYTES                                                     \
  (MP_QUEUE_TAG (MP_FORMAT_GVARIANT) | MP_QUEUE_TAG (MP_FORMAT_PICKLE) | \
   MP_QUEUE_TAG (MP_FORMAT_OPAQUE))
#define ACCEPTED                                                      \
  {                                                                   \
    .any = MP_QUEUE_TAG (MP_FORMAT_BYTES), .by_content = CAN_BE_BYTES \
  }

static gpointer
read_bytes (MpQueueDelivery *delivery,
            gpointer         request,
            GError         **error)
{
  g_autoptr (MpMessage) message = NULL;

  if (G_LIKELY (delivery->tag == MP_FORMAT_BYTES))
    return mp_queue_delivery_steal_bytes (delivery);
  message = mp_queue_steal_message (delivery, error);
  return message != NULL ? mp_message_get_bytes (message, error) : NULL;
}

static const MpQueueReader bytes_reader = {
  .accepted = ACCEPTED,
  .read = read_bytes,
  .free_value = (GDestroyNotify) g_bytes_unref,
  .accepts_large = TRUE,
};

/* @request points to the length to be set. */
static gpointer
read_data (MpQueueDelivery *delivery,
           gpointer         request,
           GError         **error)
{
  gsize  *length = request;
  GBytes *bytes;

  if (G_LIKELY (delivery->tag == MP_FORMAT_BYTES))
    {
      *length = delivery->size;
      return mp_queue_delivery_steal (delivery);
    }
  bytes = read_bytes (delivery, NULL, error);
  return bytes != NULL ? g_bytes_unref_to_data (bytes, length) : NULL;
}

static const MpQueueReader data_reader = {
  .accepted = ACCEPTED,
  .read = read_data,
  .free_value = g_free,
};

/* A byte string within another format is not longer than its payload, which fitted into the buffer.
 */
static G_GNUC_NO_INLINE gpointer
convert_in_buffer (MpQueueDelivery *delivery,
                   gsize           *length,
                   GError         **error)
{
  g_autofree guint8 *data = read_data (delivery, length, error);

  if (data == NULL)
    return NULL;
  memcpy (delivery->buffer, data, *length);
  return delivery;
}

static gpointer
read_into_buffer (MpQueueDelivery *delivery,
                  gpointer         request,
                  GError         **error)
{
  gsize *length = request;

  *length = delivery->size;
  return G_LIKELY (delivery->tag == MP_FORMAT_BYTES) ? delivery
                                                     : convert_in_buffer (delivery, length, error);
}

/* The value returned by this reader only indicates that the buffer was filled. */
static const MpQueueReader buffer_reader = {
  .accepted = ACCEPTED,
  .read = read_into_buffer,
};

/* --- Calls ---------------------------------------------------------------------------------- */

/**
 * mp_queue_put_bytes:
 * @self: a queue
 * @bytes: bytes
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Puts bytes.
 *
 * Fails with `MP_ERROR_FULL` if there is no room before the timeout, `MP_ERROR_TOO_LARGE` if the
 * message is larger than the queue's `max-bytes`, and `MP_ERROR_CLOSED` if this object was closed
 * or the queue was shut down. On failure, nothing was put.
 *
 * Returns: whether it was put; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_queue_put_bytes (MpQueue      *self,
                    GBytes       *bytes,
                    gint64        timeout_us,
                    GCancellable *cancellable,
                    GError      **error)
{
  g_return_val_if_fail (mp_queue_check_call (self, cancellable), FALSE);
  g_return_val_if_fail (bytes != NULL, FALSE);

  return put_data (self, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), timeout_us,
                   FALSE, cancellable, error);
}

/**
 * mp_queue_get_bytes:
 * @self: a queue
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Gets the next message as bytes.
 *
 * Fails with `MP_ERROR_EMPTY` if there is no message before the timeout, and with `MP_ERROR_CLOSED`
 * if this object was closed, or the queue was shut down and is drained. A message that cannot be
 * converted to bytes fails with `MP_ERROR_UNSUPPORTED` and stays queued.
 *
 * Returns: (transfer full): the bytes; %NULL with @error set
 *
 * Since: 1.0
 */
GBytes *
mp_queue_get_bytes (MpQueue      *self,
                    gint64        timeout_us,
                    GCancellable *cancellable,
                    GError      **error)
{
  MpQueueCall call = { .timeout_us = timeout_us, .cancellable = cancellable };

  g_return_val_if_fail (mp_queue_check_call (self, cancellable), NULL);

  return mp_queue_get_value (self, &bytes_reader, NULL, &call, FALSE, NULL, error);
}

/**
 * mp_queue_put_data:
 * @self: a queue
 * @data: (array length=length) (element-type guint8): bytes
 * @length: how many bytes
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Puts bytes from an array.
 *
 * Fails with `MP_ERROR_FULL` if there is no room before the timeout, `MP_ERROR_TOO_LARGE` if the
 * message is larger than the queue's `max-bytes`, and `MP_ERROR_CLOSED` if this object was closed
 * or the queue was shut down. On failure, nothing was put.
 *
 * Returns: whether it was put; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_queue_put_data (MpQueue      *self,
                   const guint8 *data,
                   gsize         length,
                   gint64        timeout_us,
                   GCancellable *cancellable,
                   GError      **error)
{
  g_return_val_if_fail (mp_queue_check_call (self, cancellable), FALSE);
  g_return_val_if_fail (data != NULL || length == 0, FALSE);

  return put_data (self, data, length, timeout_us, FALSE, cancellable, error);
}

/**
 * mp_queue_try_put_data:
 * @self: a queue
 * @data: (array length=length) (element-type guint8): bytes
 * @length: how many bytes
 * @error: return location for an error
 *
 * Puts bytes from an array, if there is room now.
 *
 * A full queue is not an error.
 *
 * Returns: whether it was put; %FALSE without an error if the queue is full
 *
 * Since: 1.0
 */
gboolean
mp_queue_try_put_data (MpQueue      *self,
                       const guint8 *data,
                       gsize         length,
                       GError      **error)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (data != NULL || length == 0, FALSE);

  return put_data (self, data, length, 0, TRUE, NULL, error);
}

/**
 * mp_queue_get_data:
 * @self: a queue
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @length: (out): how many bytes
 * @error: return location for an error
 *
 * Gets the next message as an array of bytes.
 *
 * Fails with `MP_ERROR_EMPTY` if there is no message before the timeout, and with `MP_ERROR_CLOSED`
 * if this object was closed, or the queue was shut down and is drained. A message that cannot be
 * converted to bytes fails with `MP_ERROR_UNSUPPORTED` and stays queued.
 *
 * Returns: (transfer full) (array length=length) (element-type guint8) (nullable): the bytes;
 *   %NULL with @error set
 *
 * Since: 1.0
 */
guint8 *
mp_queue_get_data (MpQueue      *self,
                   gint64        timeout_us,
                   GCancellable *cancellable,
                   gsize        *length,
                   GError      **error)
{
  MpQueueCall call = { .timeout_us = timeout_us, .cancellable = cancellable };

  g_return_val_if_fail (mp_queue_check_call (self, cancellable), NULL);

  *length = 0;
  return mp_queue_get_value (self, &data_reader, length, &call, FALSE, NULL, error);
}

/**
 * mp_queue_get_into:
 * @self: a queue
 * @buffer: (array length=size) (element-type guint8): the buffer for the bytes
 * @size: how many bytes @buffer has
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Gets the next message as bytes into the caller's buffer, without allocating memory.
 *
 * Fails as [method@Queue.get_data] does, and with `MP_ERROR_BUFFER_TOO_SHORT` if the message does
 * not fit; it then stays queued.
 *
 * This is for C and Vala: in Python and JavaScript, @buffer would be a copy of the array.
 *
 * Returns: the size of the message in bytes, or -1 with @error set
 *
 * Since: 1.0
 */
gssize
mp_queue_get_into (MpQueue      *self,
                   guint8       *buffer,
                   gsize         size,
                   gint64        timeout_us,
                   GCancellable *cancellable,
                   GError      **error)
{
  MpQueueCall     call = { .timeout_us = timeout_us, .cancellable = cancellable };
  MpQueueDelivery delivery = { .buffer = buffer, .capacity = size, .only_buffer = TRUE };
  gsize           length;

  g_return_val_if_fail (mp_queue_check_call (self, cancellable), -1);
  g_return_val_if_fail (buffer != NULL || size == 0, -1);

  if (mp_queue_get_delivery (self, &buffer_reader, &length, &delivery, &call, FALSE, NULL,
                             error) == NULL)
    return -1;
  return (gssize) length;
}
