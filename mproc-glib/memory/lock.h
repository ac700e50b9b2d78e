/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "futex.h"
#include "memory.h"
#include "step.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* A lock is one word: its owner (participant plus one, 13 bits), the generation of that participant
 * (10 bits), how many locks were taken away from it (8 bits), and whether threads wait (the top
 * bit).  Locks nest in the order head, tail, arena.
 *
 * The holder may be stopped by a signal, so taking a lock fails after a few milliseconds.  The
 * operation then undoes what it did, releases the outer lock, and waits without holding any lock,
 * for as long as the caller's timeout allows.
 *
 * Each participant announces in its slot which locks it holds, by a word that is written after the
 * lock was taken and cleared before it is released.  So a lock whose owner has not announced it was
 * either taken just now, or a stray write has corrupted its word.  If this lasts, another
 * participant takes the lock away, in two steps.  First it increases n_thefts of the owner and
 * revokes the lock: its word still names that owner, but with a number of thefts that the owner
 * never uses itself, an odd one.  An owner that was about to announce the lock sees the increase,
 * checks the lock, and fails before it has touched what the lock guards.  An owner that announced
 * it at that very moment keeps it: it gets its word back.  Otherwise the lock is taken in the
 * second step.  If the thief is killed in between, the lock still has its owner, and the next thief
 * does the same. */

#define MP_LOCK_WAITED          (1u << 31)
#define MP_LOCK_OWNER_BITS      13
#define MP_LOCK_GENERATION_BITS 10
#define MP_LOCK_THEFTS_SHIFT    (MP_LOCK_OWNER_BITS + MP_LOCK_GENERATION_BITS)

G_STATIC_ASSERT (MP_RECOVERER + 1 < 1 << MP_LOCK_OWNER_BITS);
G_STATIC_ASSERT (MP_N_LOCKS == G_N_ELEMENTS (((MpParticipant *) NULL)->holds));

static inline guint32
mp_lock_word (guint   participant,
              guint32 generation)
{
  return (participant + 1) |
         (generation & ((1u << MP_LOCK_GENERATION_BITS) - 1)) << MP_LOCK_OWNER_BITS;
}

static inline guint
mp_lock_owner (guint32 word)
{
  return (word & ((1u << MP_LOCK_OWNER_BITS) - 1)) - 1;
}

/* The word of the same owner after @n_thefts thefts. */
static inline guint32
mp_lock_word_after (guint32 word,
                    guint32 n_thefts)
{
  return (word & ((1u << MP_LOCK_THEFTS_SHIFT) - 1)) | (n_thefts & 0xff) << MP_LOCK_THEFTS_SHIFT;
}

/* Whether both words name the same owner of the same generation, whatever the number of thefts. */
static inline gboolean
mp_lock_has_owner_of (guint32 word,
                      guint32 other)
{
  return mp_lock_word_after (word, 0) == mp_lock_word_after (other, 0);
}

static inline gboolean
mp_lock_is_revoked (guint32 word)
{
  return (word >> MP_LOCK_THEFTS_SHIFT & 1) != 0;
}

/* The word without the flag that waiters set. */
static inline guint32
mp_lock_holder (guint32 word)
{
  return word & ~MP_LOCK_WAITED;
}

/* Returns the word with which the lock was taken, or 0. */
guint32 mp_lock_take_slow (MpMemory *self,
                           MpLockId  id,
                           guint32   word);
/* Announces that this participant holds the lock.  Returns the word with which it holds it from now
 * on, or 0 if it was taken away meanwhile. */
guint32 mp_lock_announce (MpMemory *self,
                          MpLockId  id,
                          guint32   word);
void    mp_lock_release_slow (MpMemory *self,
                              MpLockId  id,
                              guint32   word);

static inline gboolean
mp_lock_try (guint32 *lock,
             guint32  word)
{
  guint32 unlocked = 0;

  return G_LIKELY (__atomic_compare_exchange_n (lock, &unlocked, word, FALSE, __ATOMIC_ACQUIRE,
                                                __ATOMIC_RELAXED));
}

/* Takes a lock with another word than the handle's own, which only the recoverer does. */
static inline gboolean
mp_lock_take_as (MpMemory *self,
                 MpLockId  id,
                 guint32   word)
{
  if (!mp_lock_try (self->locks[id], word) && mp_lock_take_slow (self, id, word) == 0)
    return FALSE;

  MP_STEP ("lock/taken");
  return TRUE;
}

/* Also a full barrier: earlier stores are visible before the caller checks for waiters. */
static inline void
mp_lock_release_as (MpMemory *self,
                    MpLockId  id,
                    guint32   word)
{
  guint32 mine = word;

  if (G_UNLIKELY (!__atomic_compare_exchange_n (self->locks[id], &mine, 0, FALSE, __ATOMIC_SEQ_CST,
                                                __ATOMIC_RELAXED)))
    mp_lock_release_slow (self, id, word);
  MP_STEP ("lock/released");
}

/* Returns FALSE if the holder does not release it in time; the caller then releases all other locks
 * and calls mp_lock_await (). */
static inline gboolean
mp_lock_take (MpMemory *self,
              MpLockId  id)
{
  MpParticipant *own = mp_memory_participant (self, self->participant);
  guint32        n_thefts = mp_load (&own->n_thefts);
  guint32        word = mp_lock_word_after (self->lock_word, n_thefts);

  MP_STEP ("lock/taking");
  if (!mp_lock_try (self->locks[id], word) && (word = mp_lock_take_slow (self, id, word)) == 0)
    return FALSE;
  MP_STEP ("lock/taken");
  mp_store (&own->holds[id], word);
  __atomic_signal_fence (__ATOMIC_SEQ_CST);
  /* n_thefts is increased before a lock is taken away, so comparing it is enough.  Reading the
   * lock's word here, right after the locked instruction on it, would cost about 3 ns more. */
  if (G_UNLIKELY (mp_load (&own->n_thefts) != n_thefts) &&
      (word = mp_lock_announce (self, id, word)) == 0)
    return FALSE;

  self->held[id] = word;
  return TRUE;
}

static inline void
mp_unlock (MpMemory *self,
           MpLockId  id)
{
  guint32 word = self->held[id];

  /* A thief that does not see the lock announced any more sees all that was done under it. */
  mp_store_release (&mp_memory_participant (self, self->participant)->holds[id], 0);
  mp_lock_release_as (self, id, word);
}

typedef enum
{
  MP_LOCK_WAIT_OVER, /* try to take the lock again */
  MP_LOCK_WAIT_TIMED_OUT,
  MP_LOCK_WAIT_CANCELLED,
  MP_LOCK_WAIT_INTERRUPTED, /* a signal handler ran */
} MpLockWait;

/* To be called after a lock could not be taken, and without holding any.  Waits until the lock is
 * released, or its holder has died or changed. */
MpLockWait mp_lock_await (MpMemory     *self,
                          gint64        deadline,
                          GCancellable *cancellable);
/* The least time that a call waits for a lock, even if it is not to wait for a message: most
 * holders release it soon. */
#define MP_LOCK_GRACE_US 20000

/* Extends the deadline to @grace_us after the lock was found with its present holder. */
gint64 mp_lock_extend_deadline (MpMemory *self,
                                gint64    deadline,
                                gint64    grace_us);
/* Wakes the next thread that waits for the lock.  To be called after mp_lock_await () and a
 * successful operation. */
void mp_lock_pass_on (MpMemory *self);
/* The pid of the process that held the lock that could not be taken, or 0. */
gint64 mp_lock_get_blocker (MpMemory *self);
/* Whether the lock could not be taken lately and still has the same holder.  If so, all waiters of
 * the queue are woken when it is released. */
gboolean mp_lock_is_stuck (MpMemory *self,
                           MpLockId  id);

/* Takes the lock, waiting up to MP_LOCK_GRACE_US.  The caller holds no other lock. */
gboolean mp_lock_take_patiently (MpMemory *self,
                                 MpLockId  id);

G_END_DECLS
