/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "recovery.h"

#include "arena.h"
#include "lease.h"
#include "liveness.h"
#include "lock.h"
#include "mp-error.h"
#include "ring.h"
#include "units.h"
#include "waiters.h"
#include "watcher.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <gio/gio.h>
#include <poll.h>

/* How long a recoverer waits for another, and for each of the locks, one of which may be in the
 * hands of who is stopped. */
#define PATIENCE_US        20000
#define ATTACH_PATIENCE_US G_USEC_PER_SEC
#define FIRST_PAUSE_NS     100000
#define LONGEST_PAUSE_NS   5000000

/* How many leases are given back under one lock. */
#define RETURN_PORTION 256

/* How often consumers look who died where there is always something to get: each of them, or
 * all together when they are many, since each look costs a system call for each participant. */
#define LOOK_EVERY_NS     (10 * 1000 * 1000)
#define MANY_PARTICIPANTS 16

/* States of a participant's slot. */
enum
{
  SLOT_FREE,
  SLOT_USED,
};

/* --- What each lock guards -------------------------------------------------------------
 *
 * Run by who takes the lock from a dead owner, with that lock and perhaps those before it
 * in the order; never takes another.  Killed half way, it is run again by the next. */

/* A claim whose head word was not stored did not happen. */
void
mp_recovery_repair_head (MpMemory *self)
{
  MpHeadLine *head = self->head;
  guint32     claim = mp_load (&head->claim);

  if (claim != 0 && claim <= MP_N_LEASES)
    {
      MpLease *lease = mp_memory_lease (self, claim - 1);

      if (lease->position == mp_word_count (mp_load (&head->word)))
        mp_store_release (&lease->owner, 0);
    }
  mp_store (&head->claim, 0);
  mp_lease_repair_waiting (self);
  mp_store (&self->state->is_leaky, 1);
}

void
mp_recovery_repair_tail (MpMemory *self)
{
  mp_ring_repair_tail (self);
  mp_store (&self->state->is_leaky, 1);
}

void
mp_recovery_repair_arena (MpMemory *self)
{
  mp_arena_rebuild (self);
  mp_lease_repair_map (self);
  mp_lease_repair_dead (self);
  mp_store (&self->state->is_leaky, 1);
}

/* --- The whole ------------------------------------------------------------------------- */

typedef struct
{
  guint32 *marks; /* a word for each unit */
  guint32  n_marks;
} Marks;

static gboolean
mark (MpMemory *self,
      guint64   offset,
      gpointer  user_data)
{
  Marks *marks = user_data;

  return mp_arena_mark (self, offset, marks->marks, marks->n_marks);
}

static void
mark_lease (MpMemory *self,
            MpLease  *lease,
            gpointer  user_data)
{
  if (mp_lease_state (mp_load (&lease->owner)) != MP_LEASE_FREE)
    mark (self, mp_load (&lease->block), user_data);
}

static guint
count_participants (MpMemory *self)
{
  return MIN (mp_load_acquire (&self->state->n_participants), MP_N_PARTICIPANTS);
}

static void
mark_intents (MpMemory *self,
              Marks    *marks)
{
  guint n_participants = count_participants (self);

  for (guint i = 0; i < n_participants; i++)
    for (guint j = 0; j < MP_N_INTENTS; j++)
      mark (self, mp_load (&mp_memory_participant (self, i)->intents[j]), marks);
}

/* Frees what nobody can reach.  The marks are private: were they kept in the unit table, a
 * death in here would leave everything looking free. */
static void
collect_garbage (MpMemory *self)
{
  Marks               marks = { .n_marks = mp_units_count (self) };
  g_autofree guint32 *words = g_try_new0 (guint32, (gsize) marks.n_marks + 1);
  guint64             n_bytes;

  if (words == NULL)
    return; /* What is lost stays lost until the next recovery. */
  marks.marks = words;
  if (!mp_ring_walk (self, mark, &marks, &n_bytes))
    {
      mp_memory_set_damaged (self);
      return;
    }

  mp_lease_foreach (self, mark_lease, &marks);
  mark_intents (self, &marks);
  mp_arena_sweep (self, words, marks.n_marks);
  mp_lease_rebuild_map (self);
  mp_store (&self->tail->n_bytes, self->head->n_bytes + n_bytes);
}

/* Counters that a death may have left one off. */
static void
recount (MpMemory *self)
{
  guint32 n_orphans = mp_lease_count (self, MP_LEASE_ORPHAN);
  guint32 n_open = n_orphans + mp_lease_count (self, MP_LEASE_HELD);

  mp_store (&self->head->n_orphans, n_orphans);
  mp_store (&self->arena->n_dead, mp_lease_count (self, MP_LEASE_DEAD));
  mp_store_release (&self->arena->n_done,
                    (mp_word_count (mp_load (&self->head->word)) - n_open) & MP_COUNT_MASK);
}

/* --- What the dead had in hand ------------------------------------------------------------- */

typedef struct
{
  guint64 serial;
  guint32 lease;
} Held;

static int
compare_held (gconstpointer a,
              gconstpointer b)
{
  const Held *left = a, *right = b;

  return (left->serial > right->serial) - (left->serial < right->serial);
}

/* Gives one back, if it is still the participant's: its last claim may have been undone.  With
 * the head and the arena lock. */
static gboolean
return_lease (MpMemory *self,
              guint     participant,
              guint32   lease)
{
  guint64 owner = mp_load (&mp_memory_lease (self, lease - 1)->owner);

  if (mp_lease_participant (owner) != participant)
    return FALSE;
  if (mp_lease_state (owner) == MP_LEASE_DEAD_HELD)
    mp_lease_bury (self, lease, FALSE);
  else if (mp_lease_state (owner) == MP_LEASE_HELD && mp_lease_is_exhausted (self, lease))
    mp_lease_bury (self, lease, TRUE);
  else if (mp_lease_state (owner) == MP_LEASE_HELD)
    mp_lease_wait (self, lease);
  MP_STEP ("recovery/orphaned");
  return mp_lease_state (owner) == MP_LEASE_HELD;
}

/* Locks, for the recoverer with its @word; 0 is our own. */
static gboolean
take (MpMemory *self,
      MpLockId  id,
      guint32   word)
{
  return word != 0 ? mp_lock_take_as (self, id, word) : mp_lock_take (self, id);
}

static void
release (MpMemory *self,
         MpLockId  id,
         guint32   word)
{
  if (word != 0)
    mp_lock_release_as (self, id, word);
  else
    mp_unlock (self, id);
}

/* The leases of a participant that changes none any more, oldest first; NULL when the lock could
 * not be had.  The looking is done in portions, each with the lock for some microseconds. */
static GArray *
find_held (MpMemory *self,
           guint     participant,
           guint32   word)
{
  g_autofree guint32 *found = g_new (guint32, MP_LEASE_PORTION);
  g_autoptr (GArray) held = g_array_new (FALSE, FALSE, sizeof (Held));
  guint32 after = 0;

  do
    {
      guint32 n;

      if (!take (self, MP_LOCK_ARENA, word))
        return NULL;
      n = mp_lease_find_held (self, participant, &after, found);
      for (guint32 i = 0; i < n; i++)
        {
          const Held item = { mp_memory_lease (self, found[i] - 1)->serial, found[i] };

          g_array_append_val (held, item);
        }
      release (self, MP_LOCK_ARENA, word);
    }
  while (after != 0);

  g_array_sort (held, compare_held);
  return g_steal_pointer (&held);
}

/* Some of them, under one lock.  FALSE when that could not be had. */
static gboolean
return_portion (MpMemory   *self,
                guint       participant,
                guint32     word,
                const Held *held,
                guint       n,
                guint      *n_returned)
{
  if (!take (self, MP_LOCK_HEAD, word))
    return FALSE;
  if (!take (self, MP_LOCK_ARENA, word))
    {
      release (self, MP_LOCK_HEAD, word);
      return FALSE;
    }
  for (guint i = 0; i < n; i++)
    *n_returned += return_lease (self, participant, held[i].lease);
  release (self, MP_LOCK_ARENA, word);
  release (self, MP_LOCK_HEAD, word);
  return TRUE;
}

/* Returns all that a participant has in hand, a dead one or our own. */
static gboolean
return_held (MpMemory *self,
             guint     participant,
             guint32   word,
             guint    *n_returned)
{
  g_autoptr (GArray) held = find_held (self, participant, word);

  if (held == NULL)
    return FALSE;
  for (guint i = 0; i < held->len; i += RETURN_PORTION)
    if (!return_portion (self, participant, word, &g_array_index (held, Held, i),
                         MIN (held->len - i, RETURN_PORTION), n_returned))
      return FALSE;
  return TRUE;
}
static gboolean
is_dead (MpMemory *self,
         guint     participant)
{
  return mp_load (&mp_memory_participant (self, participant)->state) == SLOT_USED &&
         !mp_liveness_is_alive (self, participant);
}

static void
forget_intents (MpMemory *self,
                guint     participant)
{
  for (guint i = 0; i < MP_N_INTENTS; i++)
    mp_store (&mp_memory_participant (self, participant)->intents[i], 0);
}

static void
free_slot (MpMemory *self,
           guint     participant)
{
  MpParticipant *slot = mp_memory_participant (self, participant);

  forget_intents (self, participant);
  for (guint i = 0; i < MP_N_LOCKS; i++)
    mp_store (&slot->holds[i], 0);
  mp_store (&slot->n_waking, 0);
  mp_store (&slot->generation, slot->generation + 1);
  mp_store_release (&slot->state, SLOT_FREE);
}

/* Others are held up by nothing that we wait for: what we have is given back first. */
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

/* --- Who is to be woken ------------------------------------------------------------------ */

static gboolean
is_done (MpMemory *self)
{
  return mp_word_count (mp_load_acquire (&self->tail->word)) == mp_load (&self->arena->n_done);
}

/* Only those for whom there is something: a death is nothing to the others. */
static void
wake_concerned (MpMemory *self,
                gboolean  loops)
{
  void (*wake) (MpMemory *, MpQueueCondition, guint) = loops ? mp_waiters_wake_slow
                                                             : mp_waiters_wake_threads;
  guint32 n_orphans = mp_load (&self->head->n_orphans);

  if (mp_load (&self->state->damaged) || mp_load (&self->state->shutdown))
    {
      mp_waiters_wake_all (self);
      return;
    }
  if (n_orphans != 0 || mp_ring_has_items (self))
    mp_waiters_wake_slow (self, MP_QUEUE_WAIT_ITEMS, n_orphans + MAX (mp_ring_count (self), 1));
  if (mp_ring_has_room (self, 0))
    wake (self, MP_QUEUE_WAIT_SPACE, G_MAXUINT);
  if (is_done (self))
    wake (self, MP_QUEUE_WAIT_DONE, G_MAXUINT);
}

/* What a lock's owner had half done when it died is found by going through everything.  With all
 * locks, which tell whether somebody died with one: also one who died meanwhile. */
static void
mend_leaks (MpMemory *self)
{
  guint n_participants = count_participants (self);

  for (guint i = 0; i < n_participants; i++)
    if (is_dead (self, i))
      forget_intents (self, i);
  collect_garbage (self);
  recount (self);
  mp_store (&self->state->is_leaky, 0);
  MP_STEP ("recovery/counted");
}

/* Without a lock the dead had only what they had in hand, and blocks that they had not put. */
static void
clean_up (MpMemory     *self,
          const guint8 *dead,
          guint         n_dead)
{
  if (mp_load (&self->state->is_leaky))
    mend_leaks (self);
  for (guint i = 0; i < n_dead; i++)
    if (dead[i])
      {
        mp_arena_drop_intents (self, i);
        mp_waiters_forget (self, i);
      }
}

static gboolean
find_dead (MpMemory *self,
           guint8   *dead,
           guint     n,
           guint32  *n_waking)
{
  gboolean any = FALSE;

  for (guint i = 0; i < n; i++)
    {
      any |= dead[i] = (guint8) is_dead (self, i);
      if (dead[i])
        *n_waking += mp_load (&mp_memory_participant (self, i)->n_waking);
    }
  return any;
}

static gboolean
return_all (MpMemory     *self,
            const guint8 *dead,
            guint         n,
            guint32       word)
{
  guint n_returned = 0;

  for (guint i = 0; i < n; i++)
    if (dead[i] && !return_held (self, i, word, &n_returned))
      return FALSE;
  return TRUE;
}

/* With the recoverer's claim.  The dead stay as they are when a lock cannot be had. */
static gboolean
recover_dead (MpMemory *self)
{
  const guint32 word = mp_lock_word (MP_RECOVERER, mp_load (&self->state->recoverer));
  const guint   n_participants = count_participants (self);
  guint8        dead[MP_N_PARTICIPANTS];
  guint32       n_waking = 0;

  if (!find_dead (self, dead, n_participants, &n_waking) ||
      !return_all (self, dead, n_participants, word) || !lock_all (self, word))
    return FALSE;
  MP_STEP ("recovery/locked");

  clean_up (self, dead, n_participants);
  /* What they had begun is ours before it is nobody's. */
  mp_waiters_begin_waking (self, n_waking);
  for (guint i = 0; i < n_participants; i++)
    if (dead[i])
      free_slot (self, i);

  unlock_all (self, word);
  if (n_waking != 0)
    mp_waiters_wake_everyone (self);
  wake_concerned (self, TRUE);
  mp_waiters_wake (self, MP_QUEUE_WAIT_NEWS, 0);
  mp_waiters_end_waking (self, n_waking);
  if (mp_watcher_is_wanted (self, MP_WATCHER_THREAD))
    mp_waiters_nudge (self);
  return TRUE;
}

/* One recoverer at a time, of all processes and, by the attach mutex that the caller holds,
 * of our own threads.  The kernel would wait for the claim without an end. */
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

/* A time in the future is that of a container whose clock differs. */
static gboolean
is_recent (gint64 then,
           gint64 now)
{
  return then <= now && now - then < LOOK_EVERY_NS;
}

static gboolean
somebody_looked (MpMemory *self,
                 gint64    now)
{
  return count_participants (self) > MANY_PARTICIPANTS &&
         is_recent (mp_load (&self->state->looked_at), now);
}

gboolean
mp_recovery_run (MpMemory *self)
{
  guint    n_participants = count_participants (self);
  gboolean any = FALSE;

  if (!mp_memory_owns_descriptors (self))
    return FALSE;

  mp_store (&self->state->looked_at, mp_coarse_now ());
  for (guint i = 0; i < n_participants && !any; i++)
    any = is_dead (self, i);
  if (!any)
    return FALSE;

  any = FALSE;
  g_mutex_lock (&self->attach_mutex);
  if (begin (self, PATIENCE_US))
    {
      any = recover_dead (self);
      end (self);
    }
  g_mutex_unlock (&self->attach_mutex);
  return any;
}

void
mp_recovery_run_at_times (MpMemory *self)
{
  gint64 now = mp_coarse_now ();

  if (G_LIKELY (is_recent (mp_load (&self->looked_at), now)))
    return;

  mp_store (&self->looked_at, now);
  if (!somebody_looked (self, now))
    mp_recovery_run (self);
}

static gboolean
is_somebody_waking (MpMemory *self)
{
  guint n_participants = count_participants (self);

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

  /* Usually it is awake and about to end: then a few wake up for nothing. */
  if (is_somebody_waking (self))
    mp_waiters_wake_everyone (self);
  wake_concerned (self, FALSE);
  return FALSE;
}

/* --- Participants ---------------------------------------------------------------------- */

/* The kernel lets one have the lock of a slot, and only recovery frees a slot whose owner died:
 * nothing else has to be held. */
static gboolean
take_slot (MpMemory *self)
{
  for (guint i = 0; i < MP_N_PARTICIPANTS; i++)
    {
      MpParticipant *slot = mp_memory_participant (self, i);

      if (mp_load_acquire (&slot->state) != SLOT_FREE || !mp_liveness_claim (self, i))
        continue;
      if (mp_load_acquire (&slot->state) != SLOT_FREE)
        {
          mp_liveness_unclaim (self, i);
          continue;
        }

      mp_cover (&self->state->n_participants, i + 1);
      mp_store (&slot->pid, getpid ());
      mp_store (&slot->n_waking, 0);
      mp_store (&slot->n_put, 0);
      mp_store (&slot->n_got, 0);
      mp_store (&slot->attached_at, g_get_real_time ());
      self->participant = i;
      self->lock_word = mp_lock_word (i, slot->generation);
      mp_store (&self->intents_used, 0);
      mp_store (&self->intents_due, 0);
      mp_store_release (&slot->state, SLOT_USED);
      return TRUE;
    }
  return FALSE;
}

static gboolean
fail_to_attach (MpMemory *self,
                gboolean  recovered,
                GError  **error)
{
  mp_liveness_close (self);
  if (recovered)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                 _ ("The queue is in use by %u others, which is the most it can have"),
                 MP_N_PARTICIPANTS);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                 _ ("The queue is held by process %" PRId64 ", which does not go on"),
                 mp_load (&self->state->recoverer_pid));
  return FALSE;
}

/* Where a thousand come at once each would look a thousand times who died. */
static gboolean
attach (MpMemory *self,
        GError  **error)
{
  gint64   now = mp_coarse_now ();
  gboolean attached, recovered = FALSE;

  self->participant = G_MAXUINT32;
  if (!mp_liveness_open (self, error))
    return FALSE;

  attached = take_slot (self);
  if (attached && somebody_looked (self, now))
    return TRUE;

  mp_store (&self->state->looked_at, now);
  /* Who has a slot need not wait for another recoverer. */
  if (begin (self, attached ? PATIENCE_US : ATTACH_PATIENCE_US))
    {
      recover_dead (self);
      recovered = TRUE;
      end (self);
    }
  return attached || take_slot (self) || fail_to_attach (self, recovered, error);
}

/* Makes this handle a participant, unless another thread just did: when it is opened, and
 * anew in a forked child. */
gboolean
mp_recovery_attach_anew (MpMemory *self,
                         GError  **error)
{
  gboolean attached = TRUE;

  if (!mp_liveness_check (self, error))
    return FALSE;

  g_mutex_lock (&self->attach_mutex);
  if (self->live_fd == -1)
    {
      attached = attach (self, error);
      if (attached)
        {
          if (self->renew != NULL)
            self->renew (self);
          mp_store_release (&self->fork_count, mp_fork_count);
        }
    }
  g_mutex_unlock (&self->attach_mutex);
  return attached;
}

/* Gives back what this handle had in hand, and leaves. */
static void
leave (MpMemory *self)
{
  guint n_returned = 0;

  if (!return_held (self, self->participant, 0, &n_returned))
    return;
  if (n_returned > 0)
    wake_concerned (self, TRUE);
  mp_waiters_forget (self, self->participant);
  free_slot (self, self->participant);
}

/* Where that cannot be had in time, others recover us as if we had died. */
void
mp_recovery_detach (MpMemory *self)
{
  if (self->live_fd == -1)
    return;

  g_mutex_lock (&self->attach_mutex);
  leave (self);
  g_mutex_unlock (&self->attach_mutex);
  mp_liveness_close (self);
}
