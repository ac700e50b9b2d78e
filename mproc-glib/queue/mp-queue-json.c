/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "formats/json-reader.h"
#include "message/mp-message-private.h"

#include <string.h>

/* Putting and getting JSON. */

/* Checks the text before it is put: a message that is not valid JSON could not be read, and would
 * block the messages behind it. */
static gboolean
put_json (MpQueue      *self,
          const char   *json,
          gint64        timeout_us,
          gboolean      quiet,
          GCancellable *cancellable,
          GError      **error)
{
  MpQueueCall call = { .timeout_us = timeout_us, .cancellable = cancellable };
  gsize       size = strlen (json);

  return mp_json_check ((const guint8 *) json, size, error) &&
         mp_queue_put_item (self, MP_FORMAT_JSON, json, size, &call, quiet, error);
}

static gpointer
read_json (MpQueueDelivery *delivery,
           gpointer         request,
           GError         **error)
{
  g_autoptr (MpMessage) message = mp_queue_steal_message (delivery, error);

  return message != NULL ? mp_message_get_json (message, error) : NULL;
}

/* Opaque messages are accepted so that the error can name the codec that reads them. */
static const MpQueueReader json_reader = {
  .accepted = {
    .sound = MP_QUEUE_TAG (MP_FORMAT_JSON),
    .by_content = MP_QUEUE_TAG (MP_FORMAT_GVARIANT) | MP_QUEUE_TAG (MP_FORMAT_OBJECT) |
                  MP_QUEUE_TAG (MP_FORMAT_PICKLE) | MP_QUEUE_TAG (MP_FORMAT_OPAQUE),
  },
  .read = read_json,
  .free_value = g_free,
};

static char *
get_json (MpQueue      *self,
          gint64        timeout_us,
          gboolean      quiet,
          GCancellable *cancellable,
          GError      **error)
{
  MpQueueCall call = { .timeout_us = timeout_us, .cancellable = cancellable };

  return mp_queue_get_value (self, &json_reader, NULL, &call, quiet, NULL, error);
}

/**
 * mp_queue_put_json:
 * @self: a queue
 * @json: JSON text in UTF-8
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Puts JSON text.
 *
 * Text that is not valid JSON fails with `MP_ERROR_INVALID_MESSAGE`. Fails with `MP_ERROR_FULL` if
 * there is no room before the timeout, `MP_ERROR_TOO_LARGE` if the message is larger than the
 * queue's `max-bytes`, and `MP_ERROR_CLOSED` if this object was closed or the queue was shut down.
 * On failure, nothing was put.
 *
 * Returns: whether it was put; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_queue_put_json (MpQueue      *self,
                   const char   *json,
                   gint64        timeout_us,
                   GCancellable *cancellable,
                   GError      **error)
{
  g_return_val_if_fail (mp_queue_check_call (self, cancellable), FALSE);
  g_return_val_if_fail (json != NULL, FALSE);

  return put_json (self, json, timeout_us, FALSE, cancellable, error);
}

/**
 * mp_queue_try_put_json:
 * @self: a queue
 * @json: JSON text in UTF-8
 * @error: return location for an error
 *
 * Puts JSON text, if there is room now.
 *
 * A full queue is not an error. Otherwise it fails as [method@Queue.put_json] does.
 *
 * Returns: whether it was put; %FALSE without an error if the queue is full
 *
 * Since: 1.0
 */
gboolean
mp_queue_try_put_json (MpQueue    *self,
                       const char *json,
                       GError    **error)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (json != NULL, FALSE);

  return put_json (self, json, 0, TRUE, NULL, error);
}

/**
 * mp_queue_get_json:
 * @self: a queue
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Gets the next message as JSON.
 *
 * Fails with `MP_ERROR_EMPTY` if there is no message before the timeout, and with `MP_ERROR_CLOSED`
 * if this object was closed, or the queue was shut down and is drained. A message that cannot be
 * converted to JSON fails with `MP_ERROR_UNSUPPORTED` and stays queued.
 *
 * Returns: (transfer full) (nullable): JSON text in UTF-8; %NULL with @error set
 *
 * Since: 1.0
 */
char *
mp_queue_get_json (MpQueue      *self,
                   gint64        timeout_us,
                   GCancellable *cancellable,
                   GError      **error)
{
  g_return_val_if_fail (mp_queue_check_call (self, cancellable), NULL);

  return get_json (self, timeout_us, FALSE, cancellable, error);
}

/**
 * mp_queue_try_get_json:
 * @self: a queue
 * @error: return location for an error
 *
 * Gets the next message as JSON, if there is one.
 *
 * An empty queue is not an error.
 *
 * Returns: (transfer full) (nullable): JSON text in UTF-8; %NULL without an error if there is none
 *
 * Since: 1.0
 */
char *
mp_queue_try_get_json (MpQueue *self,
                       GError **error)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);

  return get_json (self, 0, TRUE, NULL, error);
}
