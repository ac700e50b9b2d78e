/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* Threads and main loops that wait for a condition, and how they are woken.
 *
 * A sleeper reads its futex word, sets its bit, checks the condition once more, and sleeps.  A
 * waker clears a bit, and changes the word only if the bit was set.  So each wake-up either ends a
 * sleep or is noticed by the changed word.  Bits and not counters, so that those of dead waiters
 * can be cleared. */

guint mp_waiters_claim_slot (MpMemory *memory);
void  mp_waiters_release_slot (MpMemory *memory,
                               guint     slot);
/* Claims a slot for a thread that waits, whose handle was served @served times.  Returns
 * MP_N_WAITERS if all are taken. */
guint mp_waiters_begin (MpMemory        *memory,
                        MpQueueCondition condition,
                        guint32          served);
void  mp_waiters_end (MpMemory        *memory,
                      MpQueueCondition condition,
                      guint            slot);
void  mp_waiters_wake_slow (MpMemory        *memory,
                            MpQueueCondition condition,
                            guint            n);
/* Wakes the thread of that slot, if it still sleeps. */
void mp_waiters_wake_one (MpMemory        *memory,
                          MpQueueCondition condition,
                          guint            slot);
/* Like mp_waiters_wake_slow (), but only for threads, not for main loops. */
void mp_waiters_wake_threads (MpMemory        *memory,
                              MpQueueCondition condition,
                              guint            n);
void mp_waiters_wake_all (MpMemory *memory);
/* For use after a waker has died: also wakes the waiters whose bits it had already cleared. */
void mp_waiters_wake_everyone (MpMemory *memory);
/* Interrupts one sleeping thread, so that it checks whether a watcher is wanted. */
void mp_waiters_nudge (MpMemory *memory);
/* Records in this participant's slot that @n wake-ups are in progress.  If it is killed between
 * clearing a bit and waking the waiter, the recoverer knows that all waiters have to be woken. */
void mp_waiters_begin_waking (MpMemory *memory,
                              guint32   n);
void mp_waiters_end_waking (MpMemory *memory,
                            guint32   n);
/* Returns whether a thread was asleep there. */
gboolean mp_waiters_wake_slot (MpMemory *memory,
                               guint     slot);
/* The number of waiters for any condition. */
guint mp_waiters_count (MpMemory *memory);
/* Frees the slots of the participants that are marked in @whose. */
void mp_waiters_forget (MpMemory     *memory,
                        const guint8 *whose);

/* What a bit of a slot says. */
typedef enum
{
  MP_WAITS_SLEEPING,
  MP_WAITS_ARMED,
  MP_WAITS_WAITING,
} MpWaitsKind;

void mp_waits_set (MpWaits    *waits,
                   guint       slot,
                   MpWaitsKind kind);
/* Returns whether it was set. */
gboolean mp_waits_clear (MpWaits    *waits,
                         guint       slot,
                         MpWaitsKind kind);

/* To be called by a sleeper that was woken in vain and has set its bit again: it keeps its place,
 * that is, it is woken next. */
void mp_waits_keep_turn (MpWaits *waits,
                         guint    slot);

static inline gboolean
mp_waits_is_armed (const MpWaits *waits,
                   guint          slot)
{
  return (mp_load (&waits->words[slot / 64].armed) >> (slot % 64) & 1) != 0;
}

static inline gboolean
mp_waits_is_sleeping (const MpWaits *waits,
                      guint          slot)
{
  return (mp_load (&waits->words[slot / 64].sleeping) >> (slot % 64) & 1) != 0;
}

static inline guint
mp_waits_count_words (const MpWaits *waits)
{
  return mp_load_bounded (&waits->n_words, MP_N_WAIT_WORDS);
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
mp_waits_has_waiting (const MpWaits *waits)
{
  guint   n_words = mp_waits_count_words (waits);
  guint64 any = 0;

  for (guint i = 0; i < n_words; i++)
    any |= mp_load (&waits->words[i].waiting);
  return any != 0;
}

/* Wakes @n threads and all main loops that wait for @condition.  The caller has just executed a
 * locked instruction: see mp_full_barrier (). */
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
