/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "message/mp-message-private.h"

/* Putting and getting many messages in one step. */

#define MAX_BATCH     64
#define SMALL_MESSAGE 2048 /* larger ones are allocated individually */

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
 * @n_put: (out) (optional): how many were put, counted from the first; set also on failure
 * @error: return location for an error
 *
 * Puts messages in their order, in as few steps as possible.
 *
 * If there is not enough room for all before the timeout, it fails with `MP_ERROR_FULL`, and @n_put
 * is the number that was put. Messages of other producers may come in between.
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
  MpQueueCall             call = { .timeout_us = timeout_us, .cancellable = cancellable };
  g_autofree MpQueueItem *items = NULL;
  g_autoptr (GPtrArray) payloads = NULL;
  MpQueueStatus status;
  guint         ignored;

  g_return_val_if_fail (mp_queue_check_call (self, cancellable), FALSE);
  g_return_val_if_fail (messages != NULL, FALSE);

  if (n_put == NULL)
    n_put = &ignored;
  *n_put = 0;
  items = g_new0 (MpQueueItem, messages->len);
  payloads = g_ptr_array_new_full (messages->len, (GDestroyNotify) g_bytes_unref);

  if (!collect_items (messages, payloads, items, error))
    return FALSE;

  status = mp_queue_store_put (&mp_queue_get_private (self)->store, items, messages->len, &call,
                               n_put);
  return status == MP_QUEUE_OK || mp_queue_set_error (self, status, &call, error);
}

/* Reads messages whose format cannot be refused, so that all that were delivered are taken. */
static void
take_messages (MpQueue         *self,
               MpQueueDelivery *deliveries,
               guint            n,
               GPtrArray       *messages)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);

  for (guint i = 0; i < n; i++)
    {
      if (deliveries[i].token.lease != 0)
        priv->keep (self, &deliveries[i].token);
      g_ptr_array_add (messages, mp_queue_steal_message (&deliveries[i], NULL));
    }
}

/* Waits for the first message, and takes those behind it that are available. */
static MpQueueStatus
get_deliveries (MpQueue         *self,
                MpQueueDelivery *deliveries,
                guint8          *buffers,
                guint            max,
                MpQueueCall     *call,
                guint           *n_got)
{
  MpQueueStore *store = &mp_queue_get_private (self)->store;

  for (guint i = 0; i < max; i++)
    {
      deliveries[i].buffer = buffers + (gsize) i * SMALL_MESSAGE;
      deliveries[i].capacity = SMALL_MESSAGE;
    }
  return store->backend->get (store->home, deliveries, max, &mp_queue_message_reader.accepted, call,
                              n_got);
}

/* Gets a single message, for one that has to be settled. */
static gboolean
get_one (MpQueue         *self,
         MpQueueDelivery *delivery,
         MpQueueCall     *call,
         GPtrArray       *messages,
         GError         **error)
{
  MpQueueStore *store = &mp_queue_get_private (self)->store;
  MpMessage    *message;

  mp_queue_delivery_clear (delivery);
  store->backend->settle (store->home, delivery, FALSE, call);
  message = mp_queue_get_value (self, &mp_queue_message_reader, NULL, call, FALSE, NULL, error);
  if (message != NULL)
    g_ptr_array_add (messages, message);
  return message != NULL;
}

/**
 * mp_queue_get_many:
 * @self: a queue
 * @max: the most messages to get, at least 1
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Waits for the first message, and also takes those behind it that are available, in order.
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
  MpQueueCall        call = { .timeout_us = timeout_us, .cancellable = cancellable };
  MpQueueDelivery    deliveries[MAX_BATCH] = { 0 };
  g_autofree guint8 *buffers = NULL;
  g_autoptr (GPtrArray) messages = NULL;
  MpQueuePrivate *priv;
  MpQueueStatus   status;
  guint           n_got = 0;

  g_return_val_if_fail (mp_queue_check_call (self, cancellable), NULL);
  g_return_val_if_fail (max > 0, NULL);

  if (!mp_queue_check (self, error))
    return NULL;

  priv = mp_queue_get_private (self);
  max = MIN (max, MAX_BATCH);
  buffers = g_malloc ((gsize) max * SMALL_MESSAGE);
  messages = g_ptr_array_new_full (max, (GDestroyNotify) mp_message_unref);
  status = get_deliveries (self, deliveries, buffers, max, &call, &n_got);
  if (status != MP_QUEUE_OK)
    {
      mp_queue_store_set_error (&priv->store, status, &call, deliveries, error);
      return NULL;
    }

  if (deliveries[0].tentative)
    return get_one (self, deliveries, &call, messages, error) ? g_steal_pointer (&messages) : NULL;
  take_messages (self, deliveries, n_got, messages);
  if (G_UNLIKELY (priv->bells.fd_bell != NULL))
    mp_queue_bells_refresh (&priv->bells);
  return g_steal_pointer (&messages);
}
