/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "formats/gvariant-reader.h"
#include "message/mp-message-private.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>

/* Putting and getting whole messages. */

gboolean
mp_queue_peek_item (MpMessage   *message,
                    MpQueueItem *item,
                    GError     **error)
{
  item->tag = (guint8) mp_message_get_format (message);
  item->pieces = NULL;
  if (G_UNLIKELY (mp_message_get_fd_list (message) != NULL))
    {
      g_set_error_literal (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                           _ ("Descriptors cannot be sent through a queue"));
      return FALSE;
    }

  return mp_message_peek_payload (message, &item->data, &item->size, error) &&
         (item->tag != MP_FORMAT_GVARIANT ||
          mp_gvariant_check_depth (NULL, item->data, item->size, error));
}

static gboolean
put_message (MpQueue      *self,
             MpMessage    *message,
             gint64        timeout_us,
             gboolean      quiet,
             GCancellable *cancellable,
             GError      **error)
{
  MpQueueCall call = { .timeout_us = timeout_us, .cancellable = cancellable };
  MpQueueItem item;

  return mp_queue_peek_item (message, &item, error) &&
         mp_queue_put_one (self, &item, &call, quiet, error);
}

MpMessage *
mp_queue_steal_message (MpQueueDelivery *delivery,
                        GError         **error)
{
  g_autoptr (GBytes) payload = NULL;

  if (delivery->tag == MP_FORMAT_BYTES && delivery->data == delivery->buffer)
    return mp_message_new_data (delivery->data, delivery->size);
  payload = mp_queue_delivery_steal_bytes (delivery);
  return mp_message_new_from_payload ((MpFormat) delivery->tag, payload, error);
}

static gpointer
read_message (MpQueueDelivery *delivery,
              gpointer         request,
              GError         **error)
{
  return mp_queue_steal_message (delivery, error);
}

/* Of all formats, only an opaque message can be malformed. */
const MpQueueReader mp_queue_message_reader = {
  .accepted = {
    .any = MP_QUEUE_TAG (MP_FORMAT_GVARIANT) | MP_QUEUE_TAG (MP_FORMAT_JSON) |
           MP_QUEUE_TAG (MP_FORMAT_BYTES) | MP_QUEUE_TAG (MP_FORMAT_PICKLE) |
           MP_QUEUE_TAG (MP_FORMAT_OBJECT),
    .sound = MP_QUEUE_TAG (MP_FORMAT_OPAQUE),
  },
  .read = read_message,
  .free_value = (GDestroyNotify) mp_message_unref,
  .accepts_large = TRUE,
};

static MpMessage *
get_message (MpQueue      *self,
             gint64        timeout_us,
             gboolean      quiet,
             GCancellable *cancellable,
             GError      **error)
{
  MpQueueCall call = { .timeout_us = timeout_us, .cancellable = cancellable };

  return mp_queue_get_value (self, &mp_queue_message_reader, NULL, &call, quiet, NULL, error);
}

/**
 * mp_queue_put_message:
 * @self: a queue
 * @message: a message, without descriptors
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Puts a message.
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
mp_queue_put_message (MpQueue      *self,
                      MpMessage    *message,
                      gint64        timeout_us,
                      GCancellable *cancellable,
                      GError      **error)
{
  g_return_val_if_fail (mp_queue_check_call (self, cancellable), FALSE);
  g_return_val_if_fail (message != NULL, FALSE);

  return put_message (self, message, timeout_us, FALSE, cancellable, error);
}

/**
 * mp_queue_try_put_message:
 * @self: a queue
 * @message: a message, without descriptors
 * @error: return location for an error
 *
 * Puts a message, if there is room now.
 *
 * A full queue is not an error.
 *
 * Returns: whether it was put; %FALSE without an error if the queue is full
 *
 * Since: 1.0
 */
gboolean
mp_queue_try_put_message (MpQueue   *self,
                          MpMessage *message,
                          GError   **error)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (message != NULL, FALSE);

  return put_message (self, message, 0, TRUE, NULL, error);
}

/**
 * mp_queue_get_message:
 * @self: a queue
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Gets the next message, whatever its format.
 *
 * Fails with `MP_ERROR_EMPTY` if there is no message before the timeout, and with `MP_ERROR_CLOSED`
 * if this object was closed, or the queue was shut down and is drained.
 *
 * Returns: (transfer full) (nullable): the message; %NULL with @error set
 *
 * Since: 1.0
 */
MpMessage *
mp_queue_get_message (MpQueue      *self,
                      gint64        timeout_us,
                      GCancellable *cancellable,
                      GError      **error)
{
  g_return_val_if_fail (mp_queue_check_call (self, cancellable), NULL);

  return get_message (self, timeout_us, FALSE, cancellable, error);
}

/**
 * mp_queue_try_get_message:
 * @self: a queue
 * @error: return location for an error
 *
 * Gets the next message, whatever its format, if there is one.
 *
 * An empty queue is not an error.
 *
 * Returns: (transfer full) (nullable): the message; %NULL without an error if there is none
 *
 * Since: 1.0
 */
MpMessage *
mp_queue_try_get_message (MpQueue *self,
                          GError **error)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);

  return get_message (self, 0, TRUE, NULL, error);
}
