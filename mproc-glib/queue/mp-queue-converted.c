/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "formats/pickle-reader.h"
#include "mp-error.h"
#include "message/mp-message-private.h"

#include <string.h>

/* Putting and getting JSON, pickles and whole messages. */

gpointer
mp_queue_get_converted (MpQueue           *self,
                        MpQueueDelivery   *delivery,
                        MpQueueConvertFunc convert,
                        gsize             *length,
                        GError           **error)
{
  g_autoptr (GBytes) payload = mp_queue_steal_payload (delivery);
  g_autoptr (MpMessage) message =
    mp_message_new_from_payload ((MpFormat) delivery->tag, payload, error);
  gpointer result = message != NULL ? convert (message, length, error) : NULL;

  if (result != NULL)
    mp_queue_end_get (self, delivery);
  else
    mp_queue_give_back (self, delivery, g_bytes_get_data (payload, NULL));
  return result;
}

/* --- JSON ---------------------------------------------------------------------------------- */

static gpointer
to_json (MpMessage *message,
         gsize     *length,
         GError   **error)
{
  return mp_message_get_json (message, error);
}

static char *
get_json (MpQueue      *self,
          gint64        timeout_us,
          gboolean      try_only,
          GCancellable *cancellable,
          GError      **error)
{
  guint8          stack[MP_QUEUE_STACK_SIZE];
  MpQueueDelivery delivery = mp_queue_delivery (stack, sizeof stack);

  if (!mp_queue_get_payload (self, &delivery, timeout_us, try_only, cancellable, error))
    return NULL;
  return mp_queue_get_converted (self, &delivery, to_json, NULL, error);
}

/**
 * mp_queue_put_json:
 * @self: a queue
 * @json: JSON text in UTF-8
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Puts JSON text; who gets it checks it.
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
mp_queue_put_json (MpQueue      *self,
                   const char   *json,
                   gint64        timeout_us,
                   GCancellable *cancellable,
                   GError      **error)
{
  g_return_val_if_fail (mp_queue_check_call (self, cancellable), FALSE);
  g_return_val_if_fail (json != NULL, FALSE);

  return mp_queue_put_payload (self, MP_FORMAT_JSON, json, strlen (json), timeout_us, FALSE,
                               cancellable, error);
}

/**
 * mp_queue_try_put_json:
 * @self: a queue
 * @json: JSON text in UTF-8
 * @error: return location for an error
 *
 * Puts JSON text; who gets it checks it, if there is room at once.
 *
 * A full queue is no error.
 *
 * Returns: whether it was put; %FALSE without an error when the queue is full
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

  return mp_queue_put_payload (self, MP_FORMAT_JSON, json, strlen (json), 0, TRUE, NULL,
                               error);
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
 * Fails with `MP_ERROR_EMPTY` when there is nothing by then, and with `MP_ERROR_CLOSED` when
 * the queue was shut down and is drained. A message that has no form as
 * JSON fails with `MP_ERROR_UNSUPPORTED` and stays queued.
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
 * An empty queue is no error.
 *
 * Returns: (transfer full) (nullable): JSON text in UTF-8; %NULL without an error when
 *   there is none
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

/* --- Pickles ---------------------------------------------------------------------------------- */

gpointer
mp_queue_convert_to_pickle (MpMessage *message,
                            gsize     *length,
                            GError   **error)
{
  return mp_message_get_pickle (message, length, error);
}

static guint8 *
get_pickle (MpQueue      *self,
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
  return mp_queue_get_converted (self, &delivery, mp_queue_convert_to_pickle, length, error);
}

/* What nobody could load shall not get into the way of what comes after it. */
static gboolean
put_pickle (MpQueue      *self,
            const guint8 *data,
            gsize         length,
            gint64        timeout_us,
            gboolean      try_only,
            GCancellable *cancellable,
            GError      **error)
{
  gboolean needs_dill;

  return mp_pickle_check (data, length, &needs_dill, error) &&
         mp_queue_put_payload (self, MP_FORMAT_PICKLE, data, length, timeout_us, try_only,
                               cancellable, error);
}

/**
 * mp_queue_put_pickle:
 * @self: a queue
 * @data: (array length=length) (element-type guint8): a pickle of plain values
 * @length: how many bytes
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Puts a Python pickle of plain values, which nobody executes.
 *
 * A pickle that names a function or a class fails with `MP_ERROR_UNSUPPORTED` and says which;
 * a malformed one with `MP_ERROR_INVALID_MESSAGE`. Fails with `MP_ERROR_FULL` when there is no
 * room by then, `MP_ERROR_TOO_LARGE` when there
 * never will be, and `MP_ERROR_CLOSED` when this object or the queue was closed. What was
 * not put is still the caller's.
 *
 * Returns: whether it was put; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_queue_put_pickle (MpQueue      *self,
                     const guint8 *data,
                     gsize         length,
                     gint64        timeout_us,
                     GCancellable *cancellable,
                     GError      **error)
{
  g_return_val_if_fail (mp_queue_check_call (self, cancellable), FALSE);
  g_return_val_if_fail (data != NULL || length == 0, FALSE);

  return put_pickle (self, data, length, timeout_us, FALSE, cancellable, error);
}

/**
 * mp_queue_try_put_pickle:
 * @self: a queue
 * @data: (array length=length) (element-type guint8): a pickle of plain values
 * @length: how many bytes
 * @error: return location for an error
 *
 * Puts a Python pickle of plain values, if there is room at once.
 *
 * A full queue is no error. Else it fails as [method@Queue.put_pickle] does.
 *
 * Returns: whether it was put; %FALSE without an error when the queue is full
 *
 * Since: 1.0
 */
gboolean
mp_queue_try_put_pickle (MpQueue      *self,
                         const guint8 *data,
                         gsize         length,
                         GError      **error)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (data != NULL || length == 0, FALSE);

  return put_pickle (self, data, length, 0, TRUE, NULL, error);
}

/**
 * mp_queue_get_pickle:
 * @self: a queue
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @length: (out): how many bytes
 * @error: return location for an error
 *
 * Gets the next message as a Python pickle of plain values.
 *
 * Fails with `MP_ERROR_EMPTY` when there is nothing by then, and with `MP_ERROR_CLOSED` when
 * the queue was shut down and is drained. A message that has no form as
 * plain values fails with `MP_ERROR_UNSUPPORTED` and stays queued.
 *
 * Returns: (transfer full) (array length=length) (element-type guint8) (nullable): a pickle of
 *   plain values; %NULL with @error set
 *
 * Since: 1.0
 */
guint8 *
mp_queue_get_pickle (MpQueue      *self,
                     gint64        timeout_us,
                     GCancellable *cancellable,
                     gsize        *length,
                     GError      **error)
{
  g_return_val_if_fail (mp_queue_check_call (self, cancellable), NULL);

  return get_pickle (self, timeout_us, FALSE, cancellable, length, error);
}

/**
 * mp_queue_try_get_pickle:
 * @self: a queue
 * @length: (out): how many bytes
 * @error: return location for an error
 *
 * Gets the next message as a Python pickle of plain values, if there is one.
 *
 * An empty queue is no error.
 *
 * Returns: (transfer full) (array length=length) (element-type guint8) (nullable): a pickle of
 *   plain values; %NULL without an error when
 *   there is none
 *
 * Since: 1.0
 */
guint8 *
mp_queue_try_get_pickle (MpQueue *self,
                         gsize   *length,
                         GError **error)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);

  return get_pickle (self, 0, TRUE, NULL, length, error);
}

/* --- Messages --------------------------------------------------------------------------------- */

static gboolean
put_message (MpQueue      *self,
             MpMessage    *message,
             gint64        timeout_us,
             gboolean      try_only,
             GCancellable *cancellable,
             GError      **error)
{
  g_autoptr (GBytes) payload = mp_queue_ref_payload (message, error);

  return payload != NULL &&
         mp_queue_put_payload (self, mp_message_get_format (message),
                               g_bytes_get_data (payload, NULL), g_bytes_get_size (payload),
                               timeout_us, try_only, cancellable, error);
}

gpointer
mp_queue_convert_to_message (MpMessage *message,
                             gsize     *length,
                             GError   **error)
{
  return mp_message_ref (message);
}

static MpMessage *
get_message (MpQueue      *self,
             gint64        timeout_us,
             gboolean      try_only,
             GCancellable *cancellable,
             GError      **error)
{
  guint8          stack[MP_QUEUE_STACK_SIZE];
  MpQueueDelivery delivery = mp_queue_delivery (stack, sizeof stack);

  if (!mp_queue_get_payload (self, &delivery, timeout_us, try_only, cancellable, error))
    return NULL;
  return mp_queue_get_converted (self, &delivery, mp_queue_convert_to_message, NULL, error);
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
 * Fails with `MP_ERROR_FULL` when there is no room by then, `MP_ERROR_TOO_LARGE` when there
 * never will be, and `MP_ERROR_CLOSED` when this object or the queue was closed. What was
 * not put is still the caller's.
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
 * Puts a message, if there is room at once.
 *
 * A full queue is no error.
 *
 * Returns: whether it was put; %FALSE without an error when the queue is full
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
 * Gets the next message, in whatever form it was put.
 *
 * Fails with `MP_ERROR_EMPTY` when there is nothing by then, and with `MP_ERROR_CLOSED` when
 * the queue was shut down and is drained.
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
 * Gets the next message, in whatever form it was put, if there is one.
 *
 * An empty queue is no error.
 *
 * Returns: (transfer full) (nullable): the message; %NULL without an error when
 *   there is none
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
