/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queue-request.h"

/* Called in the main context in which the backend's replies are read; wakes that of the request. */
static void
operation_done (MpQueueOperation *operation)
{
  MpQueueRequest *self = (MpQueueRequest *) operation;

  g_atomic_int_set (&self->has_ended, TRUE);
  g_source_set_ready_time (self->source, 0);
}

void
mp_queue_request_begin (MpQueueRequest      *self,
                        MpQueueOperationKind kind)
{
  self->operation.kind = kind;
  self->operation.call.timeout_us = -1;
  self->operation.n_done = 0;
  self->operation.done = operation_done;
  g_atomic_int_set (&self->has_ended, FALSE);
  self->store->backend->begin (self->store->home, &self->operation);
}

static void
read_and_settle (MpQueueRequest *self)
{
  MpQueueDelivery *delivery = self->operation.deliveries;

  self->value = self->reader->read (delivery, NULL, &self->operation.call.error);
  mp_queue_delivery_clear (delivery);
  self->operation.take = self->value != NULL;
  mp_queue_request_begin (self, MP_QUEUE_OPERATION_SETTLE);
}

/* If another consumer has taken the message meanwhile, starts the get anew and returns FALSE. */
static gboolean
judge_settled (MpQueueRequest *self)
{
  self->operation.n_done = 1;
  if (self->operation.status == MP_QUEUE_OK && self->value == NULL)
    self->operation.status = MP_QUEUE_FAILED;
  if (self->operation.status != MP_QUEUE_STALE)
    return TRUE;

  mp_queue_request_clear (self);
  mp_queue_request_begin (self, MP_QUEUE_OPERATION_GET);
  return FALSE;
}

gboolean
mp_queue_request_step (MpQueueRequest *self)
{
  g_source_set_ready_time (self->source, -1);
  if (!g_atomic_int_get (&self->has_ended))
    return FALSE;

  if (self->operation.kind == MP_QUEUE_OPERATION_SETTLE)
    return judge_settled (self);
  if (self->operation.kind != MP_QUEUE_OPERATION_GET || self->operation.status != MP_QUEUE_OK ||
      !self->operation.deliveries[0].tentative)
    return TRUE;

  read_and_settle (self);
  return FALSE;
}

gboolean
mp_queue_request_cancel (MpQueueRequest *self)
{
  return !g_atomic_int_get (&self->has_ended) &&
         self->store->backend->cancel (self->store->home, &self->operation);
}

void
mp_queue_request_clear (MpQueueRequest *self)
{
  g_clear_error (&self->operation.call.error);
  if (self->value != NULL)
    self->reader->free_value (g_steal_pointer (&self->value));
}
