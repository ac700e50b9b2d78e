/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "message/mp-message-private.h"

/* Putting and getting many messages in one step. */

#define BUFFER_SIZE 16384 /* for a whole batch; what does not fit is allocated individually */

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
  MpQueueItem             few[MP_QUEUE_MAX_BATCH];
  g_autofree MpQueueItem *many = NULL;
  MpQueueItem            *items = few;
  MpQueueStatus           status;
  guint                   ignored;

  g_return_val_if_fail (mp_queue_check_call (self, cancellable), FALSE);
  g_return_val_if_fail (messages != NULL, FALSE);

  if (n_put == NULL)
    n_put = &ignored;
  *n_put = 0;
  if (messages->len > MP_QUEUE_MAX_BATCH)
    items = many = g_new (MpQueueItem, messages->len);
  for (guint i = 0; i < messages->len; i++)
    if (!mp_queue_peek_item (g_ptr_array_index (messages, i), &items[i], error))
      return FALSE;

  status = mp_queue_store_put (&mp_queue_get_private (self)->store, items, messages->len, &call,
                               n_put);
  return status == MP_QUEUE_OK || mp_queue_set_error (self, status, &call, error);
}

void
mp_queue_add_message (MpQueue            *self,
                      MpMessage          *message,
                      const MpQueueToken *token,
                      MpQueueWrapFunc     wrap,
                      GPtrArray          *results)
{
  if (wrap == NULL && token->lease != 0)
    mp_queue_get_private (self)->keep (self, token);
  g_ptr_array_add (results, wrap != NULL ? wrap (self, message, token) : message);
}

/* The backend delivers only formats that can be read without a check in this way, so none of them
 * can fail. */
void
mp_queue_take_messages (MpQueue         *self,
                        MpQueueDelivery *deliveries,
                        guint            n,
                        MpQueueWrapFunc  wrap,
                        GPtrArray       *results)
{
  for (guint i = 0; i < n; i++)
    {
      MpMessage *message = mp_queue_steal_message (&deliveries[i], NULL);

      mp_queue_add_message (self, message, &deliveries[i].token, wrap, results);
    }
}

/* The delivery is tentative: returns it, and gets the message anew by the functions for a single
 * one, which read it and settle it. */
static MpQueueStatus
get_one (MpQueue         *self,
         MpQueueDelivery *delivery,
         MpQueueCall     *call,
         MpQueueWrapFunc  wrap,
         GPtrArray       *results)
{
  MpQueueStore *store = &mp_queue_get_private (self)->store;
  MpQueueToken  token = { 0 };
  MpMessage    *message;

  mp_queue_delivery_clear (delivery);
  store->backend->settle (store->home, delivery, FALSE, call);
  /* If that failed, so does what follows. */
  g_clear_error (&call->error);
  message = mp_queue_get_value (self, &mp_queue_message_reader, NULL, call, FALSE, &token,
                                &call->error);
  if (message == NULL)
    return MP_QUEUE_FAILED;
  mp_queue_add_message (self, message, &token, wrap, results);
  return MP_QUEUE_OK;
}

MpQueueStatus
mp_queue_get_messages (MpQueue         *self,
                       MpQueueDelivery *deliveries,
                       guint            max,
                       MpQueueCall     *call,
                       MpQueueWrapFunc  wrap,
                       GPtrArray       *results)
{
  MpQueueStore *store = &mp_queue_get_private (self)->store;
  MpQueueStatus status;
  guint8        buffer[BUFFER_SIZE];
  gboolean      has_settled = FALSE; /* a message was tentative, which ends a batch */
  guint         n_got = 0;

  do
    {
      mp_queue_deliveries_init (deliveries, max - results->len, buffer, sizeof buffer);
      status = store->backend->get (store->home, deliveries, max - results->len,
                                    &mp_queue_message_reader.accepted, call, &n_got);
      if (status != MP_QUEUE_OK)
        return status;
      has_settled |= deliveries[0].tentative;
      if (deliveries[0].tentative)
        status = get_one (self, deliveries, call, wrap, results);
      else
        mp_queue_take_messages (self, deliveries, n_got, wrap, results);
      call->timeout_us = 0;
    }
  while (status == MP_QUEUE_OK && has_settled && results->len < max);
  return status;
}

GPtrArray *
mp_queue_get_batch (MpQueue        *self,
                    guint           max,
                    MpQueueCall    *call,
                    MpQueueWrapFunc wrap,
                    GDestroyNotify  free_result,
                    GError        **error)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);
  MpQueueDelivery deliveries[MP_QUEUE_MAX_BATCH];
  g_autoptr (GPtrArray) results = NULL;
  MpQueueStatus status;

  if (!mp_queue_check_gets (self, error))
    return NULL;

  max = MIN (max, MP_QUEUE_MAX_BATCH);
  results = g_ptr_array_new_full (max, free_result);
  status = mp_queue_get_messages (self, deliveries, max, call, wrap, results);
  if (G_UNLIKELY (priv->bells.fd_bell != NULL))
    mp_queue_bells_refresh (&priv->bells);

  if (results->len > 0)
    {
      g_clear_error (&call->error);
      return g_steal_pointer (&results);
    }
  mp_queue_store_set_error (&priv->store, status, call, deliveries, error);
  return NULL;
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
  MpQueueCall call = { .timeout_us = timeout_us, .cancellable = cancellable };

  g_return_val_if_fail (mp_queue_check_call (self, cancellable), NULL);
  g_return_val_if_fail (max > 0, NULL);

  return mp_queue_get_batch (self, max, &call, NULL, (GDestroyNotify) mp_message_unref, error);
}
