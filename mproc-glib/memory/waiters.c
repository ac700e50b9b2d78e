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

/* Slots are handed out and woken in the same direction, round and round: so who waits is woken
 * about in the order of arrival, and nobody is passed over for ever.  Returns MP_N_WAITERS when
 * all are taken. */
guint
mp_waiters_claim_slot (MpMemory *memory)
{
  guint n_round = CLAMP (mp_load (&memory->state->n_waiters), 64, MP_N_WAITERS);
  guint first = mp_load (&memory->state->next_waiter) % n_round;

  for (guint i = 0; i < MP_N_WAITERS; i++)
    {
      guint     slot = i < n_round ? (first + i) % n_round : i;
      MpWaiter *waiter = mp_memory_waiter (memory, slot);
      guint32   unowned = 0;

      if (mp_load (&waiter->owner) != 0)
        continue;
      cover (&memory->state->n_waiters, slot + 1);
      if (__atomic_compare_exchange_n (&waiter->owner, &unowned, memory->participant + 1, FALSE,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        {
          mp_store (&memory->state->next_waiter, slot + 1);
          return slot;
        }
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

/* Wakes at most @n of @bits, which are those of the word @index.  Returns how many. */
static guint
wake_word (MpMemory *memory,
           MpWaits  *waits,
           guint     index,
           guint64   bits,
           guint     n)
{
  guint n_woken = 0;

  for (; bits != 0 && n_woken < n; bits &= bits - 1)
    {
      guint slot = index * 64 + (guint) __builtin_ctzll (bits);

      if (!mp_waits_clear (waits, slot, TRUE))
        continue;

      mp_store (&waits->turn, slot + 1);
      MP_STEP ("wake/taken");
      /* Who was not asleep yet may also be dead: then the next one has to know. */
      n_woken += wake_slot (memory, slot);
    }
  return n_woken;
}

/* From behind the slot that was woken last round to it again: the word in which that is comes
 * first with its upper part, and last with the lower. */
static void
wake_sleepers (MpMemory *memory,
               MpWaits  *waits,
               guint     n)
{
  guint   n_words = mp_waits_count_words (waits);
  guint   turn = n_words > 0 ? mp_load (&waits->turn) % (n_words * 64) : 0;
  guint64 upper = G_MAXUINT64 << (turn % 64);

  for (guint i = 0; i <= n_words && n > 0; i++)
    {
      guint   index = (turn / 64 + i) % MAX (n_words, 1);
      guint64 bits = mp_load (&waits->words[index].sleeping);

      if (i == 0)
        bits &= upper;
      else if (i == n_words)
        bits &= ~upper;
      n -= wake_word (memory, waits, index, bits, n);
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
                      MpWaitsKind condition,
                      guint       n)
{
  MP_STEP ("wake/begun");
  wake_sleepers (memory, memory->waits[condition], n);
  wake_loops (memory, memory->waits[condition]);
}

void
mp_waiters_wake_all (MpMemory *memory)
{
  mp_full_barrier ();
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
                  MpWaitsKind   condition,
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
