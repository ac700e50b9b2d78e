/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "mp-error.h"

/* Many messages in one step. */

#define MAX_BATCH 64

static gboolean
collect_items (GPtrArray   *messages,
               GPtrArray   *payloads,
               MpQueueItem *items,
               GError     **error)
{
  for (guint i = 0; i < messages->len; i++)
    {
      MpMessage *message = g_ptr_array_index (messages, i);
      GBytes    *payload = mp_queue_ref_payload (message, error);

      if (payload == NULL)
        return FALSE;
      g_ptr_array_add (payloads, payload);
      items[i].data = g_bytes_get_data (payload, &items[i].size);
      items[i].tag = (guint8) mp_message_get_format (message);
    }
  return TRUE;
}

/**
 * mp_queue_put_many:
 * @self: a queue
 * @messages: (element-type MpMessage): messages, without descriptors
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @n_put: (out) (optional): how many were put, from the first; also when it fails
 * @error: return location for an error
 *
 * Puts messages in their order, as few steps as possible.
 *
 * When the time is over before there was room for all, it fails with `MP_ERROR_FULL`, and
 * @n_put tells how many got in. Others may put in between.
 *
 * Returns: whether all were put; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_queue_put_many (MpQueue      *self,
                   GPtrArray    *messages,
                   gint64        timeout_us,
                   GCancellable *cancellable,
                   guint        *n_put,
                   GError      **error)
{
  g_autofree MpQueueItem *items = NULL;
  g_autoptr (GPtrArray) payloads = NULL;
  guint ignored;

  g_return_val_if_fail (mp_queue_check_call (self, cancellable), FALSE);
  g_return_val_if_fail (messages != NULL, FALSE);

  if (n_put == NULL)
    n_put = &ignored;
  *n_put = 0;
  items = g_new0 (MpQueueItem, messages->len);
  payloads = g_ptr_array_new_full (messages->len, (GDestroyNotify) g_bytes_unref);

  return collect_items (messages, payloads, items, error) &&
         mp_queue_put_items (self, items, messages->len, timeout_us, cancellable, n_put, error);
}

static GPtrArray *
take_messages (MpQueue         *self,
               MpQueueDelivery *deliveries,
               guint            n,
               GError         **error)
{
  g_autoptr (GPtrArray) messages =
    g_ptr_array_new_full (n, (GDestroyNotify) mp_message_unref);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GError) malformed = NULL;
      MpMessage *message = mp_queue_get_converted (self, &deliveries[i],
                                                   mp_queue_convert_to_message, NULL, &malformed);

      if (message != NULL)
        g_ptr_array_add (messages, message);
      else if (messages->len == 0 && i == n - 1)
        g_propagate_error (error, g_steal_pointer (&malformed));
    }
  return messages->len > 0 ? g_steal_pointer (&messages) : NULL;
}

/**
 * mp_queue_get_many:
 * @self: a queue
 * @max: the most messages to get, at least 1
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Waits for the first message, and takes what else is there, in order.
 *
 * Fails as [method@Queue.get_message] does.
 *
 * Returns: (transfer full) (element-type MpMessage): at least one message; %NULL with @error
 *   set
 *
 * Since: 1.0
 */
GPtrArray *
mp_queue_get_many (MpQueue      *self,
                   guint         max,
                   gint64        timeout_us,
                   GCancellable *cancellable,
                   GError      **error)
{
  g_autofree guint8 *buffers = NULL;
  MpQueueDelivery    deliveries[MAX_BATCH];
  guint              n_got;

  g_return_val_if_fail (mp_queue_check_call (self, cancellable), NULL);
  g_return_val_if_fail (max > 0, NULL);

  max = MIN (max, MAX_BATCH);
  buffers = g_malloc ((gsize) max * MP_QUEUE_STACK_SIZE);
  for (guint i = 0; i < max; i++)
    deliveries[i] = mp_queue_delivery (buffers + (gsize) i * MP_QUEUE_STACK_SIZE,
                                       MP_QUEUE_STACK_SIZE);

  if (!mp_queue_get_payloads (self, deliveries, max, &n_got, timeout_us, cancellable, error))
    return NULL;
  return take_messages (self, deliveries, n_got, error);
}

/**
 * mp_queue_put_vectors: (skip)
 * @self: a queue
 * @vectors: (array length=n_vectors): messages, each a piece of memory
 * @n_vectors: how many messages
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @n_put: (out) (optional): how many were put, from the first; also when it fails
 * @error: return location for an error
 *
 * Puts many messages of plain bytes in one step; see [method@Queue.put_many].
 *
 * Returns: whether all were put; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_queue_put_vectors (MpQueue             *self,
                      const GOutputVector *vectors,
                      guint                n_vectors,
                      gint64               timeout_us,
                      GCancellable        *cancellable,
                      guint               *n_put,
                      GError             **error)
{
  MpQueueItem items[MAX_BATCH];
  gint64      start = g_get_monotonic_time ();
  guint       total = 0, n = 0;
  gboolean    success = TRUE;

  g_return_val_if_fail (mp_queue_check_call (self, cancellable), FALSE);
  g_return_val_if_fail (vectors != NULL || n_vectors == 0, FALSE);

  while (success && total < n_vectors)
    {
      guint batch = MIN (n_vectors - total, MAX_BATCH);

      for (guint i = 0; i < batch; i++)
        items[i] = (MpQueueItem){ vectors[total + i].buffer, vectors[total + i].size,
                                  MP_FORMAT_BYTES };
      success = mp_queue_put_items (self, items, batch, timeout_us, cancellable, &n, error);
      total += n;
      if (timeout_us > 0)
        {
          gint64 now = g_get_monotonic_time ();

          timeout_us = MAX (timeout_us - (now - start), 0);
          start = now;
        }
    }
  if (n_put != NULL)
    *n_put = total;
  return success;
}

/* Bytes, up to the first message that is something else: that one goes back, with what came
 * behind it. */
static gssize
keep_bytes (MpQueue         *self,
            MpQueueDelivery *deliveries,
            GInputVector    *vectors,
            guint            n_got,
            GError         **error)
{
  guint n_kept = 0;

  for (; n_kept < n_got && deliveries[n_kept].tag == MP_FORMAT_BYTES; n_kept++)
    {
      mp_queue_end_get (self, &deliveries[n_kept]);
      vectors[n_kept].size = deliveries[n_kept].size;
    }
  for (guint i = n_kept; i < n_got; i++)
    mp_queue_give_back (self, &deliveries[i], deliveries[i].data);

  if (n_kept > 0)
    return n_kept;
  g_set_error_literal (error, MP_ERROR, MP_ERROR_UNSUPPORTED, "The next message is no bytes");
  return -1;
}

/**
 * mp_queue_get_vectors: (skip)
 * @self: a queue
 * @vectors: (array length=n_vectors): buffers, one for each message; their sizes are set to
 *   those of the messages
 * @n_vectors: how many buffers
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Gets many messages of plain bytes in one step, without any allocation: waits for the first
 * and takes what else is there, up to a message that does not fit its buffer or is no bytes.
 *
 * Fails as [method@Queue.get_into] does when that is the first.
 *
 * Returns: how many messages, or -1 with @error set
 *
 * Since: 1.0
 */
gssize
mp_queue_get_vectors (MpQueue      *self,
                      GInputVector *vectors,
                      guint         n_vectors,
                      gint64        timeout_us,
                      GCancellable *cancellable,
                      GError      **error)
{
  MpQueueDelivery deliveries[MAX_BATCH];
  guint           n_got;

  g_return_val_if_fail (mp_queue_check_call (self, cancellable), -1);
  g_return_val_if_fail (vectors != NULL && n_vectors > 0, -1);

  n_vectors = MIN (n_vectors, MAX_BATCH);
  for (guint i = 0; i < n_vectors; i++)
    {
      deliveries[i] = mp_queue_delivery (vectors[i].buffer, vectors[i].size);
      deliveries[i].only_buffer = TRUE;
    }
  if (!mp_queue_get_payloads (self, deliveries, n_vectors, &n_got, timeout_us, cancellable, error))
    return -1;

  return keep_bytes (self, deliveries, vectors, n_got, error);
}
