/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* Who sleeps until a condition may hold, and who wakes them.
 *
 * A sleeper reads its futex word, then sets its bit, then looks once more, then sleeps.  A
 * waker takes a bit off, and only if that was set changes the word.  So a wake-up that was
 * meant for somebody is either slept for or found in the word.  Bits, not counters: those
 * of the dead can be cleared. */

guint mp_waiters_claim_slot (MpMemory *memory);
void  mp_waiters_release_slot (MpMemory *memory,
                               guint     slot);
void  mp_waiters_wake_slow (MpMemory        *memory,
                            MpQueueCondition condition,
                            guint            n);
/* Without the main loops. */
void mp_waiters_wake_threads (MpMemory        *memory,
                              MpQueueCondition condition,
                              guint            n);
void mp_waiters_wake_all (MpMemory *memory);
/* After the death of a waker, also those whose wake-ups it had taken. */
void mp_waiters_wake_everyone (MpMemory *memory);
/* Makes one sleeping thread look what else is to do. */
void mp_waiters_nudge (MpMemory *memory);
/* Says that @n wake-ups are being given: who is killed in between may have taken some that
 * nobody else knows of. */
void mp_waiters_begin_waking (MpMemory *memory,
                              guint32   n);
void mp_waiters_end_waking (MpMemory *memory,
                            guint32   n);
/* Returns whether somebody was asleep there. */
gboolean mp_waiters_wake_slot (MpMemory *memory,
                               guint     slot);
/* How many wait for whatever. */
guint mp_waiters_count (MpMemory *memory);
void  mp_waiters_forget (MpMemory *memory,
                         guint     participant);

/* Sets a bit of a slot: of sleepers, or of main loops. */
void mp_waits_set (MpWaits *waits,
                   guint    slot,
                   gboolean sleeping);
/* Takes it off.  Returns whether it was set. */
gboolean mp_waits_clear (MpWaits *waits,
                         guint    slot,
                         gboolean sleeping);

static inline gboolean
mp_waits_is_armed (const MpWaits *waits,
                   guint          slot)
{
  return (mp_load (&waits->words[slot / 64].armed) >> (slot % 64) & 1) != 0;
}

static inline guint
mp_waits_count_words (const MpWaits *waits)
{
  return MIN (mp_load (&waits->n_words), MP_N_WAIT_WORDS);
}

static inline guint
mp_waits_count_sleeping (const MpWaits *waits)
{
  guint n_words = mp_waits_count_words (waits);
  guint n = 0;

  for (guint i = 0; i < n_words; i++)
    n += (guint) __builtin_popcountll (mp_load (&waits->words[i].sleeping));
  return n;
}

static inline gboolean
mp_waits_has_sleeping (const MpWaits *waits)
{
  guint   n_words = mp_waits_count_words (waits);
  guint64 any = 0;

  for (guint i = 0; i < n_words; i++)
    any |= mp_load (&waits->words[i].sleeping);
  return any != 0;
}

/* Wakes @n threads and every main loop that wait for @condition.  To be called after a
 * full barrier. */
static inline void
mp_waiters_wake (MpMemory        *memory,
                 MpQueueCondition condition,
                 guint            n)
{
  MpWaits *waits = memory->waits[condition];
  guint64  any = 0;
  guint    n_words;

  mp_full_barrier ();
  n_words = mp_waits_count_words (waits);
  for (guint i = 0; i < n_words; i++)
    any |= mp_load (&waits->words[i].sleeping) | mp_load (&waits->words[i].armed);
  if (G_UNLIKELY (any != 0))
    mp_waiters_wake_slow (memory, condition, n);
}

G_END_DECLS
