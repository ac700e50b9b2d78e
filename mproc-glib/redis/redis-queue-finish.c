/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-queue-slots.h"

/* Functions of the backend that finish deliveries. */

/* --- Finishing ----------------------------------------------------------------------- */

/* Waits for a request whose parts are in the lane already.  Called with the mutex, which it
 * releases. */
static MpQueueStatus
call_locked (MpRedisQueue   *self,
             MpRedisRequest *request,
             MpQueueCall    *call)
{
  MpQueueStatus status = MP_QUEUE_OK;

  if (request->n_done == request->n)
    g_mutex_unlock (&self->mutex);
  else
    status = mp_redis_call_locked (self, request, call);
  if (status != MP_QUEUE_OK)
    for (guint i = 0; i < request->n; i++)
      request->answers[i] = status;
  mp_redis_request_free (request);
  return status;
}

static void
add_token (MpRedisQueue       *self,
           const MpQueueToken *token,
           char                how,
           MpRedisRequest     *request,
           guint               index)
{
  MpRedisHeld *held = mp_redis_find_held (self, token);

  if (held == NULL)
    {
      request->answers[index] = MP_QUEUE_STALE;
      request->n_done++;
      return;
    }
  held->is_finishing = TRUE;
  mp_redis_finish_add (self, how, held->id, held->n_deliveries, request, index);
}

void
mp_redis_begin_finish (MpRedisQueue       *self,
                       MpRedisRequest     *request,
                       const MpQueueToken *tokens,
                       MpQueueFinish       how)
{
  static const char letters[] = { 'd', 'r', 'c' };

  for (guint i = 0; i < request->n; i++)
    {
      if (tokens == NULL)
        mp_redis_finish_add (self, 'a', 0, 0, request, i);
      else
        add_token (self, &tokens[i], letters[how], request, i);
    }
}

/* For callers that do not want to know: sends as much as possible, and does not wait. */
static MpQueueStatus
finish_unseen (MpRedisQueue       *self,
               const MpQueueToken *tokens,
               guint               n,
               MpQueueFinish       how)
{
  g_autofree MpQueueStatus *answers = g_new (MpQueueStatus, n);
  MpRedisRequest           *request = mp_redis_request_new (MP_REDIS_FINISH);

  request->answers = answers;
  request->n = n;
  mp_redis_lock (self);
  mp_redis_begin_finish (self, request, tokens, how);
  mp_redis_finish_forget (self, request);
  mp_redis_watch_touch (self);
  mp_redis_step (self);
  g_mutex_unlock (&self->mutex);
  mp_redis_request_free (request);
  return MP_QUEUE_OK;
}

MpQueueStatus
mp_redis_slot_finish (gpointer            user_data,
                      const MpQueueToken *tokens,
                      guint               n,
                      MpQueueFinish       how,
                      MpQueueStatus      *answers,
                      MpQueueCall        *call)
{
  MpRedisQueue   *self = user_data;
  MpRedisRequest *request;

  if (answers == NULL)
    return finish_unseen (self, tokens, n, how);

  request = mp_redis_request_new (MP_REDIS_FINISH);
  request->answers = answers;
  request->n = n;
  mp_redis_lock (self);
  mp_redis_begin_finish (self, request, tokens, how);
  return call_locked (self, request, call);
}

/* Returns how to finish the delivery, as in mp1.lua, or 0 if there is nothing to send: in a queue
 * with acknowledgements a message that is taken stays in hand. */
static char
choose_settle (MpRedisQueue    *self,
               MpQueueDelivery *delivery,
               gboolean         take)
{
  if (!take)
    return 'u';
  if (mp_redis_is_acknowledged (self))
    return 0;
  delivery->token.lease = 0;
  return 'd';
}

/* Begins to settle a tentative delivery.  Returns FALSE with @status set if that is done
 * already. */
gboolean
mp_redis_begin_settle (MpRedisQueue    *self,
                       MpQueueDelivery *delivery,
                       gboolean         take,
                       MpRedisRequest  *request,
                       MpQueueStatus   *status)
{
  MpRedisHeld *held = mp_redis_find_held (self, &delivery->token);
  char         how;

  delivery->tentative = FALSE;
  if (delivery->token.lease == 0)
    {
      *status = mp_redis_get_settle_stashed (self, (gint64) delivery->position, take)
                  ? MP_QUEUE_OK
                  : MP_QUEUE_STALE;
      return FALSE;
    }
  if (held == NULL)
    {
      *status = MP_QUEUE_STALE;
      return FALSE;
    }
  how = choose_settle (self, delivery, take);
  if (how == 0)
    {
      *status = MP_QUEUE_OK;
      return FALSE;
    }
  held->is_finishing = TRUE;
  mp_redis_finish_add (self, how, held->id, held->n_deliveries, request, 0);
  return TRUE;
}

MpQueueStatus
mp_redis_slot_settle (gpointer         user_data,
                      MpQueueDelivery *delivery,
                      gboolean         take,
                      MpQueueCall     *call)
{
  MpRedisQueue   *self = user_data;
  MpRedisRequest *request = mp_redis_request_new (MP_REDIS_FINISH);
  MpQueueStatus   status, answer = MP_QUEUE_OK;

  request->answers = &answer;
  request->n = 1;
  mp_redis_lock (self);
  if (!mp_redis_begin_settle (self, delivery, take, request, &status))
    {
      g_mutex_unlock (&self->mutex);
      mp_redis_request_free (request);
      return status;
    }
  status = call_locked (self, request, call);
  return status == MP_QUEUE_OK && take ? answer : status;
}

/* @how is one of the letters of mp1.lua for dead letters. */
MpQueueStatus
mp_redis_finish_dead (MpRedisQueue *self,
                      char          how,
                      gint64        id,
                      guint32       n_deliveries,
                      MpQueueCall  *call)
{
  MpRedisRequest *request = mp_redis_request_new (MP_REDIS_FINISH);
  MpQueueStatus   answer = MP_QUEUE_OK;
  MpQueueStatus   status;

  request->answers = &answer;
  request->n = 1;
  mp_redis_lock (self);
  mp_redis_finish_add (self, how, id, n_deliveries, request, 0);
  status = call_locked (self, request, call);
  return status == MP_QUEUE_OK ? answer : status;
}
