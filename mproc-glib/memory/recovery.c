/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "recovery.h"

#include "arena.h"
#include "held.h"
#include "liveness.h"
#include "lock.h"
#include "repair.h"
#include "ring.h"
#include "slots.h"
#include "waiters.h"
#include "watcher.h"

#include <poll.h>
#include <unistd.h>

/* How long a recoverer waits for another one, and for all locks: the holder of a lock may be
 * stopped. */
#define PATIENCE_US      20000
#define FIRST_PAUSE_NS   100000
#define LONGEST_PAUSE_NS 5000000

/* How often consumers that never sleep check for dead participants.  Each check costs a system call
 * for each participant, so with many participants this is the interval of all consumers together,
 * else that of each of them. */
#define LOOK_EVERY_NS     (10 * 1000 * 1000)
#define MANY_PARTICIPANTS 16

/* Takes all locks.  If one cannot be taken, those already taken are released before waiting, so
 * that no other participant is blocked meanwhile. */
static gboolean
lock_all (MpMemory *self,
          guint32   word)
{
  const gint64 deadline = g_get_monotonic_time () + PATIENCE_US;

  do
    {
      guint id = 0;

      while (id < MP_N_LOCKS && mp_lock_take_as (self, id, word))
        id++;
      if (id == MP_N_LOCKS)
        return TRUE;
      while (id > 0)
        mp_lock_release_as (self, --id, word);
    }
  while (mp_lock_await (self, deadline, NULL) != MP_LOCK_WAIT_TIMED_OUT);
  return FALSE;
}

static void
unlock_all (MpMemory *self,
            guint32   word)
{
  for (guint id = MP_N_LOCKS; id > 0; id--)
    mp_lock_release_as (self, id - 1, word);
}

/* --- Waking waiters after a recovery ------------------------------------------------------- */

static gboolean
is_done (MpMemory *self)
{
  return mp_word_count (mp_load_acquire (&self->tail->word)) == mp_load (&self->arena->n_done);
}

/* Wakes only waiters whose condition holds now: others have no use for being woken by a death. */
void
mp_recovery_wake_concerned (MpMemory *self,
                            gboolean  loops)
{
  void (*wake) (MpMemory *, MpQueueCondition, guint) = loops ? mp_waiters_wake_slow
                                                             : mp_waiters_wake_threads;
  guint32 n_orphans = mp_load (&self->head->n_orphans);
  guint32 n_queued = mp_ring_count (self);

  if (mp_load (&self->state->damaged) || mp_load (&self->state->shutdown))
    {
      mp_waiters_wake_all (self);
      return;
    }
  if (n_orphans != 0 || mp_ring_has_items (self))
    mp_waiters_wake_slow (self, MP_QUEUE_WAIT_ITEMS, n_orphans + MAX (n_queued, 1));
  if (mp_ring_has_room (self, 0))
    wake (self, MP_QUEUE_WAIT_SPACE, G_MAXUINT);
  if (is_done (self))
    wake (self, MP_QUEUE_WAIT_DONE, G_MAXUINT);
}

/* --- The recoverer ------------------------------------------------------------------------- */

typedef struct
{
  MpMemory *memory;
  guint32   word; /* with which it takes locks */
  guint32   n_participants;
  guint8    dead[MP_N_PARTICIPANTS];
  guint32   n_waking; /* wake-ups that those recovered so far had begun */
} Recoverer;

static gboolean
find_dead (Recoverer *self)
{
  gboolean any = FALSE;

  for (guint i = 0; i < self->n_participants; i++)
    any |= self->dead[i] = (guint8) mp_slots_is_dead (self->memory, i);
  return any;
}

/* Frees the slot of a dead participant, of which all messages were returned.  All locks are taken
 * first, which shows whether it held one when it died: then its intents may name blocks that were
 * published, so the others are left to mp_repair_leaks ().
 *
 * The count of its wake-ups that were begun is taken over before: if this process dies now, its own
 * count makes the next recoverer wake everyone. */
static gboolean
retire (Recoverer *self,
        guint      participant)
{
  MpMemory *memory = self->memory;
  guint32   n_waking = mp_load (&mp_memory_participant (memory, participant)->n_waking);

  if (!lock_all (memory, self->word))
    return FALSE;
  MP_STEP ("recovery/locked");
  if (!mp_repair_is_leaky (memory))
    mp_arena_drop_intents (memory, participant);
  mp_waiters_begin_waking (memory, n_waking);
  self->n_waking += n_waking;
  mp_slots_note_death (memory, participant);
  mp_slots_free (memory, participant);
  MP_STEP ("recovery/retired");
  unlock_all (memory, self->word);
  return TRUE;
}

/* Recovers one participant after the other, so that progress is kept if this process is killed,
 * too: many may have died, holding many messages. */
static gboolean
retire_all (Recoverer *self)
{
  MpMemory *memory = self->memory;
  g_autoptr (GArray) held = mp_held_find (memory, self->dead, self->word);
  guint next = 0, n_returned = 0;

  if (held == NULL)
    return FALSE;
  mp_waiters_forget (memory, self->dead);
  for (guint i = 0; i < self->n_participants; i++)
    if (self->dead[i] &&
        (!mp_held_return (memory, held, &next, i, self->word, &n_returned) || !retire (self, i)))
      return FALSE;
  return TRUE;
}

static gboolean
mend_leaks (Recoverer *self)
{
  if (!mp_repair_is_leaky (self->memory))
    return TRUE;
  if (!lock_all (self->memory, self->word))
    return FALSE;
  mp_repair_leaks (self->memory);
  unlock_all (self->memory, self->word);
  return TRUE;
}

/* Wakes the waiters whose condition holds now, or all of them if a dead participant had begun to
 * wake some. */
static void
wake_after_deaths (Recoverer *self)
{
  MpMemory *memory = self->memory;

  if (self->n_waking != 0)
    mp_waiters_wake_everyone (memory);
  mp_recovery_wake_concerned (memory, TRUE);
  mp_waiters_wake (memory, MP_QUEUE_WAIT_NEWS, 0);
  mp_waiters_end_waking (memory, self->n_waking);
  if (mp_watcher_is_wanted (memory, MP_WATCHER_THREAD))
    mp_waiters_nudge (memory);
}

/* If a lock cannot be taken, the rest is left to the next recovery.  Returns TRUE if there was
 * something to recover and all of it was recovered. */
static gboolean
recover_dead (MpMemory *memory)
{
  Recoverer self = {
    .memory = memory,
    .word = mp_lock_word (MP_RECOVERER, mp_load (&memory->state->recoverer)),
    .n_participants = mp_slots_count (memory),
  };
  gboolean any = find_dead (&self);
  gboolean done;

  if (!any && !mp_repair_is_leaky (memory))
    return FALSE;
  done = (!any || retire_all (&self)) && mend_leaks (&self);
  wake_after_deaths (&self);
  return done;
}

/* Becomes the recoverer: there is one at a time among all processes and, by the attach mutex that
 * the caller holds, among the threads of this handle.  Polls, since waiting for a record lock in
 * the kernel has no timeout. */
static gboolean
begin (MpMemory *self,
       gint64    patience_us)
{
  const gint64    deadline = g_get_monotonic_time () + patience_us;
  struct timespec pause = { 0, FIRST_PAUSE_NS };

  while (!mp_liveness_claim (self, MP_RECOVERER))
    {
      if (g_get_monotonic_time () >= deadline)
        return FALSE;
      ppoll (NULL, 0, &pause, NULL);
      pause.tv_nsec = MIN (pause.tv_nsec * 2, LONGEST_PAUSE_NS);
    }

  __atomic_fetch_add (&self->state->recoverer, 1, __ATOMIC_SEQ_CST);
  mp_store (&self->state->recoverer_pid, getpid ());
  mp_store_release (&self->recovering, 1);
  return TRUE;
}

static void
end (MpMemory *self)
{
  mp_store_release (&self->recovering, 0);
  mp_liveness_unclaim (self, MP_RECOVERER);
}

gboolean
mp_recovery_run_as_recoverer (MpMemory *self,
                              gint64    patience_us,
                              gboolean *found)
{
  if (!begin (self, patience_us))
    return FALSE;
  *found = recover_dead (self);
  end (self);
  return TRUE;
}

/* --- When ------------------------------------------------------------------------------------ */

gboolean
mp_recovery_run (MpMemory *self)
{
  guint    n_participants = mp_slots_count (self);
  gboolean any = FALSE;

  if (!mp_memory_owns_descriptors (self))
    return FALSE;

  mp_store (&self->state->looked_at, mp_coarse_now ());
  any = mp_repair_is_leaky (self);
  for (guint i = 0; i < n_participants && !any; i++)
    any = mp_slots_is_missed (self, i);
  if (!any)
    return FALSE;

  any = FALSE;
  g_mutex_lock (&self->attach_mutex);
  mp_recovery_run_as_recoverer (self, PATIENCE_US, &any);
  g_mutex_unlock (&self->attach_mutex);
  return any;
}

/* Time namespaces can have different monotonic clocks, so a time may be in the future. */
static gboolean
is_recent (gint64 then,
           gint64 now)
{
  return then <= now && now - then < LOOK_EVERY_NS;
}

gboolean
mp_recovery_was_run (MpMemory *self)
{
  return mp_slots_count (self) > MANY_PARTICIPANTS &&
         is_recent (mp_load (&self->state->looked_at), mp_coarse_now ());
}

void
mp_recovery_run_at_times (MpMemory *self)
{
  gint64 now = mp_coarse_now ();

  if (G_LIKELY (is_recent (mp_load (&self->looked_at), now)))
    return;

  mp_store (&self->looked_at, now);
  if (!mp_recovery_was_run (self))
    mp_recovery_run (self);
}

static gboolean
is_somebody_waking (MpMemory *self)
{
  guint n_participants = mp_slots_count (self);

  for (guint i = 0; i < n_participants; i++)
    if (mp_load (&mp_memory_participant (self, i)->n_waking) != 0)
      return TRUE;
  return FALSE;
}

gboolean
mp_recovery_look_after (MpMemory *self)
{
  if (mp_recovery_run (self))
    return TRUE;

  if (!mp_ring_is_sound (self))
    mp_memory_set_damaged (self);
  /* That waker may be stopped before it has woken anyone.  Usually it is just running, and a few
   * waiters are woken in vain. */
  if (is_somebody_waking (self))
    mp_waiters_wake_everyone (self);
  mp_recovery_wake_concerned (self, FALSE);
  return FALSE;
}
