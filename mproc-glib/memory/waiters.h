/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* Who sleeps until a condition may hold, and who wakes them.
 *
 * A sleeper reads its futex word, then sets its bit, then looks once more, then sleeps.  A
 * waker takes a bit off, and only if that was set changes the word.  So a wake-up that was
 * meant for somebody is either slept for or found in the word.  Bits, not counters: those
 * of the dead can be cleared. */

typedef enum
{
  MP_SLEEP_WOKEN,
  MP_SLEEP_SLICE, /* time to see who died meanwhile */
  MP_SLEEP_TIMED_OUT,
  MP_SLEEP_INTERRUPTED, /* a signal handler ran */
} MpSleepResult;

typedef struct
{
  MpMemory     *memory;
  MpWaitsKind   condition;
  guint         slot; /* MP_N_WAITERS when the table was full */
  guint32       seen;
  GCancellable *cancellable;
  gulong        cancelled_id;
} MpSleeper;

void mp_sleeper_begin (MpSleeper    *self,
                       MpMemory     *memory,
                       MpWaitsKind   condition,
                       GCancellable *cancellable);
void mp_sleeper_arm (MpSleeper *self);
/* Whether the bit was still there: if not, a waker has spent its wake-up on us. */
gboolean      mp_sleeper_disarm (MpSleeper *self);
MpSleepResult mp_sleeper_sleep (MpSleeper *self,
                                gint64     deadline);
/* When it was last woken, in nanoseconds of monotonic time. */
gint64 mp_sleeper_get_woken_at (MpSleeper *self);
void   mp_sleeper_end (MpSleeper *self);

guint mp_waiters_claim_slot (MpMemory *memory);
void  mp_waiters_release_slot (MpMemory *memory,
                               guint     slot);
void  mp_waiters_wake_slow (MpMemory   *memory,
                            MpWaitsKind condition,
                            guint       n);
void  mp_waiters_wake_all (MpMemory *memory);
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

/* Wakes @n threads and every main loop that wait for @condition.  To be called after a
 * full barrier. */
static inline void
mp_waiters_wake (MpMemory   *memory,
                 MpWaitsKind condition,
                 guint       n)
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
