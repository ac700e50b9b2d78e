/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "lock.h"

#include "liveness.h"

#include "base/mp-spin.h"

#define N_PAUSES        30
#define FIRST_WAIT_US   100
#define LONGEST_WAIT_US 2000

static gboolean
try_take (guint32 *lock,
          guint32  expected,
          guint32  word)
{
  return __atomic_compare_exchange_n (lock, &expected, word, FALSE, __ATOMIC_ACQUIRE,
                                      __ATOMIC_RELAXED);
}

static gboolean
take_spinning (guint32 *lock,
               guint32  word)
{
  for (guint i = 0; i < N_PAUSES; i++)
    {
      if (mp_load (lock) == 0 && try_take (lock, 0, word))
        return TRUE;
      mp_pause ();
    }
  return FALSE;
}

static gboolean
owner_is_dead (MpMemory *self,
               guint32   word)
{
  guint participant = mp_lock_owner (word);

  /* A word that nobody can have written is nobody's. */
  if (participant > MP_RECOVERER)
    return TRUE;

  /* Recoverers share one lock that says that they live: the word tells the present one
   * from those before it. */
  if (participant == MP_RECOVERER &&
      (word & ~MP_LOCK_WAITED) != mp_lock_word (MP_RECOVERER, mp_load (&self->state->recoverer)))
    return TRUE;

  return !mp_liveness_is_alive (self, participant);
}

/* Takes the lock from exactly the dead owner that was seen, and repairs what it guards. */
static gboolean
take_from_dead (MpMemory *self,
                MpLockId  id,
                guint32   seen,
                guint32   word)
{
  if (!owner_is_dead (self, seen) || !try_take (self->locks[id], seen, word | MP_LOCK_WAITED))
    return FALSE;

  mp_store (&self->found_dead, 1);
  self->repair[id](self);
  return TRUE;
}

/* Takes a lock that was not free at once. */
void
mp_lock_wait (MpMemory *self,
              MpLockId  id,
              guint32   word)
{
  guint32 *lock = self->locks[id];
  gint64   wait_us = FIRST_WAIT_US;

  for (;;)
    {
      guint32 seen;

      if (take_spinning (lock, word))
        return;

      seen = mp_load (lock);
      if (seen == 0)
        continue;
      if ((seen & MP_LOCK_WAITED) == 0)
        {
          if (!try_take (lock, seen, seen | MP_LOCK_WAITED))
            continue;
          seen |= MP_LOCK_WAITED;
        }

      if (mp_futex_wait (lock, seen, wait_us) == ETIMEDOUT)
        {
          if (take_from_dead (self, id, seen, word))
            return;
          wait_us = MIN (wait_us * 2, LONGEST_WAIT_US);
        }

      /* Others may still wait: who takes it after a wait says so for them. */
      if (try_take (lock, 0, word | MP_LOCK_WAITED))
        return;
    }
}
