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

/* How long a recoverer waits for another one, and for all locks: the holder of a lock may be
 * stopped. */
#define PATIENCE_US        20000
#define ATTACH_PATIENCE_US G_USEC_PER_SEC
#define FIRST_PAUSE_NS     100000
#define LONGEST_PAUSE_NS   5000000

/* How many leases are returned to the queue under one lock. */
#define RETURN_PORTION 256

/* How often consumers that never sleep check for dead participants.  Each check costs a system call
 * for each participant, so with many participants this is the interval of all consumers together,
 * else that of each of them. */
#define LOOK_EVERY_NS     (10 * 1000 * 1000)
#define MANY_PARTICIPANTS 16

/* The states of a participant's slot. */
enum
{
  SLOT_FREE,
  SLOT_USED,
  SLOT_LEFT, /* by a process that was about to end: see mp_recovery_leave () */
};

/* --- What each lock guards -------------------------------------------------------------
 *
 * Run by the participant that takes a lock from a dead holder, under that lock and perhaps those
 * before it in the order.  They take no other locks.  If the participant is killed meanwhile, the
 * next one runs the repair again. */

/* Undoes a claim whose head word was not stored: see mp_shared_queue_claim (). */
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
  guint32 *marks; /* one word for each unit */
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

/* Frees blocks that are not reachable.  The marks are in private memory: if they were in the unit
 * table, a recoverer that dies during the sweep would leave all blocks unmarked, hence free. */
static void
collect_garbage (MpMemory *self)
{
  Marks               marks = { .n_marks = mp_units_count (self) };
  g_autofree guint32 *words = g_try_new0 (guint32, (gsize) marks.n_marks + 1);
  guint64             n_bytes;

  if (words == NULL)
    return; /* The blocks remain allocated until the next recovery. */
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

/* Recomputes the counters, which a participant that was killed may have left one off. */
static void
recount (MpMemory *self)
{
  guint32 n_orphans = mp_lease_count (self, MP_LEASE_ORPHAN);
  guint32 n_open = n_orphans + mp_lease_count (self, MP_LEASE_HELD) +
                   mp_load (&self->arena->n_consumed);

  mp_store (&self->head->n_orphans, n_orphans);
  mp_store (&self->arena->n_dead, mp_lease_count (self, MP_LEASE_DEAD));
  mp_store_release (&self->arena->n_done,
                    (mp_word_count (mp_load (&self->head->word)) - n_open) & MP_COUNT_MASK);
}

/* --- Messages held by dead participants ---------------------------------------------------- */

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

/* Returns one lease to the queue, if the participant still holds it: the repair of the head may
 * have undone its last claim.  The caller holds the head and the arena lock.  Returns whether the
 * message can be delivered again. */
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

/* Takes a lock: with the recoverer's @word, or as this participant if @word is 0. */
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

/* Finds the leases of a participant that is dead or about to leave, oldest first.  Scans in
 * portions, each under the lock for some microseconds.  Returns NULL if the lock could not be
 * taken. */
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

/* Returns some of these leases under one lock.  Returns FALSE if it could not be taken. */
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

/* Returns all leases that a participant holds, a dead one or this one. */
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
  return mp_load (&mp_memory_participant (self, participant)->state) != SLOT_FREE &&
         !mp_liveness_is_alive (self, participant);
}

/* Whether the others have to do something about its death. */
static gboolean
is_missed (MpMemory *self,
           guint     participant)
{
  return mp_load (&mp_memory_participant (self, participant)->state) == SLOT_USED &&
         is_dead (self, participant);
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

/* Finds what a dead lock holder left incomplete by scanning everything.  Runs under all locks, so
 * that a participant that dies with a lock meanwhile is noticed too. */
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

/* A participant that died without holding a lock leaves only its leases, unpublished blocks and
 * slots of the waiters' table. */
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

/* Recovers all dead participants.  The caller is the recoverer.  If a lock cannot be taken, their
 * slots are kept for the next recovery. */
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
  /* Take over the dead participants' counts of begun wake-ups before their slots are freed: if this
   * process dies now, its own count makes the next recoverer wake everyone. */
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

/* Time namespaces can have different monotonic clocks, so a time may be in the future. */
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
  any = mp_load (&self->state->is_leaky) != 0;
  for (guint i = 0; i < n_participants && !any; i++)
    any = is_missed (self, i);
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

  if (!mp_ring_is_sound (self))
    mp_memory_set_damaged (self);
  /* That waker may be stopped before it has woken anyone.  Usually it is just running, and a few
   * waiters are woken in vain. */
  if (is_somebody_waking (self))
    mp_waiters_wake_everyone (self);
  wake_concerned (self, FALSE);
  return FALSE;
}

/* --- Participants ---------------------------------------------------------------------- */

/* Only one process can lock the slot's byte, and only recovery frees the slot of a dead
 * participant, so no other lock is needed. */
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
                 _ ("The queue is locked by process %" PRId64 ", which does not continue"),
                 mp_load (&self->state->recoverer_pid));
  return FALSE;
}

/* A participant that gets a slot checks for dead ones only if none did so lately: a thousand
 * processes that attach at once would otherwise make a million system calls. */
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
  /* With a slot, there is no need to wait for another recoverer. */
  if (begin (self, attached ? PATIENCE_US : ATTACH_PATIENCE_US))
    {
      recover_dead (self);
      recovered = TRUE;
      end (self);
    }
  return attached || take_slot (self) || fail_to_attach (self, recovered, error);
}

/* After mp_recovery_leave ().  The slot is still ours, as long as this process lives. */
static void
rejoin (MpMemory *self)
{
  mp_store_release (&mp_memory_participant (self, self->participant)->state, SLOT_USED);
  mp_store_release (&self->fork_count, mp_fork_count);
}

/* Makes this handle a participant, unless another thread has just done so: when it is opened, and
 * again in a forked child. */
gboolean
mp_recovery_attach_anew (MpMemory *self,
                         GError  **error)
{
  gboolean attached = TRUE;

  if (!mp_liveness_check (self, error))
    return FALSE;

  g_mutex_lock (&self->attach_mutex);
  if (!mp_load (&self->is_attached))
    {
      attached = attach (self, error);
      if (attached)
        {
          if (self->renew != NULL)
            self->renew (self);
          mp_store_release (&self->fork_count, mp_fork_count);
        }
    }
  else
    {
      rejoin (self);
    }
  g_mutex_unlock (&self->attach_mutex);
  return attached;
}

/* Returns the leases of this handle and frees its slot. */
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

/* If the locks cannot be taken in time, the slot stays used, and others recover this participant as
 * if it had died. */
void
mp_recovery_detach (MpMemory *self)
{
  if (!mp_load (&self->is_attached))
    return;

  g_mutex_lock (&self->attach_mutex);
  leave (self);
  g_mutex_unlock (&self->attach_mutex);
  mp_liveness_close (self);
}

/* Threads that sleep do not count: who wakes them in vain goes on to the next one. */
static gboolean
is_idle (MpMemory *self)
{
  MpParticipant *slot = mp_memory_participant (self, self->participant);
  guint32        held = mp_load (&slot->n_waking);

  for (guint i = 0; i < MP_N_LOCKS; i++)
    held |= mp_load (&slot->holds[i]);
  return held == 0 && mp_load (&self->intents_used) == 0;
}

void
mp_recovery_leave (MpMemory *self)
{
  MpParticipant *slot;
  guint          n_returned = 0;

  /* A thread that attaches is in the middle of something. */
  if (!g_mutex_trylock (&self->attach_mutex))
    return;
  slot = mp_memory_participant (self, self->participant);
  if (mp_load (&self->is_attached) && mp_load (&self->fork_count) == mp_fork_count &&
      mp_memory_owns_descriptors (self) && return_held (self, self->participant, 0, &n_returned))
    {
      if (n_returned > 0)
        wake_concerned (self, TRUE);
      mp_watcher_end_all (self);
      if (is_idle (self))
        {
          mp_store (&self->fork_count, 0);
          mp_store_release (&slot->state, SLOT_LEFT);
        }
    }
  g_mutex_unlock (&self->attach_mutex);
}
