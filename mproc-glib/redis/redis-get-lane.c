/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-queue-private.h"

#include "base/mp-deadline.h"

#include <string.h>

/* The lane of gets.  One command asks for as many messages as all callers want.  The server records
 * them as held ("in hand") by this session.  In a queue without acknowledgements they are
 * confirmed, which finishes them, before they are handed out, so that no message is delivered
 * twice.  A message that no caller wants any more goes back, and that does not count as a
 * delivery. */

void
mp_redis_arrived_free (MpRedisArrived *arrived)
{
  g_free (arrived->bytes);
  g_free (arrived);
}

void
mp_redis_place (MpRedisArrived  *arrived,
                MpQueueDelivery *delivery)
{
  delivery->size = arrived->size;
  delivery->tag = arrived->tag;
  if (arrived->size <= delivery->capacity)
    {
      delivery->data = delivery->buffer;
      if (arrived->size > 0)
        memcpy (delivery->data, arrived->bytes + arrived->offset, arrived->size);
      return;
    }
  if (arrived->offset > 0)
    memmove (arrived->bytes, arrived->bytes + arrived->offset, arrived->size);
  delivery->data = g_steal_pointer (&arrived->bytes);
}

/* --- Handing out --------------------------------------------------------------------- */

static void
give_back (MpRedisQueue   *self,
           MpRedisArrived *arrived)
{
  if (arrived->is_confirmed)
    {
      g_queue_push_tail (&self->get.stash, arrived);
      return;
    }
  mp_redis_finish_add (self, 'u', arrived->id, arrived->n_deliveries, NULL, 0);
  mp_redis_arrived_free (arrived);
}

static void
end_request (MpRedisQueue   *self,
             MpRedisRequest *request,
             MpQueueStatus   status)
{
  mp_redis_dequeue (&self->get.requests, request);
  mp_redis_end (self, request, status);
}

typedef enum
{
  FIT_FIRM,
  FIT_TENTATIVE,
  FIT_NOT
} Fit;

static Fit
judge (const MpRedisRequest *request,
       const MpRedisArrived *arrived)
{
  const MpQueueAccepted *accepted = request->accepted;
  const guint32          bit = arrived->tag < 32 ? MP_QUEUE_TAG (arrived->tag) : 0;

  if ((accepted->any & bit) != 0)
    return FIT_FIRM;
  if ((accepted->by_prefix & bit) != 0 && arrived->size >= accepted->prefix_size &&
      memcmp (arrived->bytes + arrived->offset, accepted->prefix, accepted->prefix_size) == 0)
    return FIT_FIRM;
  return ((accepted->sound | accepted->by_content) & bit) != 0 && request->n_done == 0
           ? FIT_TENTATIVE
           : FIT_NOT;
}

static MpQueueDelivery *
next_delivery (MpRedisRequest *request)
{
  MpQueueDelivery *delivery = &request->deliveries[request->n_done];

  if (request->n_done > 0)
    mp_queue_delivery_follow (delivery, delivery - 1);
  return delivery;
}

/* Moves a message to the next delivery of the request, and frees @arrived. */
static void
hand_out (MpRedisQueue   *self,
          MpRedisRequest *request,
          MpRedisArrived *arrived,
          gboolean        is_tentative)
{
  MpQueueDelivery *delivery = next_delivery (request);

  mp_redis_place (arrived, delivery);
  delivery->tentative = is_tentative;
  delivery->position = (guint64) arrived->id;
  delivery->token = (MpQueueToken){ 0, arrived->n_deliveries, (guint64) arrived->id };
  if (!arrived->is_confirmed && (mp_redis_is_acknowledged (self) || is_tentative))
    {
      MpRedisHeld *held = mp_redis_hold (self, arrived->id, arrived->n_deliveries);

      delivery->token.lease = held->lease;
    }
  request->n_done++;
  mp_redis_arrived_free (arrived);
}

/* Ends the request with the size, the tag and the beginning of a message that it does not accept.
 * The message stays queued. */
static void
refuse (MpRedisQueue   *self,
        MpRedisRequest *request,
        MpRedisArrived *arrived)
{
  MpQueueDelivery *delivery = request->deliveries;
  const gsize      size = arrived->size;

  arrived->size = MIN (size, MP_QUEUE_PEEK_SIZE);
  mp_redis_place (arrived, delivery);
  delivery->size = size;
  arrived->size = size;
  if (delivery->data != delivery->buffer)
    g_clear_pointer (&delivery->data, g_free);
  end_request (self, request, MP_QUEUE_OTHER_FORM);
}

static MpRedisRequest *
peek_request (MpRedisQueue *self)
{
  return g_queue_peek_head (&self->get.requests);
}

static void
finish_request (MpRedisQueue   *self,
                MpRedisRequest *request,
                gboolean        is_over)
{
  if (request->n_done == request->n || (is_over && request->n_done > 0))
    end_request (self, request, MP_QUEUE_OK);
}

/* Hands a message out, tentatively if only the caller can tell whether it is acceptable.  Returns
 * FALSE if the request does not accept it.  The caller has checked needs_confirmation (). */
static gboolean
offer (MpRedisQueue   *self,
       MpRedisRequest *request,
       MpRedisArrived *arrived)
{
  const Fit fit = judge (request, arrived);

  if (fit == FIT_NOT)
    return FALSE;
  if (fit == FIT_TENTATIVE)
    {
      hand_out (self, request, arrived, TRUE);
      end_request (self, request, MP_QUEUE_OK);
      return TRUE;
    }
  hand_out (self, request, arrived, FALSE);
  finish_request (self, request, FALSE);
  return TRUE;
}

/* Whether the message has to be confirmed before this request gets it: in a queue without
 * acknowledgements, unless it is handed out tentatively. */
static gboolean
needs_confirmation (MpRedisQueue         *self,
                    const MpRedisRequest *request,
                    const MpRedisArrived *arrived)
{
  return !mp_redis_is_acknowledged (self) && !arrived->is_confirmed &&
         judge (request, arrived) == FIT_FIRM;
}

/* Sends what is to be confirmed: the messages that the waiting requests can take.  Returns whether
 * there is any. */
static gboolean
confirm (MpRedisQueue *self)
{
  GList *l = self->get.requests.head;
  guint  n = 0;

  for (guint i = 0; i < self->get.arrived->len && l != NULL; i++)
    {
      MpRedisArrived *arrived = g_ptr_array_index (self->get.arrived, i);
      MpRedisRequest *request = l->data;

      if (!needs_confirmation (self, request, arrived))
        break;
      mp_redis_finish_confirm (self, arrived);
      self->get.n_confirming++;
      if (++n == request->n - request->n_done)
        {
          n = 0;
          l = l->next;
        }
    }
  return self->get.n_confirming > 0;
}

/* Hands what has arrived to the requests in their order; the rest goes back. */
static void
distribute (MpRedisQueue *self)
{
  GPtrArray *arrived = self->get.arrived;
  guint      i = 0;

  for (; i < arrived->len; i++)
    {
      MpRedisArrived *message = g_ptr_array_index (arrived, i);
      MpRedisRequest *request = peek_request (self);

      if (message->is_lost)
        {
          mp_redis_arrived_free (message);
          continue;
        }
      if (request == NULL || needs_confirmation (self, request, message))
        break;
      if (offer (self, request, message))
        continue;
      if (request->n_done > 0)
        end_request (self, request, MP_QUEUE_OK);
      else
        refuse (self, request, message);
      break;
    }
  for (; i < arrived->len; i++)
    give_back (self, g_ptr_array_index (arrived, i));
  g_ptr_array_set_size (arrived, 0);
  if (peek_request (self) != NULL)
    finish_request (self, peek_request (self), TRUE);
}

static void
settle_arrived (MpRedisQueue *self)
{
  if (self->get.n_fetching == 0 && self->get.n_confirming == 0 && !confirm (self))
    distribute (self);
}

/* --- The command --------------------------------------------------------------------- */

static void
large_reply (gpointer owner,
             MpReply *reply)
{
  MpRedisQueue   *self = owner;
  MpRedisArrived *arrived = NULL;

  for (guint i = 0; i < self->get.arrived->len && arrived == NULL; i++)
    {
      MpRedisArrived *candidate = g_ptr_array_index (self->get.arrived, i);

      if (candidate->bytes == NULL && !candidate->is_lost)
        arrived = candidate;
    }
  if (arrived == NULL)
    return;

  if (reply->type == MP_REPLY_STRING)
    {
      arrived->size = reply->length;
      arrived->bytes = (guint8 *) g_steal_pointer (&reply->string);
    }
  else
    {
      /* The server has lost the payload, so finish the message: no other session could get it. */
      arrived->is_lost = TRUE;
      mp_redis_finish_add (self, 'd', arrived->id, arrived->n_deliveries, NULL, 0);
    }
  self->get.n_fetching--;
  settle_arrived (self);
}

static void
fetch_large (MpRedisQueue *self,
             gint64        id)
{
  GByteArray      *out = mp_redis_link_get_out (&self->link);
  g_autofree char *key = mp_redis_make_key (self, "y:", id);

  mp_command_begin (out, 2);
  mp_command_add_string (out, "GET");
  mp_command_add_string (out, key);
  mp_redis_link_expect (&self->link, large_reply, FALSE);
  self->get.n_fetching++;
}

static gboolean
take_message (MpRedisQueue *self,
              MpReply      *reply,
              guint         index)
{
  const gint64    id = mp_reply_get_integer (mp_reply_get (reply, index), 0);
  const gint64    n = mp_reply_get_integer (mp_reply_get (reply, index + 1), 0);
  MpReply        *entry = index + 2 < reply->n_elements ? reply->elements[index + 2] : NULL;
  MpRedisArrived *arrived;

  if (id == 0 || n < 1 || entry == NULL || entry->type != MP_REPLY_STRING || entry->length < 1)
    return FALSE;

  arrived = g_new0 (MpRedisArrived, 1);
  arrived->id = id;
  arrived->n_deliveries = (guint32) n;
  arrived->tag = (guint8) entry->string[0];
  g_ptr_array_add (self->get.arrived, arrived);
  if (arrived->tag >= MP_REDIS_LARGE)
    {
      arrived->tag &= (guint8) ~MP_REDIS_LARGE;
      fetch_large (self, id);
      return TRUE;
    }
  arrived->size = entry->length - 1;
  arrived->offset = 1;
  arrived->bytes = (guint8 *) g_steal_pointer (&entry->string);
  return TRUE;
}

static void
end_requests (MpRedisQueue *self,
              MpQueueStatus status,
              gboolean      only_impatient)
{
  GList *next;

  for (GList *l = self->get.requests.head; l != NULL; l = next)
    {
      MpRedisRequest *request = l->data;

      next = l->next;
      if (!only_impatient || !request->is_patient)
        end_request (self, request, status);
    }
}

static void
get_short (MpRedisQueue *self,
           gint64        nap_ms,
           gint64        told_ms)
{
  self->get.waits_since = self->get.asked_at;
  self->get.told_ms = told_ms;
  self->watch.state.size = 0;
  end_requests (self, MP_QUEUE_EMPTY, TRUE);
  /* A push for a newer message may arrive before this answer, which says that there is none. */
  if (!self->get.may_wait || self->get.was_pushed)
    return;
  self->get.is_parked = TRUE;
  self->get.nap_at = g_get_monotonic_time () + mp_redis_draw_nap (CLAMP (nap_ms, 1, 300000) * 1000);
}

static void
get_reply (gpointer owner,
           MpReply *reply)
{
  MpRedisQueue *self = owner;
  const gint64  status = mp_reply_get_integer (mp_reply_get (reply, 0), -1);
  const gint64  detail = mp_reply_get_integer (mp_reply_get (reply, 1), 0);

  self->get.is_asked = FALSE;
  switch (status)
    {
    case MP_REDIS_OK:
      mp_redis_watch_touch (self);
      self->watch.state.size = MAX (detail, 0);
      for (guint i = 2; i + 2 < reply->n_elements; i += 3)
        if (!take_message (self, reply, i))
          {
            mp_redis_link_refuse (&self->link);
            return;
          }
      settle_arrived (self);
      break;
    case MP_REDIS_SHORT:
      get_short (self, detail, mp_reply_get_integer (mp_reply_get (reply, 2), -1));
      break;
    case MP_REDIS_CLOSED:
      self->watch.state.is_drained = TRUE;
      end_requests (self, MP_QUEUE_CLOSED, FALSE);
      break;
    case MP_REDIS_NOT_FIT:
      if (peek_request (self) != NULL)
        {
          peek_request (self)->deliveries[0].size = (gsize) MAX (detail, 0);
          end_request (self, peek_request (self), MP_QUEUE_TOO_SHORT);
        }
      break;
    case MP_REDIS_GONE:
      mp_redis_judge_gone (self, status);
      break;
    default:
      mp_redis_link_refuse (&self->link);
    }
}

static MpRedisArrived *
copy_arrived (const MpRedisArrived *arrived)
{
  MpRedisArrived *copy = g_memdup2 (arrived, sizeof *arrived);

  copy->bytes = g_memdup2 (arrived->bytes, arrived->offset + arrived->size);
  return copy;
}

/* Takes a message out of the stash.  Returns FALSE if another caller has got it. */
gboolean
mp_redis_get_settle_stashed (MpRedisQueue *self,
                             gint64        id,
                             gboolean      take)
{
  for (GList *l = self->get.stash.head; l != NULL; l = l->next)
    if (((MpRedisArrived *) l->data)->id == id)
      {
        if (take)
          {
            mp_redis_arrived_free (l->data);
            g_queue_delete_link (&self->get.stash, l);
          }
        return TRUE;
      }
  return FALSE;
}

/* Hands out messages that were confirmed for callers which have left meanwhile. */
static void
take_from_stash (MpRedisQueue *self)
{
  while (self->get.stash.length > 0 && peek_request (self) != NULL)
    {
      MpRedisArrived *arrived = g_queue_peek_head (&self->get.stash);
      MpRedisRequest *request = peek_request (self);

      if (request->n_done == 0 && request->deliveries[0].only_buffer &&
          arrived->size > request->deliveries[0].capacity)
        {
          request->deliveries[0].size = arrived->size;
          end_request (self, request, MP_QUEUE_TOO_SHORT);
          continue;
        }
      if (judge (request, arrived) == FIT_NOT)
        {
          request->deliveries[0].tag = arrived->tag;
          end_request (self, request, request->n_done > 0 ? MP_QUEUE_OK : MP_QUEUE_OTHER_FORM);
          continue;
        }
      /* A message that is handed out tentatively stays in the stash until it is settled. */
      if (judge (request, arrived) == FIT_TENTATIVE)
        arrived = copy_arrived (arrived);
      else
        g_queue_pop_head (&self->get.stash);
      offer (self, request, arrived);
    }
  if (peek_request (self) != NULL)
    finish_request (self, peek_request (self), TRUE);
}

/* How many messages one command asks for.  A request whose message must fit into its buffer has a
 * command for itself, and @fit is the size of the buffer, otherwise -1. */
static guint
count_wanted (MpRedisQueue *self,
              gint64       *fit)
{
  guint n = 0;

  *fit = -1;
  self->get.may_wait = FALSE;
  for (GList *l = self->get.requests.head; l != NULL && n < MP_REDIS_BATCH; l = l->next)
    {
      MpRedisRequest *request = l->data;
      const gboolean  only_buffer = request->deliveries[0].only_buffer;

      if (self->get.is_parked && request->is_patient)
        continue;
      if (only_buffer && n > 0)
        break;
      n += request->n - request->n_done;
      self->get.may_wait |= request->is_patient;
      if (only_buffer)
        {
          *fit = (gint64) request->deliveries[0].capacity;
          break;
        }
    }
  return MIN (n, MP_REDIS_BATCH);
}

/* From a slow server, offers would seem old. */
static gboolean
takes_offers (MpRedisQueue *self)
{
  return mp_redis_is_acknowledged (self) && self->link.round_trip_us < MP_REDIS_FRESH_US / 4;
}

static void
send_get (MpRedisQueue *self)
{
  gint64      fit;
  const guint n = count_wanted (self, &fit);
  GByteArray *out;

  if (n == 0)
    return;
  out = mp_redis_begin_call (self, "mp1_get", 7);
  mp_command_add_integer (out, self->epoch);
  mp_command_add_integer (out, n);
  mp_command_add_integer (out, MP_REDIS_BATCH_BYTES);
  mp_command_add_integer (out, fit);
  mp_command_add_string (out, self->get.may_wait ? "1" : "0");
  mp_command_add_string (out, self->get.is_first ? "1" : "0");
  mp_command_add_string (out, fit < 0 && takes_offers (self) ? "1" : "0");
  mp_redis_link_expect (&self->link, get_reply, FALSE);
  self->get.is_first = FALSE;
  self->get.is_asked = TRUE;
  self->get.was_pushed = FALSE;
  self->get.asked_at = g_get_monotonic_time ();
}

gboolean
mp_redis_get_is_under_way (MpRedisQueue *self)
{
  return self->get.is_asked || self->get.arrived->len > 0;
}

void
mp_redis_get_run (MpRedisQueue *self)
{
  if (self->get.arrived->len > 0 && self->get.n_fetching == 0 && self->get.n_confirming == 0)
    distribute (self);
  if (mp_redis_get_is_under_way (self) || self->get.requests.length == 0)
    return;
  take_from_stash (self);
  if (self->get.is_parked && mp_deadline_has_passed (self->get.nap_at))
    self->get.is_parked = FALSE;
  send_get (self);
}

void
mp_redis_get_push (MpRedisQueue *self)
{
  self->get.was_pushed = TRUE;
  self->get.is_parked = FALSE;
}

/* Called when the link went down.  Messages that are being confirmed are kept, since the batch that
 * confirms them is sent again.  Others are dropped here: when the link is up again, reconcile ()
 * gives back what the server records for this session and the session does not know. */
void
mp_redis_get_down (MpRedisQueue *self)
{
  self->get.is_asked = FALSE;
  self->get.is_parked = FALSE;
  self->get.is_first = TRUE;
  self->get.told_ms = -1;
  if (self->get.n_confirming > 0)
    return;
  for (guint i = 0; i < self->get.arrived->len; i++)
    mp_redis_arrived_free (g_ptr_array_index (self->get.arrived, i));
  g_ptr_array_set_size (self->get.arrived, 0);
  self->get.n_fetching = 0;
}

static gboolean
has_patient (MpRedisQueue *self)
{
  for (GList *l = self->get.requests.head; l != NULL; l = l->next)
    if (((MpRedisRequest *) l->data)->is_patient)
      return TRUE;
  return FALSE;
}

void
mp_redis_get_remove (MpRedisQueue   *self,
                     MpRedisRequest *request)
{
  mp_redis_dequeue (&self->get.requests, request);
  if (self->get.is_parked && !has_patient (self))
    {
      self->get.is_parked = FALSE;
      mp_redis_send_leave (self, MP_REDIS_ITEMS);
    }
}

/* Gives messages back.  Those that are finished on the server go to the stash, for the next get. */
void
mp_redis_get_give_back (MpRedisQueue    *self,
                        MpQueueDelivery *deliveries,
                        guint            n)
{
  for (guint i = n; i > 0; i--)
    {
      MpQueueDelivery *delivery = &deliveries[i - 1];
      MpRedisHeld     *held = mp_redis_find_held (self, &delivery->token);

      if (held != NULL)
        {
          mp_redis_finish_add (self, 'u', held->id, held->n_deliveries, NULL, 0);
          g_hash_table_remove (self->held, &held->id);
        }
      else if (!mp_redis_is_acknowledged (self))
        {
          MpRedisArrived *arrived = g_new0 (MpRedisArrived, 1);

          arrived->id = (gint64) delivery->position;
          arrived->tag = delivery->tag;
          arrived->size = delivery->size;
          arrived->bytes = g_memdup2 (delivery->data, delivery->size);
          arrived->is_confirmed = TRUE;
          g_queue_push_head (&self->get.stash, arrived);
        }
    }
}
