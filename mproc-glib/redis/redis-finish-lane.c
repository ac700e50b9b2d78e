/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-queue-private.h"

#include <string.h>

/* The lane that finishes deliveries.  One batch is under way at a time.  It has a number: to a
 * batch with the same number the server gives the same answer, so it can be sent again after the
 * link was down. */

static void
add (MpRedisQueue        *self,
     const MpRedisFinish *finish)
{
  g_array_append_val (self->finish.waiting, *finish);
}

void
mp_redis_finish_add (MpRedisQueue   *self,
                     char            how,
                     gint64          id,
                     guint32         n_deliveries,
                     MpRedisRequest *request,
                     guint           index)
{
  add (self, &(MpRedisFinish){ how, id, n_deliveries, request, index, NULL });
}

void
mp_redis_finish_confirm (MpRedisQueue   *self,
                         MpRedisArrived *arrived)
{
  add (self, &(MpRedisFinish){ 'd', arrived->id, arrived->n_deliveries, NULL, 0, arrived });
}

static char
find (GArray *entries,
      gint64  id)
{
  for (guint i = 0; i < entries->len; i++)
    if (g_array_index (entries, MpRedisFinish, i).id == id)
      return g_array_index (entries, MpRedisFinish, i).how;
  return 0;
}

char
mp_redis_finish_find (MpRedisQueue *self,
                      gint64        id)
{
  const char how = find (self->finish.batch, id);

  return how != 0 ? how : find (self->finish.waiting, id);
}

static void
forget (GArray         *entries,
        MpRedisRequest *request)
{
  for (guint i = 0; i < entries->len; i++)
    if (g_array_index (entries, MpRedisFinish, i).request == request)
      g_array_index (entries, MpRedisFinish, i).request = NULL;
}

void
mp_redis_finish_forget (MpRedisQueue   *self,
                        MpRedisRequest *request)
{
  forget (self->finish.batch, request);
  forget (self->finish.waiting, request);
}

/* Passes the answer for one delivery on to its request.  A message that was confirmed is handed out
 * later, by the lane of gets. */
static void
tell (MpRedisQueue        *self,
      const MpRedisFinish *finish,
      gboolean             was_ours)
{
  MpRedisRequest    *request = finish->request;
  const MpRedisHeld *held = g_hash_table_lookup (self->held, &finish->id);

  if (finish->how != 'a' && finish->how != 'x' && held != NULL &&
      held->n_deliveries == finish->n_deliveries)
    g_hash_table_remove (self->held, &finish->id);
  if (request != NULL)
    {
      request->answers[finish->index] = was_ours             ? MP_QUEUE_OK
                                        : finish->how == 'a' ? MP_QUEUE_EMPTY
                                                             : MP_QUEUE_STALE;
      if (++request->n_done == request->n)
        mp_redis_end (self, request, MP_QUEUE_OK);
    }
  if (finish->arrived != NULL)
    {
      finish->arrived->is_confirmed = was_ours;
      finish->arrived->is_lost = !was_ours;
      self->get.n_confirming--;
    }
}

static void
finish_reply (gpointer owner,
              MpReply *reply)
{
  MpRedisQueue *self = owner;
  g_autoptr (GArray) batch = NULL;

  if (reply->type == MP_REPLY_INTEGER)
    {
      mp_redis_judge_gone (self, reply->integer);
      return;
    }
  /* An empty answer: the server has forgotten the batch, so the messages count as not ours. */
  if (reply->type != MP_REPLY_STRING ||
      (reply->length != self->finish.batch->len && reply->length != 0))
    {
      mp_redis_link_refuse (&self->link);
      return;
    }

  batch = g_steal_pointer (&self->finish.batch);
  self->finish.batch = g_array_new (FALSE, FALSE, sizeof (MpRedisFinish));
  mp_redis_watch_touch (self);
  for (guint i = 0; i < batch->len; i++)
    tell (self, &g_array_index (batch, MpRedisFinish, i),
          i < reply->length && reply->string[i] == '1');
}

static void
send_batch (MpRedisQueue *self)
{
  GArray     *batch = self->finish.batch;
  GByteArray *out = mp_redis_begin_call (self, "mp1_fin", 1 + 3 * batch->len);

  mp_command_add_integer (out, self->finish.number);
  for (guint i = 0; i < batch->len; i++)
    {
      const MpRedisFinish *finish = &g_array_index (batch, MpRedisFinish, i);

      mp_command_add (out, &finish->how, 1);
      mp_command_add_integer (out, finish->id);
      mp_command_add_integer (out, finish->n_deliveries);
    }
  mp_redis_link_expect (&self->link, finish_reply, FALSE);
  self->finish.is_sent = TRUE;
}

void
mp_redis_finish_run (MpRedisQueue *self)
{
  MpRedisFinishLane *lane = &self->finish;

  if (lane->batch->len == 0 && lane->waiting->len > 0)
    {
      const guint n = MIN (lane->waiting->len, MP_REDIS_BATCH);

      g_array_append_vals (lane->batch, lane->waiting->data, n);
      g_array_remove_range (lane->waiting, 0, n);
      lane->number++;
      lane->is_sent = FALSE;
    }
  if (lane->batch->len > 0 && !lane->is_sent)
    send_batch (self);
}

void
mp_redis_finish_down (MpRedisQueue *self)
{
  self->finish.is_sent = FALSE;
}
