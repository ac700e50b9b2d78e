/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "mp-error.h"
#include "message/mp-message-private.h"

/* What all ways to put and to get go through: payloads in and out, and the backend's answers
 * as errors. */

static void
set_error_with_sizes (MpQueue               *self,
                      MpQueueStatus          status,
                      const MpQueueDelivery *delivery,
                      GError               **error)
{
  if (status == MP_QUEUE_TOO_LARGE)
    g_set_error (error, MP_ERROR, MP_ERROR_TOO_LARGE,
                 "The message is larger than the %" G_GUINT64_FORMAT " bytes the queue takes",
                 mp_queue_get_max_bytes (self));
  else
    g_set_error (error, MP_ERROR, MP_ERROR_BUFFER_TOO_SHORT,
                 "The message has %" G_GSIZE_FORMAT " bytes, and the buffer %" G_GSIZE_FORMAT,
                 delivery->size, delivery->capacity);
}

/* Always returns FALSE. */
gboolean
mp_queue_set_error (MpQueue               *self,
                    MpQueueStatus          status,
                    const MpQueueDelivery *delivery,
                    GError               **error)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);
  static const struct
  {
    int         code;
    const char *message;
  } messages[] = {
    [MP_QUEUE_EMPTY] = { MP_ERROR_EMPTY, "The queue is empty" },
    [MP_QUEUE_FULL] = { MP_ERROR_FULL, "The queue is full" },
    [MP_QUEUE_CLOSED] = { MP_ERROR_CLOSED, "The queue is closed" },
    [MP_QUEUE_STALE] = { MP_ERROR_STALE, "The message was given to another consumer" },
    [MP_QUEUE_TOO_MANY_DONE] = { MP_ERROR_TOO_MANY_DONE, "task_done() called too many times" },
    [MP_QUEUE_DAMAGED] = { MP_ERROR_DAMAGED, "The memory of the queue is damaged" },
  };

  switch (status)
    {
    case MP_QUEUE_TOO_LARGE:
    case MP_QUEUE_TOO_SHORT:
      set_error_with_sizes (self, status, delivery, error);
      break;
    case MP_QUEUE_CANCELLED:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Operation was cancelled");
      break;
    case MP_QUEUE_TIMED_OUT:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "The time is over");
      break;
    case MP_QUEUE_NO_SPACE:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                           "There is no memory for what is taken out of the queue");
      break;
    case MP_QUEUE_DETACHED:
      if (priv->store == NULL)
        g_propagate_error (error, g_error_copy (priv->error));
      /* It failed, and may not fail again when it is asked why. */
      else if (priv->backend->attach (priv->store, error))
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "The queue had too many users");
      break;
    default:
      g_set_error_literal (error, MP_ERROR, messages[status].code, messages[status].message);
    }
  return FALSE;
}

/* What each call asks first: whether there is a queue at all. */
gboolean
mp_queue_check (MpQueue *self,
                GError **error)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);

  return G_LIKELY (priv->store != NULL) ||
         mp_queue_set_error (self, MP_QUEUE_DETACHED, NULL, error);
}

/* --- Payloads in and out ---------------------------------------------------------------- */

static MpQueueStatus
put_items (MpQueue           *self,
           const MpQueueItem *items,
           guint              n_items,
           gint64             timeout_us,
           GCancellable      *cancellable,
           guint             *n_put)
{
  MpQueuePrivate   *priv = mp_queue_get_private (self);
  const MpQueueWait wait = { timeout_us, cancellable, FALSE };

  *n_put = 0;
  if (G_UNLIKELY (priv->store == NULL))
    return MP_QUEUE_DETACHED;
  if (G_UNLIKELY (g_atomic_int_get (&priv->closed)))
    return MP_QUEUE_CLOSED;
  return priv->backend->put (priv->store, items, n_items, &wait, n_put);
}

gboolean
mp_queue_put_payload (MpQueue      *self,
                      MpFormat      format,
                      gconstpointer data,
                      gsize         size,
                      gint64        timeout_us,
                      gboolean      try_only,
                      GCancellable *cancellable,
                      GError      **error)
{
  const MpQueueItem item = { data, size, (guint8) format };
  guint             n_put;
  MpQueueStatus     status = put_items (self, &item, 1, timeout_us, cancellable, &n_put);

  if (G_LIKELY (status == MP_QUEUE_OK))
    return TRUE;
  if (status == MP_QUEUE_FULL && try_only)
    return FALSE;
  return mp_queue_set_error (self, status, NULL, error);
}

gboolean
mp_queue_put_items (MpQueue           *self,
                    const MpQueueItem *items,
                    guint              n_items,
                    gint64             timeout_us,
                    GCancellable      *cancellable,
                    guint             *n_put,
                    GError           **error)
{
  MpQueueStatus status = put_items (self, items, n_items, timeout_us, cancellable, n_put);

  return status == MP_QUEUE_OK || mp_queue_set_error (self, status, NULL, error);
}

gboolean
mp_queue_get_payload (MpQueue         *self,
                      MpQueueDelivery *delivery,
                      gint64           timeout_us,
                      gboolean         try_only,
                      GCancellable    *cancellable,
                      GError         **error)
{
  MpQueuePrivate   *priv = mp_queue_get_private (self);
  const MpQueueWait wait = { timeout_us, cancellable, FALSE };
  MpQueueStatus     status;

  if (G_UNLIKELY (!mp_queue_check (self, error)))
    return FALSE;

  status = priv->backend->get (priv->store, delivery, &wait);
  if (G_UNLIKELY (priv->fd_bell != NULL))
    mp_queue_refresh_fd (self);

  if (G_LIKELY (status == MP_QUEUE_OK))
    return TRUE;
  if (status == MP_QUEUE_EMPTY && try_only)
    return FALSE;
  return mp_queue_set_error (self, status, delivery, error);
}

/* Waits for the first, and takes what else is there. */
gboolean
mp_queue_get_payloads (MpQueue         *self,
                       MpQueueDelivery *deliveries,
                       guint            n,
                       guint           *n_got,
                       gint64           timeout_us,
                       GCancellable    *cancellable,
                       GError         **error)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);

  if (!mp_queue_check (self, error))
    return FALSE;
  if (priv->backend->get_many (priv->store, deliveries, n, n_got) == MP_QUEUE_OK)
    {
      if (G_UNLIKELY (priv->fd_bell != NULL))
        mp_queue_refresh_fd (self);
      return TRUE;
    }

  if (!mp_queue_get_payload (self, deliveries, timeout_us, FALSE, cancellable, error))
    return FALSE;
  *n_got = 1;
  return TRUE;
}

void
mp_queue_end_get (MpQueue               *self,
                  const MpQueueDelivery *delivery)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);

  if (delivery->token.lease != 0)
    priv->backend->keep (priv->store, &delivery->token);
}

/* @data is where the payload is by now. */
void
mp_queue_give_back (MpQueue         *self,
                    MpQueueDelivery *delivery,
                    gconstpointer    data)
{
  MpQueuePrivate   *priv = mp_queue_get_private (self);
  const MpQueueItem item = { data, delivery->size, delivery->tag };

  if (delivery->token.lease != 0)
    priv->backend->finish (priv->store, &delivery->token, MP_QUEUE_FINISH_RETRY);
  else
    priv->backend->give_back (priv->store, &item);
  if (delivery->data != delivery->buffer)
    g_clear_pointer (&delivery->data, g_free);
}

GBytes *
mp_queue_ref_payload (MpMessage *message,
                      GError   **error)
{
  if (mp_message_get_fd_list (message) != NULL)
    {
      g_set_error_literal (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                           "Descriptors cannot travel through a queue");
      return NULL;
    }
  return mp_message_ref_payload (message, error);
}

GBytes *
mp_queue_steal_payload (MpQueueDelivery *delivery)
{
  if (delivery->data == delivery->buffer)
    return g_bytes_new (delivery->data, delivery->size);
  return g_bytes_new_take (g_steal_pointer (&delivery->data), delivery->size);
}
