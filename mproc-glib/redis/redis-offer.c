/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-queue-private.h"

/* Offers: to a session that waits for a message, the server sends it along with the wake-up, which
 * saves a round trip.  The session has it in hand by then, and tells the server that it has got it;
 * if it does not for about a second, since its process was stopped or its main loop does other
 * work, the server withdraws the offer.  Therefore the session gives back an offer that may be
 * older than MP_REDIS_FRESH_US, and then gets the next message in the usual way. */

/* Also FALSE while the link is not up yet: then the offer is due to a wait of the last link.
 * Compares how long the session has waited by its own clock with how long it has by the server's:
 * the difference is how old the offer is at most. */
static gboolean
is_fresh (MpRedisQueue *self,
          gint64        offered_ms)
{
  const gint64 waited_us = g_get_monotonic_time () - self->get.waits_since;

  return self->get.told_ms >= 0 && offered_ms >= self->get.told_ms &&
         waited_us / 1000 - (offered_ms - self->get.told_ms) <= MP_REDIS_FRESH_US / 1000;
}

/* The text is the letter m, the id, the time in ms and the entry: tag and payload. */
static MpRedisArrived *
parse (MpReply *announced,
       gint64  *offered_ms)
{
  char           *end;
  const gint64    id = g_ascii_strtoll (announced->string + 1, &end, 10);
  MpRedisArrived *arrived;

  if (id == 0 || *end != ' ')
    return NULL;
  *offered_ms = g_ascii_strtoll (end + 1, &end, 10);
  if (*end != ' ' || end + 1 >= announced->string + announced->length ||
      (guint8) end[1] >= MP_REDIS_LARGE)
    return NULL;

  arrived = g_new0 (MpRedisArrived, 1);
  arrived->id = id;
  arrived->n_deliveries = 1;
  arrived->tag = (guint8) end[1];
  arrived->offset = (gsize) (end + 2 - announced->string);
  arrived->size = announced->length - arrived->offset;
  arrived->bytes = (guint8 *) g_steal_pointer (&announced->string);
  return arrived;
}

/* Tells the server that it need not withdraw the offer, and does not wait for the answer. */
static void
send_took (MpRedisQueue *self,
           gint64        id)
{
  mp_command_add_integer (mp_redis_begin_call (self, "mp1_took", 1), id);
  mp_redis_link_expect (&self->link, NULL, TRUE);
}

void
mp_redis_get_take_offer (MpRedisQueue *self,
                         MpReply      *announced)
{
  gint64          offered_ms;
  MpRedisArrived *arrived = parse (announced, &offered_ms);

  if (arrived == NULL)
    {
      mp_redis_link_refuse (&self->link);
      return;
    }
  if (is_fresh (self, offered_ms))
    {
      send_took (self, arrived->id);
      g_ptr_array_add (self->get.arrived, arrived);
    }
  else
    {
      mp_redis_finish_add (self, 'u', arrived->id, arrived->n_deliveries, NULL, 0);
      mp_redis_arrived_free (arrived);
    }
  mp_redis_watch_push (self, MP_REDIS_ITEMS);
}
