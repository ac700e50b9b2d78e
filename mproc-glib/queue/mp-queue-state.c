/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "waiting/mp-waitable-private.h"

/* The base for the other files of the class: its private data, and the common part of all put and
 * get functions. */

int   mp_queue_private_offset;
guint mp_queue_signals[MP_QUEUE_N_SIGNALS];

gboolean
mp_queue_check (MpQueue *self,
                GError **error)
{
  return mp_queue_store_check (&mp_queue_get_private (self)->store, error);
}

static gboolean
check_phase (MpQueue          *self,
             MpQueueStorePhase last,
             GError          **error)
{
  MpQueueCall call = { 0 };

  return mp_queue_check (self, error) &&
         (g_atomic_int_get (&mp_queue_get_private (self)->store.phase) <= (int) last ||
          mp_queue_set_error (self, MP_QUEUE_CLOSED, &call, error));
}

gboolean
mp_queue_check_open (MpQueue *self,
                     GError **error)
{
  return check_phase (self, MP_QUEUE_STORE_SPENT, error);
}

gboolean
mp_queue_check_gets (MpQueue *self,
                     GError **error)
{
  return check_phase (self, MP_QUEUE_STORE_OPEN, error);
}

/* Always returns FALSE.  @self is NULL for a task that belongs to no queue; @status is then
 * STALE. */
gboolean
mp_queue_set_error (MpQueue      *self,
                    MpQueueStatus status,
                    MpQueueCall  *call,
                    GError      **error)
{
  MpQueueStore *store = self != NULL ? &mp_queue_get_private (self)->store : NULL;

  return mp_queue_store_set_error (store, status, call, NULL, error);
}

void
mp_queue_end (MpQueue      *self,
              const GError *reason)
{
  MpQueueStore *store = &mp_queue_get_private (self)->store;

  if (__atomic_exchange_n (&store->phase, MP_QUEUE_STORE_CLOSED, __ATOMIC_SEQ_CST) ==
      MP_QUEUE_STORE_CLOSED)
    return;

  if (store->home != NULL)
    store->backend->close (store->home);
  mp_waitable_wake_waits (MP_WAITABLE (self));
  g_object_notify (G_OBJECT (self), "closed");
  g_signal_emit (self, mp_queue_signals[MP_QUEUE_SIGNAL_CLOSED], 0, reason);
}

void
mp_queue_spend (MpQueue *self)
{
  MpQueueStore *store = &mp_queue_get_private (self)->store;

  if (!g_atomic_int_compare_and_exchange (&store->phase, MP_QUEUE_STORE_OPEN,
                                          MP_QUEUE_STORE_SPENT))
    return;
  store->backend->close (store->home);
  mp_waitable_wake_waits (MP_WAITABLE (self));
}

gboolean
mp_queue_is_nothing_now (MpQueueStatus      status,
                         MpQueueStatus      nothing,
                         const MpQueueCall *call)
{
  return status == nothing || status == MP_QUEUE_INTERRUPTED ||
         (status == MP_QUEUE_BUSY && call->timeout_us == 0);
}

gpointer
mp_queue_get_delivery (MpQueue             *self,
                       const MpQueueReader *reader,
                       gpointer             request,
                       MpQueueDelivery     *delivery,
                       MpQueueCall         *call,
                       gboolean             quiet,
                       MpQueueToken        *token,
                       GError             **error)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);
  gpointer        value;
  MpQueueStatus   status = mp_queue_store_get (&priv->store, reader, request, delivery, call,
                                               &value);

  if (G_UNLIKELY (priv->bells.fd_bell != NULL))
    mp_queue_bells_refresh (&priv->bells);

  if (G_LIKELY (status == MP_QUEUE_OK))
    {
      if (token != NULL)
        *token = delivery->token;
      else if (delivery->token.lease != 0)
        priv->keep (self, &delivery->token);
      return value;
    }
  if (!quiet || !mp_queue_is_nothing_now (status, MP_QUEUE_EMPTY, call))
    mp_queue_store_set_error (&priv->store, status, call, delivery, error);
  return NULL;
}

gpointer
mp_queue_get_value (MpQueue             *self,
                    const MpQueueReader *reader,
                    gpointer             request,
                    MpQueueCall         *call,
                    gboolean             quiet,
                    MpQueueToken        *token,
                    GError             **error)
{
  guint8          stack[MP_QUEUE_SMALL_MESSAGE];
  MpQueueDelivery delivery = { .buffer = stack, .capacity = sizeof stack };

  return mp_queue_get_delivery (self, reader, request, &delivery, call, quiet, token, error);
}

gboolean
mp_queue_put_item (MpQueue      *self,
                   MpFormat      format,
                   gconstpointer data,
                   gsize         size,
                   MpQueueCall  *call,
                   gboolean      quiet,
                   GError      **error)
{
  const MpQueueItem item = { data, size, (guint8) format, NULL };

  return mp_queue_put_one (self, &item, call, quiet, error);
}

gboolean
mp_queue_put_one (MpQueue           *self,
                  const MpQueueItem *item,
                  MpQueueCall       *call,
                  gboolean           quiet,
                  GError           **error)
{
  guint         n_put;
  MpQueueStatus status = mp_queue_store_put (&mp_queue_get_private (self)->store, item, 1, call,
                                             &n_put);

  if (G_LIKELY (status == MP_QUEUE_OK))
    return TRUE;
  if (quiet && mp_queue_is_nothing_now (status, MP_QUEUE_FULL, call))
    return FALSE;
  return mp_queue_set_error (self, status, call, error);
}
