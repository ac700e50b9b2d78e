/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "futex.h"
#include "memory.h"
#include "step.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* A lock is a word: who owns it (participant plus one, 13 bits), the generation of that
 * participant (10 bits), how many locks were taken away from it (8 bits), and whether somebody
 * waits (the top bit).  They nest in the order head, tail, arena.
 *
 * Nobody waits for long: who holds a lock may be stopped.  Taking one fails after a few
 * milliseconds; what was begun under an outer lock is then undone, the outer lock released, and
 * the caller waits, holding nothing, as long as its own caller allows.
 *
 * Each participant says in its slot which locks it holds.  Those words are written with the lock
 * in hand, hence after it was taken and before it is released.  So a lock whose owner does not
 * say that it holds it was either taken this instant or is nobody's: a stray store named its
 * owner.  Who finds it so for a while takes it away; who was about to say so then finds that
 * one more was taken away from it, looks into the lock, and has touched nothing yet. */

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

/* What is left of a word without what waiters do to it. */
static inline guint32
mp_lock_holder (guint32 word)
{
  return word & ~MP_LOCK_WAITED;
}

gboolean mp_lock_take_slow (MpMemory *self,
                            MpLockId  id,
                            guint32   word);
void     mp_lock_unsay (MpMemory *self,
                        MpLockId  id,
                        guint32   word);
void     mp_lock_release_slow (MpMemory *self,
                               MpLockId  id,
                               guint32   word);

/* For the recoverer, who has a word of its own. */
static inline gboolean
mp_lock_take_as (MpMemory *self,
                 MpLockId  id,
                 guint32   word)
{
  guint32 unlocked = 0;

  if (G_UNLIKELY (!__atomic_compare_exchange_n (self->locks[id], &unlocked, word, FALSE,
                                                __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) &&
      !mp_lock_take_slow (self, id, word))
    return FALSE;

  MP_STEP ("lock/taken");
  return TRUE;
}

/* A full barrier too: what was written before is visible before the caller looks who
 * waits for it. */
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

/* FALSE when it was taken away meanwhile. */
static inline gboolean
mp_lock_say (MpMemory *self,
             MpLockId  id,
             guint32   word)
{
  mp_store (&mp_memory_participant (self, self->participant)->holds[id], word);
  __atomic_signal_fence (__ATOMIC_SEQ_CST);
  if (G_LIKELY (mp_lock_holder (mp_load (self->locks[id])) == word))
    return TRUE;

  mp_lock_unsay (self, id, word);
  return FALSE;
}

/* FALSE when who holds it does not go on: see mp_lock_await (). */
static inline gboolean
mp_lock_take (MpMemory *self,
              MpLockId  id)
{
  MpParticipant *own = mp_memory_participant (self, self->participant);
  guint32        n_thefts = mp_load (&own->n_thefts);
  guint32        word = self->lock_word ^ (n_thefts & 0xff) << MP_LOCK_THEFTS_SHIFT;

  if (G_UNLIKELY (!mp_lock_take_as (self, id, word)))
    return FALSE;
  mp_store (&own->holds[id], word);
  __atomic_signal_fence (__ATOMIC_SEQ_CST);
  /* A theft is counted before it is done.  Reading the lock's word here, right after the locked
   * operation on it, would cost about 3 ns more. */
  if (G_UNLIKELY (mp_load (&own->n_thefts) != n_thefts) && !mp_lock_say (self, id, word))
    return FALSE;

  self->held[id] = word;
  return TRUE;
}

static inline void
mp_unlock (MpMemory *self,
           MpLockId  id)
{
  guint32 word = self->held[id];

  mp_store (&mp_memory_participant (self, self->participant)->holds[id], 0);
  mp_lock_release_as (self, id, word);
}

typedef enum
{
  MP_LOCK_WAIT_OVER, /* try again */
  MP_LOCK_WAIT_TIMED_OUT,
  MP_LOCK_WAIT_CANCELLED,
  MP_LOCK_WAIT_INTERRUPTED, /* a signal handler ran */
} MpLockWait;

/* After a lock could not be taken, and with none held: waits until there is hope. */
MpLockWait mp_lock_await (MpMemory     *self,
                          gint64        deadline,
                          GCancellable *cancellable);
/* Not before a while has passed since it was found held: most holders go on soon. */
gint64 mp_lock_extend_deadline (MpMemory *self,
                                gint64    deadline);
/* After waiting, and taking and releasing it: the others that wait come next. */
void mp_lock_pass_on (MpMemory *self);
/* Who held it, or 0. */
gint64 mp_lock_get_blocker (MpMemory *self);
/* Whether it could not be taken lately, and is still held by the same; all waiters are then
 * woken when it is released. */
gboolean mp_lock_is_stuck (MpMemory *self,
                           MpLockId  id);

/* Takes it with none held, if its holder goes on soon. */
gboolean mp_lock_take_patiently (MpMemory *self,
                                 MpLockId  id);

G_END_DECLS
