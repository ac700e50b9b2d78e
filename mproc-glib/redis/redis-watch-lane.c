/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-queue-private.h"

#include "base/mp-deadline.h"

/* The lane of conditions to wait for, and the known state of the queue.  A question about the state
 * registers the session with the server, which then announces a change once. */

gboolean
mp_redis_watch_holds (MpRedisQueue    *self,
                      MpQueueCondition condition)
{
  const MpRedisState *state = &self->watch.state;

  if (self->link.state == MP_REDIS_LINK_FAILED)
    return TRUE;

  switch (condition)
    {
    case MP_QUEUE_WAIT_ITEMS:
      return state->size > 0 || self->get.stash.length > 0 || state->is_drained ||
             self->is_closed;
    case MP_QUEUE_WAIT_SPACE:
      return state->is_closed || self->is_closed ||
             ((self->max_size == 0 || state->size < self->max_size) &&
              state->n_bytes < self->max_bytes);
    case MP_QUEUE_WAIT_DONE:
      return state->at >= 0 && state->n_unfinished == 0;
    case MP_QUEUE_WAIT_NEWS:
    case MP_QUEUE_WAIT_ANSWERS:
    default:
      return FALSE;
    }
}

static void
end_request (MpRedisQueue   *self,
             MpRedisRequest *request)
{
  mp_redis_dequeue (&self->watch.requests, request);
  if (self->is_closed && request->condition != MP_QUEUE_WAIT_DONE)
    mp_redis_end (self, request, MP_QUEUE_CLOSED);
  else if (request->condition == MP_QUEUE_WAIT_DONE && self->watch.state.n_dropped > 0)
    mp_redis_end (self, request, MP_QUEUE_DROPPED);
  else
    mp_redis_end (self, request, MP_QUEUE_OK);
}

/* Ends the requests whose condition holds, and those that may not wait for it. */
static void
end_requests (MpRedisQueue *self)
{
  GList *next;

  for (GList *l = self->watch.requests.head; l != NULL; l = next)
    {
      MpRedisRequest *request = l->data;

      next = l->next;
      if (!request->is_sent)
        continue;
      if (mp_redis_watch_holds (self, request->condition))
        {
          end_request (self, request);
        }
      else if (!request->is_patient)
        {
          mp_redis_dequeue (&self->watch.requests, request);
          mp_redis_end (self, request, MP_QUEUE_TIMED_OUT);
        }
    }
}

static void
ring_bells (MpRedisQueue *self)
{
  static const MpQueueCondition conditions[] = { MP_QUEUE_WAIT_ITEMS, MP_QUEUE_WAIT_SPACE,
                                                 MP_QUEUE_WAIT_DONE };

  for (guint i = 0; i < G_N_ELEMENTS (conditions); i++)
    if (mp_redis_watch_holds (self, conditions[i]))
      mp_redis_bells_ring (self, conditions[i]);
}

void
mp_redis_watch_read (MpRedisQueue  *self,
                     const MpReply *reply)
{
  MpRedisState *state = &self->watch.state;
  gint64        closed;

  state->at = g_get_monotonic_time ();
  state->size = mp_reply_get_integer (mp_reply_get (reply, 1), 0);
  state->n_bytes = mp_reply_get_integer (mp_reply_get (reply, 2), 0);
  state->n_unfinished = mp_reply_get_integer (mp_reply_get (reply, 3), 0);
  state->n_total = mp_reply_get_integer (mp_reply_get (reply, 4), 0);
  closed = mp_reply_get_integer (mp_reply_get (reply, 5), 0);
  state->is_closed = closed > 0;
  state->is_drained = closed > 1;
  state->n_dropped = mp_reply_get_integer (mp_reply_get (reply, 7), 0);
}

static void
state_reply (gpointer owner,
             MpReply *reply)
{
  MpRedisQueue *self = owner;
  const gint64  status = mp_reply_get_integer (mp_reply_get (reply, 0), -1);
  const gint64  nap_ms = mp_reply_get_integer (mp_reply_get (reply, 6), 1000);

  self->watch.is_asked = FALSE;
  if (status != MP_REDIS_OK)
    {
      mp_redis_judge_gone (self, status);
      return;
    }
  /* note_push () has removed conditions from `asked` that were announced meanwhile. */
  self->watch.registered |= self->watch.asked;
  self->watch.asked = 0;
  self->watch.nap_at = g_get_monotonic_time () +
                       mp_redis_draw_nap (CLAMP (nap_ms, 1, 300000) * 1000);
  mp_redis_watch_read (self, reply);
  end_requests (self);
  ring_bells (self);
}

static guint
get_wanted (MpRedisQueue *self,
            gboolean     *is_asked_for)
{
  guint wanted = mp_redis_bells_get_wanted (self);

  for (GList *l = self->watch.requests.head; l != NULL; l = l->next)
    {
      MpRedisRequest *request = l->data;

      *is_asked_for |= !request->is_sent;
      if (request->is_patient)
        wanted |= mp_redis_condition_bit (request->condition);
    }
  return wanted;
}

void
mp_redis_watch_run (MpRedisQueue *self)
{
  gboolean    must_ask = self->watch.is_dirty;
  const guint wanted = get_wanted (self, &must_ask);
  GByteArray *out;

  if (wanted != 0 && mp_deadline_has_passed (self->watch.nap_at))
    must_ask = TRUE;
  if (self->watch.is_asked || !(must_ask || (wanted & ~self->watch.registered) != 0))
    return;

  out = mp_redis_begin_call (self, "mp1_state", 1);
  mp_command_add_integer (out, wanted);
  mp_redis_link_expect (&self->link, state_reply, FALSE);
  self->watch.is_asked = TRUE;
  self->watch.is_dirty = FALSE;
  self->watch.asked = wanted;
  for (GList *l = self->watch.requests.head; l != NULL; l = l->next)
    ((MpRedisRequest *) l->data)->is_sent = TRUE;
}

void
mp_redis_watch_down (MpRedisQueue *self)
{
  self->watch.is_asked = FALSE;
  self->watch.registered = self->watch.asked = 0;
  self->watch.is_dirty = FALSE;
  mp_redis_watch_touch (self);
  for (GList *l = self->watch.requests.head; l != NULL; l = l->next)
    ((MpRedisRequest *) l->data)->is_sent = FALSE;
}

static const MpQueueCondition conditions_of_bits[MP_REDIS_N_CONDITIONS] = {
  MP_QUEUE_WAIT_ITEMS,
  MP_QUEUE_WAIT_SPACE,
  MP_QUEUE_WAIT_DONE,
  MP_QUEUE_WAIT_NEWS,
};

/* Notes that the server announced a condition.  If no request waits for it any more, another
 * session is woken instead. */
static void
note_push (MpRedisQueue *self,
           guint         bit,
           gboolean      is_of_lane)
{
  gboolean    ignored = FALSE;
  const guint wanted = get_wanted (self, &ignored);

  self->watch.registered &= ~bit;
  self->watch.asked &= ~bit;
  if ((wanted & bit) == 0)
    {
      if (!is_of_lane && bit != MP_REDIS_NEWS)
        mp_redis_send_leave (self, bit);
      return;
    }
  if (bit == MP_REDIS_NEWS)
    mp_redis_bells_ring (self, MP_QUEUE_WAIT_NEWS);
  else
    self->watch.is_dirty = TRUE;
}

void
mp_redis_watch_push (MpRedisQueue *self,
                     guint         bits)
{
  mp_redis_watch_touch (self);
  for (guint i = 0; i < MP_REDIS_N_CONDITIONS; i++)
    {
      const guint bit = mp_redis_condition_bit (conditions_of_bits[i]);
      gboolean    is_of_lane = FALSE;

      if ((bits & bit) == 0)
        continue;
      if (bit == MP_REDIS_ITEMS)
        {
          is_of_lane = self->get.requests.length > 0 || mp_redis_get_is_under_way (self);
          mp_redis_get_push (self);
        }
      else if (bit == MP_REDIS_ROOM)
        {
          is_of_lane = self->put.requests.length > 0;
          mp_redis_put_push (self);
        }
      note_push (self, bit, is_of_lane);
    }
}
