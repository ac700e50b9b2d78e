/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "waiters.h"

#include "futex.h"
#include "liveness.h"
#include "step.h"

#include "base/mp-spin.h"

static guint64
bit_of (guint slot)
{
  return G_GUINT64_CONSTANT (1) << (slot % 64);
}

static guint64 *
word_of (MpWaits    *waits,
         guint       slot,
         MpWaitsKind kind)
{
  MpWaitWord *word = &waits->words[slot / 64];

  switch (kind)
    {
    case MP_WAITS_SLEEPING:
      return &word->sleeping;
    case MP_WAITS_ARMED:
      return &word->armed;
    case MP_WAITS_WAITING:
    default:
      return &word->waiting;
    }
}

void
mp_waits_set (MpWaits    *waits,
              guint       slot,
              MpWaitsKind kind)
{
  /* n_words is raised before the bit is set: a waker that does not see the new number committed its
   * change before the waiter's last check of the condition. */
  mp_cover (&waits->n_words, slot / 64 + 1);
  __atomic_fetch_or (word_of (waits, slot, kind), bit_of (slot), __ATOMIC_SEQ_CST);
}

gboolean
mp_waits_clear (MpWaits    *waits,
                guint       slot,
                MpWaitsKind kind)
{
  return (__atomic_fetch_and (word_of (waits, slot, kind), ~bit_of (slot), __ATOMIC_SEQ_CST) &
          bit_of (slot)) != 0;
}

/* Otherwise it would not be woken before all others, each perhaps several times, since they take
 * slots further on.  If others are woken in vain at the same time, the first of them is next. */
void
mp_waits_keep_turn (MpWaits *waits,
                    guint    slot)
{
  guint n_slots = mp_waits_count_words (waits) * 64;
  guint turn = mp_load (&waits->turn);

  if (n_slots != 0 && (turn % n_slots + n_slots - slot) % n_slots <= n_slots / 2)
    mp_store (&waits->turn, slot);
}

static guint
count_slots (MpMemory *memory)
{
  return mp_load_bounded (&memory->state->n_waiters, MP_N_WAITERS);
}

/* Slots are assigned and woken in the same direction, in rotation, so that waiters are woken
 * roughly in order of arrival and none starves.  Returns MP_N_WAITERS if all are taken. */
guint
mp_waiters_claim_slot (MpMemory *memory)
{
  guint n_used = count_slots (memory);
  guint n_round = MAX (n_used, 64);
  guint first = mp_load (&memory->state->next_waiter) % n_round;

  for (guint i = 0; i < MP_N_WAITERS; i++)
    {
      guint     slot = i < n_round ? (first + i) % n_round : i;
      MpWaiter *waiter = mp_memory_waiter (memory, slot);
      guint32   unowned = 0;

      if (mp_load (&waiter->owner) != 0)
        continue;
      mp_cover (&memory->state->n_waiters, slot + 1);
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

guint
mp_waiters_begin (MpMemory        *memory,
                  MpQueueCondition condition,
                  guint32          served)
{
  guint     slot = mp_waiters_claim_slot (memory);
  MpWaiter *waiter;

  if (slot == MP_N_WAITERS)
    return slot;

  waiter = mp_memory_waiter (memory, slot);
  mp_store (&waiter->served, served);
  mp_store (&waiter->was_short, 0);
  mp_waits_set (memory->waits[condition], slot, MP_WAITS_WAITING);
  return slot;
}

void
mp_waiters_end (MpMemory        *memory,
                MpQueueCondition condition,
                guint            slot)
{
  if (slot < MP_N_WAITERS)
    mp_waits_clear (memory->waits[condition], slot, MP_WAITS_WAITING);
  mp_waiters_release_slot (memory, slot);
}

static void
bump (MpMemory *memory,
      guint     slot)
{
  MpWaiter *waiter = mp_memory_waiter (memory, slot);

  __atomic_fetch_add (&waiter->futex, 1, __ATOMIC_SEQ_CST);
  MP_STEP ("wake/bumped");
}

/* A page of 64 KiB is read in 16 parts. */
#define MAX_RINGS 32

/* No other file has the inode of a pipe, so it is enough to check that. */
static gboolean
owns_bell (MpMemory *memory)
{
  return (memory->config.bell_id != 0 &&
          mp_fd_identity_is_of (&memory->bell_identity, memory->bell_fd)) ||
         mp_memory_owns_descriptors (memory);
}

static void
ring_bell (MpMemory *memory)
{
  const guint64 one = 1;
  guint8        rung[4096]; /* a page of most systems: reading it makes room in a pipe */

  if (G_UNLIKELY (!owns_bell (memory)))
    return;
  for (guint i = 0; i < MAX_RINGS && write (memory->bell_fd, &one, sizeof one) == -1; i++)
    {
      gssize ignored = 0;

      /* A pipe is full now and then, since nothing else reads it. */
      if (errno == EAGAIN)
        ignored = read (memory->bell_fd, rung, sizeof rung);
      else if (errno != EINTR)
        break;
      (void) ignored;
    }
}

/* Returns whether a thread was woken.  FUTEX_WAKE returns that; a write to the pipe does not, so
 * the owner of the slot counts as woken if it is alive. */
gboolean
mp_waiters_wake_slot (MpMemory *memory,
                      guint     slot)
{
  MpWaiter *waiter = mp_memory_waiter (memory, slot);

  mp_store (&waiter->woken_at, mp_spin_now ());
  bump (memory, slot);
  if (G_LIKELY (!__atomic_load_n (&waiter->by_bell, __ATOMIC_SEQ_CST)))
    return mp_futex_wake (&waiter->futex, 1) > 0;

  ring_bell (memory);
  return mp_liveness_is_alive (memory, mp_load (&waiter->owner) - 1);
}

/* What a round of wake-ups is for. */
typedef struct
{
  MpWaits *waits;
  guint    n;    /* threads still to be woken */
  guint64  room; /* waiters that want more bytes are not woken */
} Round;

/* Wakes sleepers in @bits, which belong to the word @index. */
static void
wake_word (MpMemory *memory,
           Round    *round,
           guint     index,
           guint64   bits)
{
  for (; bits != 0 && round->n > 0; bits &= bits - 1)
    {
      guint     slot = index * 64 + (guint) __builtin_ctzll (bits);
      MpWaiter *waiter = mp_memory_waiter (memory, slot);

      if (mp_load (&waiter->n_wanted) > round->room ||
          !mp_waits_clear (round->waits, slot, MP_WAITS_SLEEPING))
        continue;

      mp_store (&round->waits->turn, slot + 1);
      MP_STEP ("wake/taken");
      /* A thread that was not asleep yet may also be dead, and a picky one may have no use for the
       * wake-up, so neither counts as woken. */
      if (mp_waiters_wake_slot (memory, slot) && !mp_load (&waiter->was_short))
        round->n--;
    }
}

/* Returns the free room in bytes: a waiter that wants more is not woken, unless all waiters are to
 * be woken (@n is G_MAXUINT), for example after a shutdown. */
static guint64
choose_room (MpMemory *memory,
             MpWaits  *waits,
             guint     n)
{
  guint64 used = mp_memory_count_bytes (memory);

  /* An empty queue takes a message of any size. */
  if (waits != memory->waits[MP_QUEUE_WAIT_SPACE] || n == G_MAXUINT ||
      mp_word_count (mp_load (&memory->tail->word)) ==
        mp_word_count (mp_load (&memory->head->word)))
    return G_MAXUINT64;
  return used < memory->config.max_bytes ? memory->config.max_bytes - used : 0;
}

/* Wakes sleepers in rotation, starting after the slot that was woken last.  The word that contains
 * that slot is visited twice: its upper bits first, its lower bits last. */
static void
wake_sleepers (MpMemory *memory,
               MpWaits  *waits,
               guint     n)
{
  guint   n_words = mp_waits_count_words (waits);
  guint   turn = n_words > 0 ? mp_load (&waits->turn) % (n_words * 64) : 0;
  guint64 upper = G_MAXUINT64 << (turn % 64);
  Round   round = { waits, n, choose_room (memory, waits, n) };

  for (guint i = 0; i <= n_words && round.n > 0; i++)
    {
      guint   index = (turn / 64 + i) % MAX (n_words, 1);
      guint64 bits = mp_load (&waits->words[index].sleeping);

      if (i == 0)
        bits &= upper;
      else if (i == n_words)
        bits &= ~upper;
      wake_word (memory, &round, index, bits);
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

/* Returns NULL during a recovery that runs before this handle has a slot. */
static guint32 *
count_of_waking (MpMemory *memory)
{
  return memory->participant < MP_N_PARTICIPANTS
           ? &mp_memory_participant (memory, memory->participant)->n_waking
           : NULL;
}

void
mp_waiters_begin_waking (MpMemory *memory,
                         guint32   n)
{
  guint32 *count = count_of_waking (memory);

  if (count != NULL)
    __atomic_fetch_add (count, n, __ATOMIC_SEQ_CST);
}

void
mp_waiters_end_waking (MpMemory *memory,
                       guint32   n)
{
  guint32 *count = count_of_waking (memory);

  if (count != NULL)
    __atomic_fetch_sub (count, n, __ATOMIC_SEQ_CST);
}

void
mp_waiters_wake_slow (MpMemory        *memory,
                      MpQueueCondition condition,
                      guint            n)
{
  mp_waiters_begin_waking (memory, 1);
  MP_STEP ("wake/begun");
  wake_sleepers (memory, memory->waits[condition], n);
  wake_loops (memory, memory->waits[condition]);
  mp_waiters_end_waking (memory, 1);
}

void
mp_waiters_wake_one (MpMemory        *memory,
                     MpQueueCondition condition,
                     guint            slot)
{
  mp_waiters_begin_waking (memory, 1);
  if (mp_waits_clear (memory->waits[condition], slot, MP_WAITS_SLEEPING))
    mp_waiters_wake_slot (memory, slot);
  mp_waiters_end_waking (memory, 1);
}

void
mp_waiters_wake_threads (MpMemory        *memory,
                         MpQueueCondition condition,
                         guint            n)
{
  mp_waiters_begin_waking (memory, 1);
  wake_sleepers (memory, memory->waits[condition], n);
  mp_waiters_end_waking (memory, 1);
}

/* What the waiters are to see, such as a shutdown, may have been stored without a lock, and the
 * release of a lock orders it only before later stores.  The barrier orders it before the bits are
 * read: on a weakly ordered processor a thread that sets its bit just now might otherwise see
 * neither the change nor be seen here. */
void
mp_waiters_wake_all (MpMemory *memory)
{
  mp_full_barrier ();
  mp_waiters_begin_waking (memory, 1);
  for (guint i = 0; i < MP_N_CONDITIONS; i++)
    {
      wake_sleepers (memory, memory->waits[i], G_MAXUINT);
      wake_loops (memory, memory->waits[i]);
    }
  ring_bell (memory);
  mp_waiters_end_waking (memory, 1);
}

/* Also wakes waiters whose bits a dead waker has already cleared. */
void
mp_waiters_wake_everyone (MpMemory *memory)
{
  guint n_slots = count_slots (memory);

  for (guint slot = 0; slot < n_slots; slot++)
    if (mp_load (&mp_memory_waiter (memory, slot)->owner) != 0)
      mp_waiters_wake_slot (memory, slot);
  ring_bell (memory);
}

static guint64
sleeping_in_word (MpMemory *memory,
                  guint     index)
{
  guint64 bits = 0;

  for (guint i = 0; i < MP_N_CONDITIONS; i++)
    bits |= mp_load (&memory->waits[i]->words[index].sleeping);
  return bits;
}

/* Leaves the futex word unchanged, since the sleeper's condition does not hold. */
void
mp_waiters_nudge (MpMemory *memory)
{
  guint n_slots = count_slots (memory);

  for (guint i = 0; i * 64 < n_slots; i++)
    for (guint64 bits = sleeping_in_word (memory, i); bits != 0; bits &= bits - 1)
      if (mp_futex_wake (&mp_memory_waiter (memory, i * 64 + (guint) __builtin_ctzll (bits))->futex,
                         1) > 0)
        return;
}

guint
mp_waiters_count (MpMemory *memory)
{
  guint n_slots = count_slots (memory);
  guint n = 0;

  for (guint slot = 0; slot < n_slots; slot++)
    n += mp_load (&mp_memory_waiter (memory, slot)->owner) != 0;
  return n;
}

/* Frees the waiter slots of participants that are dead or about to leave. */
void
mp_waiters_forget (MpMemory     *memory,
                   const guint8 *whose)
{
  guint n_slots = count_slots (memory);

  for (guint i = 0; i < n_slots; i++)
    {
      MpWaiter *waiter = mp_memory_waiter (memory, i);
      guint32   owner = mp_load (&waiter->owner);

      if (owner == 0 || owner > MP_N_PARTICIPANTS || !whose[owner - 1])
        continue;

      for (guint c = 0; c < MP_N_CONDITIONS; c++)
        {
          mp_waits_clear (memory->waits[c], i, MP_WAITS_SLEEPING);
          mp_waits_clear (memory->waits[c], i, MP_WAITS_ARMED);
          mp_waits_clear (memory->waits[c], i, MP_WAITS_WAITING);
        }
      mp_store (&waiter->watches, 0);
      mp_store (&waiter->by_bell, 0);
      mp_store_release (&waiter->owner, 0);
    }
}
