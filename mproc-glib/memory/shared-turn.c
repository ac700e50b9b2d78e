/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-turn.h"

#include <poll.h>

#define NS_PER_SECOND G_GINT64_CONSTANT (1000000000)

/* The time between two looks at the waiters. */
#define LOOK_NS (200 * 1000)

/* A turn ends when its handle has been served more often than a waiter by as many messages as each
 * is served in 1/TURN_PART of a second.  If a fixed number of messages ended it, either a fast
 * queue would be slowed by the switching between processes, or a slow one would be unfair.  The
 * pace is that of this turn, so that turns are long where switching is what makes a queue slow, but
 * at most MAX_BURST times that of the queue. */
#define TURN_PART    64
#define MAX_BURST    8
#define LEAST_LEAD   64
#define LONGEST_LEAD (1 << 24)

/* The maximum difference between two handles that counts, so that others do not wait long for one
 * that comes back after a long time.  If it were less than what is served in some turns, it would
 * hide which handle is behind. */
#define MAX_LEAD 65536

/* How long the pace of the queue is measured, and when a measurement is too old. */
#define PACE_NS     (50 * 1000 * 1000)
#define OLD_PACE_NS NS_PER_SECOND

/* A pause is a series of naps.  With many waiters they are longer, so that those who pause do not
 * use the processors. */
#define FIRST_NAP_NS      (100 * 1000)
#define NAP_PER_WAITER_NS (50 * 1000)
#define N_LOOKS           3

/* How long a handle pauses if no waiter catches up, and how many times as long otherwise. */
#define LONGEST_PAUSE_NS (40 * 1000 * 1000)
#define MAX_PAUSES       10

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
  return mp_waits_is_sleeping (waits, slot) ||
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

/* Returns how many messages pass this end of the queue in a second; G_MAXINT64 / MAX_BURST if that
 * is not known. */
static gint64
measure_pace (MpSharedQueue   *self,
              MpQueueCondition condition,
              gint64           now)
{
  MpTurn *turn = &self->turns[condition];
  guint64 word = condition == MP_QUEUE_WAIT_SPACE ? mp_load (&self->memory.tail->word)
                                                  : mp_load (&self->memory.head->word);
  guint32 n_passed = mp_word_count (word) - mp_load (&turn->paced_count);
  gint64  length_ns = now - mp_load (&turn->paced_ns);

  if (length_ns < PACE_NS)
    return mp_load (&turn->pace);

  mp_store (&turn->pace, length_ns > OLD_PACE_NS
                           ? G_MAXINT64 / MAX_BURST
                           : (n_passed & MP_COUNT_MASK) * NS_PER_SECOND / length_ns);
  mp_store (&turn->paced_count, mp_word_count (word));
  mp_store (&turn->paced_ns, now);
  return mp_load (&turn->pace);
}

/* Returns how many others share the messages: most of those that do not wait right now are about to
 * wait again. */
static guint
count_others (MpTurn *turn,
              guint   n_waiting)
{
  guint n_others = mp_load (&turn->n_others);

  n_others = MAX (n_waiting, n_others - n_others / 16);
  mp_store (&turn->n_others, n_others);
  return n_others;
}

/* Returns the lead over a waiter that ends the turn. */
static gint32
get_longest_lead (MpTurn *turn,
                  gint64  pace,
                  guint   n_others,
                  gint64  now)
{
  guint32 n_served = mp_load (&turn->n_served) - mp_load (&turn->begun_served);
  gint64  length_ns = now - mp_load (&turn->begun_ns);
  /* Another thread of the handle may begin a turn right now. */
  gint64 per_second = (gint64) n_served * NS_PER_SECOND / MAX (length_ns, 1);
  gint64 lead = MIN (per_second, pace * MAX_BURST) / (n_others + 1) / TURN_PART;

  return (gint32) CLAMP (lead, LEAST_LEAD, LONGEST_LEAD);
}

static void
begin_turn (MpTurn *turn)
{
  gint64 now = mp_spin_now ();

  mp_store (&turn->begun_served, mp_load (&turn->n_served));
  mp_store (&turn->looked_ns, now);
  mp_store (&turn->begun_ns, now);
}

/* Sleeps for @nap_ns in a slot that says that this thread is about to go on.  The nap has a fixed
 * length, since being woken out of it would cost others a system call for each message. */
static gboolean
nap (MpMemory *memory,
     guint     slot,
     long      nap_ns)
{
  const struct timespec duration = { 0, nap_ns };

  if (slot < MP_N_WAITERS)
    mp_store (&mp_memory_waiter (memory, slot)->woken_at, mp_spin_now ());
  return ppoll (NULL, 0, &duration, NULL) == 0;
}

static long
choose_longest_nap (guint n_waiting)
{
  return MAX (n_waiting * (long) NAP_PER_WAITER_NS, FIRST_NAP_NS);
}

/* Pauses until no waiter is behind any more.  Meanwhile this thread counts as a waiter too, which
 * those that are served now do not leave behind.  One that is woken for each message does not wait
 * at every look, so the pause ends only after some looks without a waiter.  Returns FALSE if no
 * waiter has caught up at all: it may be unable to use what is available. */
static gboolean
await_others (MpSharedQueue   *self,
              MpQueueCondition condition,
              Behind           behind,
              gint64           now,
              gint64           longest_ns,
              GCancellable    *cancellable)
{
  MpMemory *memory = &self->memory;
  guint32   served = mp_load (&self->turns[condition].n_served);
  guint     slot = mp_waiters_begin (memory, condition, served);
  gint32    first_lead = behind.lead, least_lead = behind.lead;
  gint64    last_end = now + MAX_PAUSES * longest_ns;
  gint64    end = now + longest_ns;
  long      nap_ns = FIRST_NAP_NS;
  guint     n_absent = 0;

  while (n_absent < N_LOOKS && now < end)
    {
      if (n_absent == 0)
        mp_waiters_wake_one (memory, condition, behind.slot);
      if (!nap (memory, slot, n_absent == 0 ? nap_ns : FIRST_NAP_NS) ||
          g_cancellable_is_cancelled (cancellable))
        break;
      nap_ns = MIN (nap_ns * 2, choose_longest_nap (behind.n_waiting));
      now = mp_spin_now ();
      behind = find_behind (memory, condition, served, now);
      n_absent = behind.lead > LEAST_LEAD ? 0 : n_absent + 1;
      if (n_absent == 0 && behind.lead < least_lead)
        {
          least_lead = behind.lead;
          end = MIN (now + longest_ns, last_end);
        }
    }
  mp_waiters_end (memory, condition, slot);
  return n_absent > 0 || least_lead < first_lead;
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
  gint64  pace;
  guint   n_others;
  Behind  behind;

  if (mp_load (&turn->begun_ns) == 0)
    begin_turn (turn);
  if (now - mp_load (&turn->looked_ns) < LOOK_NS)
    return;

  mp_store (&turn->looked_ns, now);
  behind = find_behind (&self->memory, condition, mp_load (&turn->n_served), now);
  pace = measure_pace (self, condition, now);
  n_others = count_others (turn, behind.n_waiting);
  if (behind.lead <= get_longest_lead (turn, pace, n_others, now))
    return;

  /* Leave half of the caller's timeout for the operation itself. */
  if (call->timeout_us >= 0)
    longest_ns = MIN (longest_ns, call->timeout_us * 500 / MAX_PAUSES);
  if (await_others (self, condition, behind, now, longest_ns, call->cancellable))
    mp_store (&turn->n_futile, 0);
  else
    forgive (self, condition);
  begin_turn (turn);
}
