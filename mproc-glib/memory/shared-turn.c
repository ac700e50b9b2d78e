/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-turn.h"

#include <poll.h>

/* The minimum length of a turn, so that the cost of switching processes is small in comparison. */
#define TURN_NS (200 * 1000)
/* A turn ends when its handle was served this many times more often than a waiter. */
#define TURN_LEAD 64

#define PAUSE_NS         (100 * 1000)
#define LONGEST_PAUSE_NS (20 * 1000 * 1000)

/* The maximum difference between two handles, so that others do not wait long for one that comes
 * back after a long time. */
#define MAX_LEAD 2000

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

/* Returns the waiter that was served least, if that is less than @served by more than TURN_LEAD,
 * else MP_N_WAITERS. */
static guint
find_behind (MpMemory        *memory,
             MpQueueCondition condition,
             guint32          served,
             gint64           now)
{
  MpWaits *waits = memory->waits[condition];
  guint    n_words = mp_waits_count_words (waits);
  guint    first = mp_load (&waits->turn) / 64;
  guint    behind = MP_N_WAITERS, n_looks = 0;
  gint32   most = G_MININT32;

  for (guint i = 0; i < n_words && n_looks < MAX_LOOKS; i++)
    {
      guint   index = (first + i) % n_words;
      guint64 bits = mp_load (&waits->words[index].waiting);

      for (; bits != 0 && n_looks < MAX_LOOKS; bits &= bits - 1, n_looks++)
        {
          guint  slot = index * 64 + (guint) __builtin_ctzll (bits);
          gint32 lead = get_lead (served, mp_load (&mp_memory_waiter (memory, slot)->served));

          if (lead > most && is_coming (memory, waits, slot, now))
            {
              most = lead;
              behind = slot;
            }
        }
    }

  if (behind != MP_N_WAITERS &&
      get_lead (served - (guint32) most, mp_load (&waits->least_served)) > 0)
    mp_store (&waits->least_served, served - (guint32) most);
  return most > TURN_LEAD ? behind : MP_N_WAITERS;
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

/* Pauses until no waiter is behind any more.  Returns FALSE if that takes too long: the waiter may
 * be unable to use what is available.  The pause has a fixed length, since being woken out of it
 * would cost others a system call for each message. */
static gboolean
await_others (MpSharedQueue   *self,
              MpQueueCondition condition,
              gint64           longest_ns)
{
  MpMemory             *memory = &self->memory;
  const struct timespec pause = { 0, PAUSE_NS };
  guint32               served = mp_load (&self->turns[condition].n_served);
  gint64                now = mp_spin_now (), end = now + longest_ns;
  guint                 behind;

  while ((behind = find_behind (memory, condition, served, now)) != MP_N_WAITERS)
    {
      if (now >= end)
        return FALSE;
      mp_waiters_wake_one (memory, condition, behind);
      if (ppoll (NULL, 0, &pause, NULL) == -1)
        return FALSE;
      now = mp_spin_now ();
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
  gint64  begun_ns = mp_load (&turn->begun_ns);
  gint64  longest_ns = LONGEST_PAUSE_NS >> MIN (mp_load (&turn->n_futile) / 2, 8);

  if (begun_ns == 0)
    mp_store (&turn->begun_ns, now);
  if (begun_ns == 0 || now - begun_ns < TURN_NS)
    return;

  /* Leave half of the caller's timeout for the operation itself. */
  if (call->timeout_us >= 0)
    longest_ns = MIN (longest_ns, call->timeout_us * 500);
  if (await_others (self, condition, longest_ns))
    mp_store (&turn->n_futile, 0);
  else
    forgive (self, condition);
  mp_store (&turn->begun_ns, mp_spin_now ());
}
