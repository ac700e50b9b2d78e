/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "waiters.h"

#include "futex.h"
#include "step.h"

#include "base/mp-spin.h"

/* Nobody sleeps longer without looking who died: a waker may be killed between its commit
 * and its wake-up. */
#define SLICE_US (100 * 1000)

/* With every slot taken, sleepers look again this often. */
#define WITHOUT_SLOT_US (5 * 1000)

/* Before a bit is set: a waker that does not see the number has committed what it wakes for
 * before the waiter's last look. */
static void
cover (guint32 *number,
       guint32  wanted)
{
  guint32 seen = mp_load (number);

  while (seen < wanted && !__atomic_compare_exchange_n (number, &seen, wanted, FALSE,
                                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    ;
}

static guint64
bit_of (guint slot)
{
  return G_GUINT64_CONSTANT (1) << (slot % 64);
}

static guint64 *
word_of (MpWaits *waits,
         guint    slot,
         gboolean sleeping)
{
  MpWaitWord *word = &waits->words[slot / 64];

  return sleeping ? &word->sleeping : &word->armed;
}

void
mp_waits_set (MpWaits *waits,
              guint    slot,
              gboolean sleeping)
{
  cover (&waits->n_words, slot / 64 + 1);
  __atomic_fetch_or (word_of (waits, slot, sleeping), bit_of (slot), __ATOMIC_SEQ_CST);
}

gboolean
mp_waits_clear (MpWaits *waits,
                guint    slot,
                gboolean sleeping)
{
  return (__atomic_fetch_and (word_of (waits, slot, sleeping), ~bit_of (slot), __ATOMIC_SEQ_CST) &
          bit_of (slot)) != 0;
}

/* Returns MP_N_WAITERS when all are taken. */
guint
mp_waiters_claim_slot (MpMemory *memory)
{
  for (guint i = 0; i < MP_N_WAITERS; i++)
    {
      MpWaiter *waiter = mp_memory_waiter (memory, i);
      guint32   unowned = 0;

      if (mp_load (&waiter->owner) != 0)
        continue;
      cover (&memory->state->n_waiters, i + 1);
      if (__atomic_compare_exchange_n (&waiter->owner, &unowned, memory->participant + 1, FALSE,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return i;
    }
  return MP_N_WAITERS;
}

void
mp_waiters_release_slot (MpMemory *memory,
                         guint     slot)
{
  if (slot < MP_N_WAITERS)
    mp_store_release (&mp_memory_waiter (memory, slot)->owner, 0);
}

static void
bump (MpMemory *memory,
      guint     slot)
{
  MpWaiter *waiter = mp_memory_waiter (memory, slot);

  __atomic_fetch_add (&waiter->futex, 1, __ATOMIC_SEQ_CST);
  MP_STEP ("wake/bumped");
}

static gboolean
wake_slot (MpMemory *memory,
           guint     slot)
{
  mp_store (&mp_memory_waiter (memory, slot)->woken_at, mp_spin_now ());
  bump (memory, slot);
  return mp_futex_wake (&mp_memory_waiter (memory, slot)->futex, 1) > 0;
}

static void
ring_bell (MpMemory *memory)
{
  const guint64 one = 1;

  while (write (memory->bell_fd, &one, sizeof one) == -1 && errno == EINTR)
    ;
}

static void
wake_sleepers (MpMemory *memory,
               MpWaits  *waits,
               guint     n)
{
  guint n_words = mp_waits_count_words (waits);

  for (guint i = 0; i < n_words; i++)
    {
      guint64 bits = mp_load (&waits->words[i].sleeping);

      while (bits != 0 && n > 0)
        {
          guint slot = i * 64 + (guint) __builtin_ctzll (bits);

          bits &= bits - 1;
          if (mp_waits_clear (waits, slot, TRUE))
            {
              MP_STEP ("wake/taken");
              /* Who was not asleep yet may also be dead: then the next one has to know. */
              if (wake_slot (memory, slot))
                n--;
            }
        }
    }
}

static void
wake_loops (MpMemory *memory,
            MpWaits  *waits)
{
  guint64 armed = 0;
  guint   n_words = mp_waits_count_words (waits);

  for (guint i = 0; i < n_words; i++)
    if (mp_load (&waits->words[i].armed) != 0)
      armed |= __atomic_exchange_n (&waits->words[i].armed, 0, __ATOMIC_SEQ_CST);
  if (armed != 0)
    ring_bell (memory);
}

void
mp_waiters_wake_slow (MpMemory   *memory,
                      MpCondition condition,
                      guint       n)
{
  MP_STEP ("wake/begun");
  wake_sleepers (memory, memory->waits[condition], n);
  wake_loops (memory, memory->waits[condition]);
}

void
mp_waiters_wake_all (MpMemory *memory)
{
  for (guint i = 0; i < MP_N_CONDITIONS; i++)
    {
      wake_sleepers (memory, memory->waits[i], G_MAXUINT);
      wake_loops (memory, memory->waits[i]);
    }
  ring_bell (memory);
}

/* Frees the slots of a dead participant. */
void
mp_waiters_forget (MpMemory *memory,
                   guint     participant)
{
  guint n_waiters = MIN (mp_load (&memory->state->n_waiters), MP_N_WAITERS);

  for (guint i = 0; i < n_waiters; i++)
    {
      MpWaiter *waiter = mp_memory_waiter (memory, i);

      if (mp_load (&waiter->owner) != participant + 1)
        continue;

      for (guint c = 0; c < MP_N_CONDITIONS; c++)
        {
          mp_waits_clear (memory->waits[c], i, TRUE);
          mp_waits_clear (memory->waits[c], i, FALSE);
        }
      mp_store_release (&waiter->owner, 0);
    }
}

/* --- Sleepers ----------------------------------------------------------------------- */

static void
cancelled_cb (GCancellable *cancellable,
              gpointer      user_data)
{
  MpSleeper *self = user_data;

  if (self->slot < MP_N_WAITERS)
    wake_slot (self->memory, self->slot);
}

void
mp_sleeper_begin (MpSleeper    *self,
                  MpMemory     *memory,
                  MpCondition   condition,
                  GCancellable *cancellable)
{
  self->memory = memory;
  self->condition = condition;
  self->slot = mp_waiters_claim_slot (memory);
  self->cancellable = cancellable;
  self->cancelled_id = 0;
  if (cancellable != NULL)
    self->cancelled_id = g_cancellable_connect (cancellable, G_CALLBACK (cancelled_cb), self,
                                                NULL);
}

/* The word before the bit: the other way round a wake-up in between would be lost. */
void
mp_sleeper_arm (MpSleeper *self)
{
  if (self->slot == MP_N_WAITERS)
    return;

  self->seen = mp_load_acquire (&mp_memory_waiter (self->memory, self->slot)->futex);
  mp_waits_set (self->memory->waits[self->condition], self->slot, TRUE);
  mp_full_barrier ();
}

gboolean
mp_sleeper_disarm (MpSleeper *self)
{
  return self->slot == MP_N_WAITERS ||
         mp_waits_clear (self->memory->waits[self->condition], self->slot, TRUE);
}

/* Sleeps until woken, for a slice at most; @deadline is monotonic time, or -1. */
MpSleepResult
mp_sleeper_sleep (MpSleeper *self,
                  gint64     deadline)
{
  gint64   slice = self->slot == MP_N_WAITERS ? WITHOUT_SLOT_US : SLICE_US;
  gint64   left = deadline < 0 ? slice : deadline - g_get_monotonic_time ();
  guint32  unslotted = 0;
  guint32 *word = self->slot == MP_N_WAITERS
                    ? &unslotted
                    : &mp_memory_waiter (self->memory, self->slot)->futex;

  if (left <= 0)
    return MP_SLEEP_TIMED_OUT;
  if (self->cancellable != NULL && g_cancellable_is_cancelled (self->cancellable))
    return MP_SLEEP_WOKEN;

  switch (mp_futex_wait (word, self->slot == MP_N_WAITERS ? 0 : self->seen, MIN (left, slice)))
    {
    case ETIMEDOUT:
      return left <= slice && deadline >= 0 ? MP_SLEEP_TIMED_OUT : MP_SLEEP_SLICE;
    case EINTR:
      return MP_SLEEP_INTERRUPTED;
    default:
      return MP_SLEEP_WOKEN;
    }
}

gint64
mp_sleeper_get_woken_at (MpSleeper *self)
{
  return self->slot == MP_N_WAITERS
           ? 0
           : mp_load (&mp_memory_waiter (self->memory, self->slot)->woken_at);
}

void
mp_sleeper_end (MpSleeper *self)
{
  if (self->cancelled_id != 0)
    g_cancellable_disconnect (self->cancellable, self->cancelled_id);
  mp_waiters_release_slot (self->memory, self->slot);
}
