/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "formats/gvariant-reader.h"
#include "formats/gvariant.h"
#include "message/mp-message-private.h"
#include "mp-error.h"

/* Putting and getting GVariants. */

/* The largest payload that is serialized in a buffer on the stack. */
#define SMALL_PAYLOAD 2048

static gboolean
put_variant (MpQueue      *self,
             GVariant     *value,
             gint64        timeout_us,
             gboolean      quiet,
             GCancellable *cancellable,
             GError      **error)
{
  MpQueueCall call = { .timeout_us = timeout_us, .cancellable = cancellable };
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  gsize              size = mp_gvariant_get_payload_size (owned);
  guint8             stack[SMALL_PAYLOAD];
  g_autofree guint8 *heap = NULL;
  guint8            *payload = stack;

  if (size > sizeof stack)
    payload = heap = g_malloc (size);
  mp_gvariant_store_payload (owned, payload);
  return mp_gvariant_check_depth (owned, payload, size, error) &&
         mp_queue_put_item (self, MP_FORMAT_GVARIANT, payload, size, &call, quiet, error);
}

static gpointer
read_variant (MpQueueDelivery *delivery,
              gpointer         request,
              GError         **error)
{
  g_autoptr (MpMessage) message = NULL;
  g_autoptr (GBytes) bytes = NULL;

  if (delivery->tag == MP_FORMAT_GVARIANT)
    {
      bytes = mp_queue_delivery_steal_bytes (delivery);
      return mp_gvariant_load_payload (bytes, error);
    }
  message = mp_queue_steal_message (delivery, error);
  return message != NULL ? mp_message_get_variant (message, error) : NULL;
}

/* Opaque messages are accepted so that the error can name the codec that reads them. */
const MpQueueReader mp_queue_variant_reader = {
  .accepted = {
    .any = MP_QUEUE_TAG (MP_FORMAT_BYTES),
    .sound = MP_QUEUE_TAG (MP_FORMAT_GVARIANT) | MP_QUEUE_TAG (MP_FORMAT_OBJECT),
    .by_content = MP_QUEUE_TAG (MP_FORMAT_JSON) | MP_QUEUE_TAG (MP_FORMAT_PICKLE) |
                  MP_QUEUE_TAG (MP_FORMAT_OPAQUE),
  },
  .read = read_variant,
  .free_value = (GDestroyNotify) g_variant_unref,
  .accepts_large = TRUE,
};

static GVariant *
get_variant (MpQueue      *self,
             gint64        timeout_us,
             gboolean      quiet,
             GCancellable *cancellable,
             GError      **error)
{
  MpQueueCall call = { .timeout_us = timeout_us, .cancellable = cancellable };

  return mp_queue_get_value (self, &mp_queue_variant_reader, NULL, &call, quiet, NULL, error);
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
 * Fails with `MP_ERROR_FULL` if there is no room before the timeout, `MP_ERROR_TOO_LARGE` if the
 * message is larger than the queue's `max-bytes`, and `MP_ERROR_CLOSED` if this object was closed
 * or the queue was shut down. A value that is nested too deeply to be read fails with
 * `MP_ERROR_INVALID_MESSAGE`. On failure, nothing was put.
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
 * Puts a value of any GVariant type, if there is room now.
 *
 * A full queue is not an error.
 *
 * Returns: whether it was put; %FALSE without an error if the queue is full
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
 * Fails with `MP_ERROR_EMPTY` if there is no message before the timeout, and with `MP_ERROR_CLOSED`
 * if this object was closed, or the queue was shut down and is drained. A message that cannot be
 * converted to a GVariant fails with `MP_ERROR_UNSUPPORTED`, a malformed one with
 * `MP_ERROR_INVALID_MESSAGE`; both stay queued. [method@Queue.get_message] gets the next message
 * whatever it is.
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
 * An empty queue is not an error.
 *
 * Returns: (transfer full) (nullable): the value; %NULL without an error if there is none
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
 * Gets the next message as a GVariant, for a loop that ends when the queue is shut down.
 *
 * ```c
 * while ((value = mp_queue_next_value (queue, &error)) != NULL)
 * ```
 *
 * Waits without a timeout, and fails as [method@Queue.get] does, except that it is not an error if
 * the queue was shut down and is drained.
 *
 * Returns: (transfer full) (nullable): the value; %NULL without an error at the end, with @error
 *   set on failure
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
