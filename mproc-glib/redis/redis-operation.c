/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-queue-slots.h"

#include <gio/gio.h>

/* Operations that end later: requests without a thread that waits for their end. */

/* How long cancelling an operation may block a main loop. */
#define CANCEL_US (4 * 1000)

/* --- Beginning ------------------------------------------------------------------------- */

static const MpRedisRequestKind kinds[] = {
  [MP_QUEUE_OPERATION_PUT] = MP_REDIS_PUT,
  [MP_QUEUE_OPERATION_GET] = MP_REDIS_GET,
  [MP_QUEUE_OPERATION_SETTLE] = MP_REDIS_FINISH,
  [MP_QUEUE_OPERATION_WAIT] = MP_REDIS_WAIT,
  [MP_QUEUE_OPERATION_FINISH] = MP_REDIS_FINISH,
  [MP_QUEUE_OPERATION_SHUTDOWN] = MP_REDIS_ASK,
  [MP_QUEUE_OPERATION_CLEAR] = MP_REDIS_ASK,
};

static MpRedisRequest *
make_request (MpQueueOperation *operation)
{
  MpRedisRequest *request = mp_redis_request_new (kinds[operation->kind]);

  request->operation = operation;
  request->is_patient = TRUE;
  request->items = operation->items;
  request->deliveries = operation->deliveries;
  request->accepted = operation->accepted;
  request->answers = operation->answers;
  request->n = operation->n;
  request->condition = operation->condition;
  if (operation->kind == MP_QUEUE_OPERATION_SHUTDOWN)
    mp_redis_prepare_shutdown (request, operation->immediate);
  else if (operation->kind == MP_QUEUE_OPERATION_CLEAR)
    mp_redis_prepare_clear (request);
  return request;
}

static void
prepare_deliveries (const MpRedisRequest *request)
{
  for (guint i = 0; i < request->n; i++)
    {
      request->deliveries[i].tentative = FALSE;
      request->deliveries[i].token = (MpQueueToken){ 0 };
    }
}

static gboolean
is_too_large (MpRedisQueue         *self,
              const MpRedisRequest *request)
{
  for (guint i = 0; i < request->n; i++)
    if (request->items[i].size > mp_redis_get_max_message (self))
      return TRUE;
  return FALSE;
}

static void
begin_settling (MpRedisQueue     *self,
                MpRedisRequest   *request,
                MpQueueOperation *operation)
{
  MpQueueStatus status;

  request->n = 1;
  request->answers = &request->answer;
  if (!mp_redis_begin_settle (self, operation->deliveries, operation->take, request, &status))
    mp_redis_end (self, request, status);
}

static void
begin_request (MpRedisQueue     *self,
               MpRedisRequest   *request,
               MpQueueOperation *operation)
{
  if (self->link.state == MP_REDIS_LINK_FAILED)
    {
      mp_redis_end_with_error (self, request, g_error_copy (self->link.error));
      return;
    }
  switch (operation->kind)
    {
    case MP_QUEUE_OPERATION_PUT:
      if (request->n == 0)
        mp_redis_end (self, request, MP_QUEUE_OK);
      else if (is_too_large (self, request))
        mp_redis_end (self, request, MP_QUEUE_TOO_LARGE);
      else
        mp_redis_submit (self, request);
      break;
    case MP_QUEUE_OPERATION_SETTLE:
      begin_settling (self, request, operation);
      break;
    case MP_QUEUE_OPERATION_FINISH:
      mp_redis_begin_finish (self, request, operation->tokens, operation->how);
      if (request->n_done == request->n)
        mp_redis_end (self, request, MP_QUEUE_OK);
      break;
    case MP_QUEUE_OPERATION_GET:
      prepare_deliveries (request);
      mp_redis_submit (self, request);
      break;
    case MP_QUEUE_OPERATION_WAIT:
    case MP_QUEUE_OPERATION_SHUTDOWN:
    case MP_QUEUE_OPERATION_CLEAR:
    default:
      mp_redis_submit (self, request);
    }
}

/* Whether the call has no timeout of its own. */
static gboolean
is_limited (const MpQueueOperation *operation)
{
  return operation->kind == MP_QUEUE_OPERATION_FINISH ||
         operation->kind == MP_QUEUE_OPERATION_SHUTDOWN ||
         operation->kind == MP_QUEUE_OPERATION_CLEAR;
}

void
mp_redis_slot_begin (gpointer          user_data,
                     MpQueueOperation *operation)
{
  MpRedisQueue   *self = user_data;
  MpRedisRequest *request = make_request (operation);

  operation->link.data = request;
  mp_redis_lock (self);
  begin_request (self, request, operation);
  if (is_limited (operation) && !request->has_ended)
    mp_redis_limit (self, request, g_get_monotonic_time () + self->uri->timeout_us);
  mp_redis_step (self);
  g_mutex_unlock (&self->mutex);
}

/* --- The end --------------------------------------------------------------------------- */

gboolean
mp_redis_slot_cancel (gpointer          user_data,
                      MpQueueOperation *operation)
{
  MpRedisQueue   *self = user_data;
  MpRedisRequest *request = operation->link.data;
  gboolean        is_out = FALSE;

  mp_redis_lock (self);
  if (!request->has_ended && request->kind == MP_REDIS_PUT && request->n_sent > 0)
    {
      mp_redis_limit (self, request, g_get_monotonic_time () + MP_REDIS_LINGER_US);
      mp_redis_step (self);
    }
  else if (!request->has_ended && operation->kind != MP_QUEUE_OPERATION_SETTLE)
    {
      operation->n_done = request->n_done;
      mp_redis_unlimit (self, request);
      mp_redis_withdraw (self, request);
      request->has_ended = TRUE;
      request->operation = NULL;
      mp_redis_request_free (request);
      mp_redis_end_unwanted_get (self, CANCEL_US);
      mp_redis_step (self);
      is_out = TRUE;
    }
  g_mutex_unlock (&self->mutex);
  return is_out;
}

static void
tell (MpRedisRequest *request)
{
  MpQueueOperation *operation = request->operation;

  operation->status = request->status;
  if (operation->kind == MP_QUEUE_OPERATION_SETTLE && request->status == MP_QUEUE_OK &&
      operation->take)
    operation->status = request->answer;
  if (operation->kind == MP_QUEUE_OPERATION_FINISH && request->status != MP_QUEUE_OK)
    for (guint i = 0; i < operation->n; i++)
      operation->answers[i] = request->status;
  operation->n_done = request->n_done;
  operation->n_dropped = request->n_dropped;
  if (request->error != NULL)
    {
      g_clear_error (&operation->call.error);
      operation->call.error = g_steal_pointer (&request->error);
    }
  request->operation = NULL;
}

void
mp_redis_tell_ended (MpRedisQueue *self)
{
  MpRedisRequest *request;

  while ((request = g_queue_peek_head (&self->ended)) != NULL)
    {
      MpQueueOperation *operation = request->operation;

      mp_redis_dequeue (&self->ended, request);
      tell (request);
      mp_redis_request_free (request);
      g_mutex_unlock (&self->mutex);
      operation->done (operation);
      mp_redis_lock (self);
    }
}
