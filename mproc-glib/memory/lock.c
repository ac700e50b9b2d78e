/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "lock.h"

#include "liveness.h"
#include "waiters.h"

#include "base/mp-spin.h"

#include <poll.h>

#define N_PAUSES        30
#define FIRST_WAIT_US   100
#define LONGEST_WAIT_US 2000

/* How long a thread waits for a lock before the call fails.  A holder that was merely preempted has
 * usually run again by then. */
#define PATIENCE_US 2000

/* A lock that its owner has not announced for this long is taken away.  An owner that was preempted
 * between taking and announcing it has usually run again by then. */
#define SUSPICIOUS_US 200000

/* An older note about a holder says nothing about how long it has held the lock now. */
#define FORGET_US 100000

/* Upper bound for the interval at which mp_lock_await () checks whether the holder died and whether
 * the call was cancelled. */
#define LONGEST_LOOK_US 20000

/* Longer than a store takes to become visible to other processors. */
#define SETTLE_NS 1000000

/* --- The holder that blocks us --------------------------------------------------------------- */

static gboolean
is_known_blocker (MpMemory *self,
                  MpLockId  id,
                  guint32   seen,
                  gint64    now)
{
  return mp_load (&self->blocked_word[id]) == mp_lock_holder (seen) &&
         now - mp_load (&self->blocked_at[id]) < FORGET_US;
}

static void
note_blocker (MpMemory *self,
              MpLockId  id,
              guint32   seen,
              gint64    now)
{
  if (!is_known_blocker (self, id, seen, now))
    mp_store (&self->blocked_since[id], now);
  mp_store (&self->blocked_word[id], mp_lock_holder (seen));
  mp_store (&self->blocked_at[id], now);
  mp_store (&self->blocked_on, (guint32) id);
}

static gboolean
owner_is_dead (MpMemory *self,
               guint32   word)
{
  guint participant = mp_lock_owner (word);

  /* No participant has such a number: the word was corrupted. */
  if (participant > MP_RECOVERER)
    return TRUE;

  /* All recoverers use the same record lock as their sign of life, so compare the generation in the
   * word to distinguish the present recoverer from earlier ones. */
  if (participant == MP_RECOVERER &&
      mp_lock_holder (word) != mp_lock_word (MP_RECOVERER, mp_load (&self->state->recoverer)))
    return TRUE;

  return !mp_liveness_is_alive (self, participant);
}

/* Whether the owner has announced that it holds the lock.  Always TRUE for the recoverer, which
 * announces nothing. */
static gboolean
owner_says_so (MpMemory *self,
               MpLockId  id,
               guint32   word)
{
  guint participant = mp_lock_owner (word);

  return participant >= MP_N_PARTICIPANTS ||
         mp_load_acquire (&mp_memory_participant (self, participant)->holds[id]) ==
           mp_lock_holder (word);
}

/* Whether the same owner has been observed for SUSPICIOUS_US without an announcement. */
static gboolean
is_suspicious (MpMemory *self,
               MpLockId  id,
               guint32   seen,
               gint64    now)
{
  gboolean is_silent = !owner_says_so (self, id, seen);

  if (!is_silent || mp_load (&self->silent_word[id]) != mp_lock_holder (seen))
    {
      mp_store (&self->silent_word[id], is_silent ? mp_lock_holder (seen) : 0);
      mp_store (&self->silent_since[id], now);
      return FALSE;
    }
  return now - mp_load (&self->silent_since[id]) >= SUSPICIOUS_US;
}

gint64
mp_lock_get_blocker (MpMemory *self)
{
  guint id = mp_load_bounded (&self->blocked_on, MP_N_LOCKS - 1);
  guint participant = mp_lock_owner (mp_load (&self->blocked_word[id]));

  if (participant < MP_N_PARTICIPANTS)
    return mp_load (&mp_memory_participant (self, participant)->pid);
  return participant == MP_RECOVERER ? mp_load (&self->state->recoverer_pid) : 0;
}

/* --- Taking ----------------------------------------------------------------------------- */

static gboolean
exchange (guint32 *lock,
          guint32  expected,
          guint32  word)
{
  return __atomic_compare_exchange_n (lock, &expected, word, FALSE, __ATOMIC_SEQ_CST,
                                      __ATOMIC_RELAXED);
}

static gboolean
take_spinning (guint32 *lock,
               guint32  word)
{
  for (guint i = 0; i < N_PAUSES; i++)
    {
      if (mp_load (lock) == 0 && exchange (lock, 0, word))
        return TRUE;
      mp_pause ();
    }
  return FALSE;
}

/* Changes the word with which this participant has the lock.  Returns FALSE if it has another
 * word. */
static gboolean
change_word (guint32 *lock,
             guint32  word,
             guint32  changed)
{
  guint32 seen = mp_load (lock);

  while (mp_lock_holder (seen) == word)
    if (__atomic_compare_exchange_n (lock, &seen, changed | (seen & MP_LOCK_WAITED), FALSE,
                                     __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
      return TRUE;
  return FALSE;
}

/* Withdraws the announcement of a lock that was taken away just before.  Another thread of this
 * participant may hold the lock by now, whose announcement ours may have overwritten.  Returns
 * whether the lock is ours again: the thief may have given it back before it could see the
 * withdrawal, see give_back (). */
static gboolean
withdraw (MpMemory *self,
          MpLockId  id,
          guint32   word)
{
  guint32 *lock = self->locks[id];
  guint32  seen = mp_lock_holder (mp_load (lock));
  gboolean is_other = seen != word && mp_lock_has_owner_of (seen, word) &&
                      !mp_lock_is_revoked (seen);

  exchange (&mp_memory_participant (self, self->participant)->holds[id], word, is_other ? seen : 0);
  mp_full_barrier ();
  return mp_lock_holder (mp_load (lock)) == word;
}

/* Changing the word is what decides: if the lock was taken away and another thread of this
 * participant has taken it again with the same word, only one of the two succeeds.  A lock that was
 * given back is announced again and not released, since the caller may have it from a dead
 * participant: what it guards has to be repaired first. */
guint32
mp_lock_announce (MpMemory *self,
                  MpLockId  id,
                  guint32   word)
{
  MpParticipant *own = mp_memory_participant (self, self->participant);
  guint32       *lock = self->locks[id];

  for (;;)
    {
      guint32 n_thefts = mp_load (&own->n_thefts);
      guint32 changed = mp_lock_word_after (word, n_thefts);

      MP_STEP ("lock/announcing");
      if (change_word (lock, word, changed))
        {
          word = changed;
          MP_STEP ("lock/changed");
          __atomic_store_n (&own->holds[id], word, __ATOMIC_SEQ_CST);
          if (mp_load (&own->n_thefts) == n_thefts)
            return word;
          continue;
        }

      MP_STEP ("lock/lost");
      if (!withdraw (self, id, word))
        {
          /* The caller waits for whoever has it now. */
          note_blocker (self, id, mp_load (lock), g_get_monotonic_time ());
          return 0;
        }
    }
}

/* Takes the lock if it still has the owner that was seen.  Returns the word with which it was
 * taken, or 0.  The recoverer announces nothing. */
static guint32
take_from (MpMemory *self,
           MpLockId  id,
           guint32   seen,
           guint32   word)
{
  if (!exchange (self->locks[id], seen, word | MP_LOCK_WAITED))
    return 0;
  return mp_lock_owner (word) == MP_RECOVERER ? word : mp_lock_announce (self, id, word);
}

/* Like take_from (), but only if that owner is dead.  Also repairs the state that the lock guards.
 */
static guint32
take_from_dead (MpMemory *self,
                MpLockId  id,
                guint32   seen,
                guint32   word)
{
  if (!owner_is_dead (self, seen) || (word = take_from (self, id, seen, word)) == 0)
    return 0;

  mp_store (&self->found_dead, 1);
  self->repair[id](self);
  return word;
}

/* Gives a revoked lock back to an owner that has announced it by now.  An owner that saw the
 * revocation withdraws its announcement, perhaps just before it gets the lock back, and may wait
 * for us: so it looks at the lock after that, and we look at the announcement.  Returns TRUE if the
 * lock is revoked again, since the owner had not announced it again by then. */
static gboolean
give_back (MpMemory *self,
           MpLockId  id,
           guint32   revoked,
           guint32   given)
{
  MpParticipant *owner = mp_memory_participant (self, mp_lock_owner (given));

  MP_STEP ("lock/returning");
  if (!exchange (self->locks[id], revoked, given | MP_LOCK_WAITED))
    return FALSE;
  mp_full_barrier ();
  return !mp_lock_has_owner_of (mp_load_acquire (&owner->holds[id]), given) &&
         exchange (self->locks[id], given | MP_LOCK_WAITED, revoked);
}

/* Takes the lock from a living participant that has not announced it.  If the owner was just about
 * to do so, either it sees that the lock was revoked, or we see its announcement and give the lock
 * back.  We never hold a lock that may have to be given back: if we were killed, the next one would
 * take it while the owner uses what it guards. */
static guint32
take_from_silent (MpMemory *self,
                  MpLockId  id,
                  guint32   seen,
                  guint32   word)
{
  const struct timespec settle = { 0, SETTLE_NS };
  guint32              *lock = self->locks[id];
  MpParticipant        *owner;
  guint32               revoked, said;

  if (owner_says_so (self, id, seen))
    return 0;
  MP_STEP ("lock/silent");
  /* An owner that gets the lock back has as much time again. */
  mp_store (&self->silent_word[id], 0);

  /* Locks that other threads of that participant take from now on get a different word, and also
   * one different from the revoked one. */
  owner = mp_memory_participant (self, mp_lock_owner (seen));
  revoked = mp_lock_word_after (seen, 1 + __atomic_fetch_add (&owner->n_thefts, 2,
                                                              __ATOMIC_SEQ_CST)) |
            MP_LOCK_WAITED;
  /* If that participant is this one, our own word changes only with the next attempt. */
  if (mp_lock_holder (seen) == word || !exchange (lock, seen, revoked))
    return 0;
  MP_STEP ("lock/revoked");

  ppoll (NULL, 0, &settle, NULL);
  said = mp_load_acquire (&owner->holds[id]);
  if (mp_lock_has_owner_of (said, seen) &&
      !give_back (self, id, revoked, mp_lock_is_revoked (seen) ? said : mp_lock_holder (seen)))
    return 0;
  word = take_from (self, id, revoked, word);
  if (word != 0)
    self->repair[id](self);
  return word;
}

/* Sets MP_LOCK_WAITED in the lock.  Returns its new value, or 0 if it was released meanwhile. */
static guint32
mark_waited (guint32 *lock)
{
  guint32 seen = mp_load (lock);

  while (seen != 0 && (seen & MP_LOCK_WAITED) == 0 &&
         !__atomic_compare_exchange_n (lock, &seen, seen | MP_LOCK_WAITED, FALSE,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    ;
  return seen == 0 ? 0 : seen | MP_LOCK_WAITED;
}

/* Slow path of taking a lock that was not free.  Gives up after PATIENCE_US, or at once if the same
 * holder was found in the way shortly before. */
guint32
mp_lock_take_slow (MpMemory *self,
                   MpLockId  id,
                   guint32   word)
{
  guint32 *lock = self->locks[id];
  guint32  own = word;
  gint64   wait_us = FIRST_WAIT_US;
  gint64   begin = 0;

  for (;;)
    {
      guint32 seen, taken = 0;
      int     result;
      gint64  now;

      if (take_spinning (lock, own))
        return word;
      seen = mark_waited (lock);
      if (seen == 0)
        continue;

      /* Other threads may still wait, so a thread that takes the lock after waiting keeps the flag.
       */
      own = word | MP_LOCK_WAITED;
      if (begin == 0)
        begin = g_get_monotonic_time ();
      result = mp_futex_wait (lock, seen, wait_us);
      now = g_get_monotonic_time ();
      /* A holder that has released it in between is not stuck, even if it has it again. */
      if (result == 0 || result == EAGAIN)
        mp_store (&self->blocked_word[id], 0);
      if (result == ETIMEDOUT)
        taken = take_from_dead (self, id, seen, word);
      if (result == ETIMEDOUT && taken == 0 && is_suspicious (self, id, seen, now))
        taken = take_from_silent (self, id, seen, word);
      if (taken != 0)
        return taken;

      if (now - begin >= PATIENCE_US || is_known_blocker (self, id, seen, now))
        {
          /* On a busy machine, this thread may have run again long after the release. */
          if (take_spinning (lock, own))
            return word;
          note_blocker (self, id, seen, now);
          return 0;
        }
      wait_us = MIN (wait_us * 2, LONGEST_WAIT_US);
    }
}

MpLockWait
mp_lock_await (MpMemory     *self,
               gint64        deadline,
               GCancellable *cancellable)
{
  guint    id = mp_load_bounded (&self->blocked_on, MP_N_LOCKS - 1);
  guint32 *lock = self->locks[id];
  gint64   wait_us = FIRST_WAIT_US;

  for (;;)
    {
      gint64  left = deadline < 0 ? G_MAXINT64 : deadline - g_get_monotonic_time ();
      guint32 seen;

      if (cancellable != NULL && g_cancellable_is_cancelled (cancellable))
        return MP_LOCK_WAIT_CANCELLED;
      if (left <= 0)
        return MP_LOCK_WAIT_TIMED_OUT;

      seen = mark_waited (lock);
      /* A holder that has released the lock is running, so it is not stuck if it takes it again. */
      if (seen == 0)
        mp_store (&self->blocked_word[id], 0);
      if (seen == 0 || mp_lock_holder (seen) != mp_load (&self->blocked_word[id]))
        return MP_LOCK_WAIT_OVER;

      switch (mp_futex_wait (lock, seen, MIN (wait_us, left)))
        {
        case EINTR:
          /* A call that goes on waiting has been blocked since the same time. */
          mp_store (&self->blocked_at[id], g_get_monotonic_time ());
          return MP_LOCK_WAIT_INTERRUPTED;
        case ETIMEDOUT:
          if (owner_is_dead (self, seen) ||
              is_suspicious (self, id, seen, g_get_monotonic_time ()))
            return MP_LOCK_WAIT_OVER;
          break;
        default:
          /* It was released, and perhaps taken again. */
          mp_store (&self->blocked_word[id], 0);
          return MP_LOCK_WAIT_OVER;
        }
      wait_us = MIN (wait_us * 2, LONGEST_LOOK_US);
    }
}

gint64
mp_lock_extend_deadline (MpMemory *self,
                         gint64    deadline,
                         gint64    grace_us)
{
  guint  id = mp_load_bounded (&self->blocked_on, MP_N_LOCKS - 1);
  gint64 patient = mp_load (&self->blocked_since[id]) + grace_us;

  return deadline < 0 ? deadline : MAX (deadline, patient);
}

void
mp_lock_pass_on (MpMemory *self)
{
  guint id = mp_load_bounded (&self->blocked_on, MP_N_LOCKS - 1);

  mp_futex_wake (self->locks[id], 1);
}

gboolean
mp_lock_take_patiently (MpMemory *self,
                        MpLockId  id)
{
  while (!mp_lock_take (self, id))
    {
      gint64 deadline = mp_lock_extend_deadline (self, 0, MP_LOCK_GRACE_US);

      if (mp_lock_await (self, deadline, NULL) == MP_LOCK_WAIT_TIMED_OUT)
        return FALSE;
    }
  return TRUE;
}

/* --- Releasing -------------------------------------------------------------------------- */

/* Whether the lock was taken away because this participant had not announced it in time. */
static gboolean
was_taken_away (MpMemory *self,
                guint32   word)
{
  guint participant = mp_lock_owner (word);
  guint n_thefts;

  if (participant >= MP_N_PARTICIPANTS)
    return FALSE;

  n_thefts = mp_load (&mp_memory_participant (self, participant)->n_thefts);
  return mp_lock_word_after (word, n_thefts) != word;
}

/* Releases a lock for which others wait, or whose word has changed.  A change other than a
 * revocation means that the memory was corrupted. */
void
mp_lock_release_slow (MpMemory *self,
                      MpLockId  id,
                      guint32   word)
{
  guint32 *lock = self->locks[id];
  guint32  seen = mp_load (lock);

  do
    if (mp_lock_holder (seen) != word)
      {
        if (!was_taken_away (self, word))
          mp_memory_set_damaged (self);
        return;
      }
  while (!__atomic_compare_exchange_n (lock, &seen, 0, FALSE, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));

  mp_futex_wake (lock, 1);
  if (mp_load (&self->state->given_up) != 0 &&
      __atomic_exchange_n (&self->state->given_up, 0, __ATOMIC_SEQ_CST) != 0)
    mp_waiters_wake_all (self);
}

/* Whether the holder that blocked us last still holds the lock.  If so, `given_up` is set, so that
 * the release wakes all waiters; a caller that gets TRUE can therefore go to sleep. */
gboolean
mp_lock_is_stuck (MpMemory *self,
                  MpLockId  id)
{
  guint32 blocked = mp_load (&self->blocked_word[id]);

  if (G_LIKELY (blocked == 0))
    return FALSE;
  if (mp_lock_holder (mp_load (self->locks[id])) == blocked)
    {
      __atomic_store_n (&self->state->given_up, 1, __ATOMIC_SEQ_CST);
      if (mp_lock_holder (mark_waited (self->locks[id])) == blocked)
        return TRUE;
    }
  mp_store (&self->blocked_word[id], 0);
  return FALSE;
}
