/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "futex.h"
#include "memory.h"
#include "step.h"

G_BEGIN_DECLS

/* A lock is a word: who owns it (participant plus one, 13 bits), the generation of that
 * participant (18 bits), and whether somebody waits (the top bit).  They nest in the order
 * head, tail, arena. */

#define MP_LOCK_WAITED     (1u << 31)
#define MP_LOCK_OWNER_BITS 13

G_STATIC_ASSERT (MP_RECOVERER + 1 < 1 << MP_LOCK_OWNER_BITS);

static inline guint32
mp_lock_word (guint   participant,
              guint32 generation)
{
  return (participant + 1) | (generation << MP_LOCK_OWNER_BITS & ~MP_LOCK_WAITED);
}

static inline guint
mp_lock_owner (guint32 word)
{
  return (word & ((1u << MP_LOCK_OWNER_BITS) - 1)) - 1;
}

void mp_lock_wait (MpMemory *self,
                   MpLockId  id,
                   guint32   word);

static inline void
mp_lock_as (MpMemory *self,
            MpLockId  id,
            guint32   word)
{
  guint32 unlocked = 0;

  if (G_UNLIKELY (!__atomic_compare_exchange_n (self->locks[id], &unlocked, word, FALSE,
                                                __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
    mp_lock_wait (self, id, word);
  MP_STEP ("lock/taken");
}

static inline void
mp_lock (MpMemory *self,
         MpLockId  id)
{
  mp_lock_as (self, id, self->lock_word);
}

/* A full barrier too: what was written before is visible before the caller looks who
 * waits for it. */
static inline void
mp_unlock (MpMemory *self,
           MpLockId  id)
{
  guint32 old = __atomic_exchange_n (self->locks[id], 0, __ATOMIC_SEQ_CST);

  MP_STEP ("lock/released");
  if (G_UNLIKELY (old & MP_LOCK_WAITED))
    mp_futex_wake (self->locks[id], 1);
}

G_END_DECLS
