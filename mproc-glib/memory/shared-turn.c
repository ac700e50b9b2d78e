/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-turn.h"

#include <poll.h>

#define NS_PER_SECOND G_GINT64_CONSTANT (1000000000)

/* The time between two looks at the waiters. */
#define LOOK_NS (200 * 1000)

/* A turn ends when its handle has been served more often than a waiter by as many messages as each
 * is served in 1/TURN_PART of a second.  If a fixed number of messages ended it, either a fast
 * queue would be slowed by the switching between processes, or a slow one would be unfair. */
#define TURN_PART    64
#define LEAST_LEAD   64
#define LONGEST_LEAD (1 << 24)

/* The maximum difference between two handles that counts, so that others do not wait long for one
 * that comes back after a long time.  If it were less than what is served in some turns, it would
 * hide which handle is behind. */
#define MAX_LEAD 65536

#define PAUSE_NS         (100 * 1000)
#define LONGEST_PAUSE_NS (40 * 1000 * 1000)

/* A waiter that was woken and has not run for this long is considered stopped. */
#define LATE_NS (100 * 1000 * 1000)

/* The maximum number of waiters examined at once; the next search begins with others. */
#define MAX_LOOKS 64

/* Counts wrap around. */
static gint32
get_lead (guint32 served,
          guint32 other)
{
  return (gint32) (served - other);
}

static gboolean
is_coming (MpMemory *memory,
           MpWaits  *waits,
           guint     slot,
           gint64    now)
{
  return (mp_load (&waits->words[slot / 64].sleeping) >> (slot % 64) & 1) != 0 ||
         now - mp_load (&mp_memory_waiter (memory, slot)->woken_at) < LATE_NS;
}

/* The waiter that was served least. */
typedef struct
{
  guint  slot;
  gint32 lead; /* how much less often it was served; G_MININT32: there is no waiter */
  guint  n_waiting;
} Behind;

static Behind
find_behind (MpMemory        *memory,
             MpQueueCondition condition,
             guint32          served,
             gint64           now)
{
  MpWaits *waits = memory->waits[condition];
  guint    n_words = mp_waits_count_words (waits);
  guint    first = mp_load (&waits->turn) / 64;
  Behind   behind = { MP_N_WAITERS, G_MININT32, 0 };

  for (guint i = 0; i < n_words && behind.n_waiting < MAX_LOOKS; i++)
    {
      guint   index = (first + i) % n_words;
      guint64 bits = mp_load (&waits->words[index].waiting);

      for (; bits != 0 && behind.n_waiting < MAX_LOOKS; bits &= bits - 1, behind.n_waiting++)
        {
          guint  slot = index * 64 + (guint) __builtin_ctzll (bits);
          gint32 lead = get_lead (served, mp_load (&mp_memory_waiter (memory, slot)->served));

          if (lead > behind.lead && is_coming (memory, waits, slot, now))
            {
              behind.lead = lead;
              behind.slot = slot;
            }
        }
    }

  if (behind.slot != MP_N_WAITERS &&
      get_lead (served - (guint32) behind.lead, mp_load (&waits->least_served)) > 0)
    mp_store (&waits->least_served, served - (guint32) behind.lead);
  return behind;
}

guint32
mp_shared_queue_count_served (MpSharedQueue   *self,
                              MpQueueCondition condition)
{
  guint32 *own = &self->turns[condition].n_served;
  guint32  served = mp_load (own);
  guint32  least = mp_load (&self->memory.waits[condition]->least_served) - MAX_LEAD;

  if (get_lead (least, served) <= 0)
    return served;
  mp_store (own, least);
  return least;
}

/* Returns the lead over a waiter that ends the turn. */
static gint32
get_longest_lead (MpTurn *turn,
                  guint   n_waiting,
                  gint64  now)
{
  guint32 n_served = mp_load (&turn->n_served) - mp_load (&turn->begun_served);
  gint64  length_ns = now - mp_load (&turn->begun_ns);
  /* Another thread of the handle may begin a turn right now. */
  gint64 per_second = (gint64) n_served * NS_PER_SECOND / MAX (length_ns, 1);

  return (gint32) CLAMP (per_second / (n_waiting + 1) / TURN_PART, LEAST_LEAD, LONGEST_LEAD);
}

static void
begin_turn (MpTurn *turn)
{
  gint64 now = mp_spin_now ();

  mp_store (&turn->begun_served, mp_load (&turn->n_served));
  mp_store (&turn->looked_ns, now);
  mp_store (&turn->begun_ns, now);
}

/* Pauses until no waiter is behind any more.  Returns FALSE if that takes too long: the waiter may
 * be unable to use what is available.  The pause has a fixed length, since being woken out of it
 * would cost others a system call for each message. */
static gboolean
await_others (MpSharedQueue   *self,
              MpQueueCondition condition,
              Behind           behind,
              gint64           now,
              gint64           longest_ns)
{
  MpMemory             *memory = &self->memory;
  const struct timespec pause = { 0, PAUSE_NS };
  guint32               served = mp_load (&self->turns[condition].n_served);
  gint64                end = now + longest_ns;

  while (behind.lead > LEAST_LEAD)
    {
      if (now >= end)
        return FALSE;
      mp_waiters_wake_one (memory, condition, behind.slot);
      if (ppoll (NULL, 0, &pause, NULL) == -1)
        return FALSE;
      now = mp_spin_now ();
      behind = find_behind (memory, condition, served, now);
    }
  return TRUE;
}

/* After a pause that was too short, reduces the lead of this handle to MAX_LEAD. */
static void
forgive (MpSharedQueue   *self,
         MpQueueCondition condition)
{
  MpTurn *turn = &self->turns[condition];
  guint32 most = mp_load (&self->memory.waits[condition]->least_served) + MAX_LEAD;

  mp_store (&turn->n_futile, mp_load (&turn->n_futile) + 1);
  if (get_lead (mp_load (&turn->n_served), most) > 0)
    mp_store (&turn->n_served, most);
}

void
mp_shared_queue_give_way (MpSharedQueue     *self,
                          MpQueueCondition   condition,
                          const MpQueueCall *call)
{
  MpTurn *turn = &self->turns[condition];
  gint64  now = mp_spin_now ();
  guint32 n_futile = mp_load (&turn->n_futile);
  gint64  longest_ns = LONGEST_PAUSE_NS >> MIN (n_futile / 2, 8);
  Behind  behind;

  if (mp_load (&turn->begun_ns) == 0)
    begin_turn (turn);
  if (now - mp_load (&turn->looked_ns) < LOOK_NS)
    return;

  mp_store (&turn->looked_ns, now);
  behind = find_behind (&self->memory, condition, mp_load (&turn->n_served), now);
  if (behind.lead <= get_longest_lead (turn, behind.n_waiting, now))
    return;

  /* Leave half of the caller's timeout for the operation itself. */
  if (call->timeout_us >= 0)
    longest_ns = MIN (longest_ns, call->timeout_us * 500);
  if (await_others (self, condition, behind, now, longest_ns))
    mp_store (&turn->n_futile, 0);
  else
    forgive (self, condition);
  begin_turn (turn);
}
