/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "formats/gvariant-reader.h"
#include "formats/gvariant.h"
#include "mp-error.h"
#include "message/mp-message-private.h"

#include <string.h>

/* Putting and getting variants and bytes: their own payload where a message has that form,
 * else through MpMessage, which converts. */

/* The payload of a delivery in memory of its own. */
static guint8 *
steal_data (MpQueueDelivery *delivery)
{
  if (delivery->data != delivery->buffer)
    return g_steal_pointer (&delivery->data);
  return delivery->size != 0 ? g_memdup2 (delivery->data, delivery->size) : g_malloc (1);
}

/* --- GVariant ------------------------------------------------------------------------ */

static gboolean
put_variant (MpQueue      *self,
             GVariant     *value,
             gint64        timeout_us,
             gboolean      try_only,
             GCancellable *cancellable,
             GError      **error)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  gsize              size = mp_gvariant_get_payload_size (owned);
  guint8             stack[MP_QUEUE_STACK_SIZE];
  g_autofree guint8 *heap = NULL;
  guint8            *payload = stack;

  if (size > sizeof stack)
    payload = heap = g_malloc (size);
  mp_gvariant_store_payload (owned, payload);
  return mp_queue_put_payload (self, MP_FORMAT_GVARIANT, payload, size, timeout_us, try_only,
                               cancellable, error);
}

static gpointer
to_variant (MpMessage *message,
            gsize     *length,
            GError   **error)
{
  return mp_message_get_variant (message, error);
}

static GVariant *
get_variant (MpQueue      *self,
             gint64        timeout_us,
             gboolean      try_only,
             GCancellable *cancellable,
             GError      **error)
{
  guint8          stack[MP_QUEUE_STACK_SIZE];
  MpQueueDelivery delivery = mp_queue_delivery (stack, sizeof stack);
  g_autoptr (GBytes) bytes = NULL;
  GVariant *value;

  if (!mp_queue_get_payload (self, &delivery, timeout_us, try_only, cancellable, error))
    return NULL;
  if (delivery.tag != MP_FORMAT_GVARIANT)
    return mp_queue_get_converted (self, &delivery, to_variant, NULL, error);

  bytes = g_bytes_new_take (steal_data (&delivery), delivery.size);
  value = mp_gvariant_load_payload (bytes, error);
  if (value != NULL)
    mp_queue_end_get (self, &delivery);
  else
    mp_queue_give_back (self, &delivery, g_bytes_get_data (bytes, NULL));
  return value;
}

/**
 * mp_queue_put:
 * @self: a queue
 * @value: a value; a floating reference is taken
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Puts a value of any GVariant type.
 *
 * Fails with `MP_ERROR_FULL` when there is no room by then, `MP_ERROR_TOO_LARGE` when there
 * never will be, and `MP_ERROR_CLOSED` when this object or the queue was closed. What was
 * not put is still the caller's.
 *
 * Returns: whether it was put; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_queue_put (MpQueue      *self,
              GVariant     *value,
              gint64        timeout_us,
              GCancellable *cancellable,
              GError      **error)
{
  g_return_val_if_fail (mp_queue_check_call (self, cancellable), FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  return put_variant (self, value, timeout_us, FALSE, cancellable, error);
}

/**
 * mp_queue_try_put:
 * @self: a queue
 * @value: a value; a floating reference is taken
 * @error: return location for an error
 *
 * Puts a value of any GVariant type, if there is room at once.
 *
 * A full queue is no error.
 *
 * Returns: whether it was put; %FALSE without an error when the queue is full
 *
 * Since: 1.0
 */
gboolean
mp_queue_try_put (MpQueue  *self,
                  GVariant *value,
                  GError  **error)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  return put_variant (self, value, 0, TRUE, NULL, error);
}

/**
 * mp_queue_get:
 * @self: a queue
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Gets the next message as a GVariant.
 *
 * Fails with `MP_ERROR_EMPTY` when there is nothing by then, and with `MP_ERROR_CLOSED` when
 * the queue was shut down and is drained. A message that has no form as
 * a GVariant fails with `MP_ERROR_UNSUPPORTED`, a malformed one with
 * `MP_ERROR_INVALID_MESSAGE`; both stay queued, and [method@Queue.get_message] takes out
 * whatever is next.
 *
 * Returns: (transfer full) (nullable): the value; %NULL with @error set
 *
 * Since: 1.0
 */
GVariant *
mp_queue_get (MpQueue      *self,
              gint64        timeout_us,
              GCancellable *cancellable,
              GError      **error)
{
  g_return_val_if_fail (mp_queue_check_call (self, cancellable), NULL);

  return get_variant (self, timeout_us, FALSE, cancellable, error);
}

/**
 * mp_queue_try_get:
 * @self: a queue
 * @error: return location for an error
 *
 * Gets the next message as a GVariant, if there is one.
 *
 * An empty queue is no error.
 *
 * Returns: (transfer full) (nullable): the value; %NULL without an error when
 *   there is none
 *
 * Since: 1.0
 */
GVariant *
mp_queue_try_get (MpQueue *self,
                  GError **error)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);

  return get_variant (self, 0, TRUE, NULL, error);
}

/**
 * mp_queue_next_value: (skip)
 * @self: a queue
 * @error: return location for an error
 *
 * Gets the next message as a GVariant, for a loop that ends when the queue does.
 *
 * ```c
 * while ((value = mp_queue_next_value (queue, &error)) != NULL)
 * ```
 *
 * Waits for ever, and fails as [method@Queue.get] does, but that the queue was shut down and
 * is drained is no error.
 *
 * Returns: (transfer full) (nullable): the value; %NULL without an error at the end, with
 *   @error set when it fails
 *
 * Since: 1.0
 */
GVariant *
mp_queue_next_value (MpQueue *self,
                     GError **error)
{
  g_autoptr (GError) failure = NULL;
  GVariant *value;

  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);

  value = get_variant (self, -1, FALSE, NULL, &failure);
  if (value == NULL && !g_error_matches (failure, MP_ERROR, MP_ERROR_CLOSED))
    g_propagate_error (error, g_steal_pointer (&failure));
  return value;
}

/* --- Bytes ------------------------------------------------------------------------------ */

static gpointer
to_bytes (MpMessage *message,
          gsize     *length,
          GError   **error)
{
  return mp_message_get_bytes (message, error);
}

static gpointer
to_data (MpMessage *message,
         gsize     *length,
         GError   **error)
{
  g_autoptr (GBytes) bytes = mp_message_get_bytes (message, error);

  return bytes != NULL ? g_bytes_unref_to_data (g_steal_pointer (&bytes), length) : NULL;
}

static guint8 *
get_data (MpQueue      *self,
          gint64        timeout_us,
          gboolean      try_only,
          GCancellable *cancellable,
          gsize        *length,
          GError      **error)
{
  guint8          stack[MP_QUEUE_STACK_SIZE];
  MpQueueDelivery delivery = mp_queue_delivery (stack, sizeof stack);

  *length = 0;
  if (!mp_queue_get_payload (self, &delivery, timeout_us, try_only, cancellable, error))
    return NULL;
  if (delivery.tag != MP_FORMAT_BYTES)
    return mp_queue_get_converted (self, &delivery, to_data, length, error);

  mp_queue_end_get (self, &delivery);
  *length = delivery.size;
  return steal_data (&delivery);
}

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
 * Fails with `MP_ERROR_FULL` when there is no room by then, `MP_ERROR_TOO_LARGE` when there
 * never will be, and `MP_ERROR_CLOSED` when this object or the queue was closed. What was
 * not put is still the caller's.
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

  return mp_queue_put_payload (self, MP_FORMAT_BYTES, g_bytes_get_data (bytes, NULL),
                               g_bytes_get_size (bytes), timeout_us, FALSE, cancellable,
                               error);
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
 * Fails with `MP_ERROR_EMPTY` when there is nothing by then, and with `MP_ERROR_CLOSED` when
 * the queue was shut down and is drained. A message that has no form as
 * bytes fails with `MP_ERROR_UNSUPPORTED` and stays queued.
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
  guint8          stack[MP_QUEUE_STACK_SIZE];
  MpQueueDelivery delivery = mp_queue_delivery (stack, sizeof stack);

  g_return_val_if_fail (mp_queue_check_call (self, cancellable), NULL);

  if (!mp_queue_get_payload (self, &delivery, timeout_us, FALSE, cancellable, error))
    return NULL;
  if (delivery.tag != MP_FORMAT_BYTES)
    return mp_queue_get_converted (self, &delivery, to_bytes, NULL, error);

  mp_queue_end_get (self, &delivery);
  return g_bytes_new_take (steal_data (&delivery), delivery.size);
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
 * Fails with `MP_ERROR_FULL` when there is no room by then, `MP_ERROR_TOO_LARGE` when there
 * never will be, and `MP_ERROR_CLOSED` when this object or the queue was closed. What was
 * not put is still the caller's.
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

  return mp_queue_put_payload (self, MP_FORMAT_BYTES, data, length, timeout_us, FALSE, cancellable,
                               error);
}

/**
 * mp_queue_try_put_data:
 * @self: a queue
 * @data: (array length=length) (element-type guint8): bytes
 * @length: how many bytes
 * @error: return location for an error
 *
 * Puts bytes from an array, if there is room at once.
 *
 * A full queue is no error.
 *
 * Returns: whether it was put; %FALSE without an error when the queue is full
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

  return mp_queue_put_payload (self, MP_FORMAT_BYTES, data, length, 0, TRUE, NULL,
                               error);
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
 * Fails with `MP_ERROR_EMPTY` when there is nothing by then, and with `MP_ERROR_CLOSED` when
 * the queue was shut down and is drained. A message that has no form as
 * bytes fails with `MP_ERROR_UNSUPPORTED` and stays queued.
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
  g_return_val_if_fail (mp_queue_check_call (self, cancellable), NULL);

  return get_data (self, timeout_us, FALSE, cancellable, length, error);
}

/**
 * mp_queue_try_get_data:
 * @self: a queue
 * @length: (out): how many bytes
 * @error: return location for an error
 *
 * Gets the next message as an array of bytes, if there is one.
 *
 * An empty queue is no error.
 *
 * Returns: (transfer full) (array length=length) (element-type guint8) (nullable): the bytes;
 *   %NULL without an error when
 *   there is none
 *
 * Since: 1.0
 */
guint8 *
mp_queue_try_get_data (MpQueue *self,
                       gsize   *length,
                       GError **error)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);

  return get_data (self, 0, TRUE, NULL, length, error);
}

/**
 * mp_queue_get_into:
 * @self: a queue
 * @buffer: (array length=size) (element-type guint8): memory that the bytes are written to
 * @size: how many bytes @buffer has
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Gets the next message as bytes into a buffer of the caller, without any allocation.
 *
 * Fails as [method@Queue.get_data] does, and with `MP_ERROR_BUFFER_TOO_SHORT` when the
 * message does not fit; it stays queued then.
 *
 * This is for C and Vala: Python and JavaScript hand out a copy of their buffer.
 *
 * Returns: how many bytes the message has, or -1 with @error set
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
  MpQueueDelivery    delivery = mp_queue_delivery (buffer, size);
  g_autofree guint8 *converted = NULL;
  gsize              length;

  g_return_val_if_fail (mp_queue_check_call (self, cancellable), -1);
  g_return_val_if_fail (buffer != NULL || size == 0, -1);

  delivery.only_buffer = TRUE;
  if (!mp_queue_get_payload (self, &delivery, timeout_us, FALSE, cancellable, error))
    return -1;
  if (G_LIKELY (delivery.tag == MP_FORMAT_BYTES))
    {
      mp_queue_end_get (self, &delivery);
      return (gssize) delivery.size;
    }

  /* The bytes within another form are never more than its payload, which did fit. */
  converted = mp_queue_get_converted (self, &delivery, to_data, &length, error);
  if (converted == NULL)
    return -1;
  memcpy (buffer, converted, length);
  return (gssize) length;
}

/**
 * mp_queue_get_into_address:
 * @self: a queue
 * @address: the address of memory that the bytes are written to
 * @size: how many bytes there are at @address
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Does what [method@Queue.get_into] does, for languages that know their memory by its
 * address alone.
 *
 * Returns: how many bytes the message has, or -1 with @error set
 *
 * Since: 1.0
 */
gssize
mp_queue_get_into_address (MpQueue      *self,
                           guintptr      address,
                           gsize         size,
                           gint64        timeout_us,
                           GCancellable *cancellable,
                           GError      **error)
{
  return mp_queue_get_into (self, (guint8 *) address, size, timeout_us, cancellable, error);
}
