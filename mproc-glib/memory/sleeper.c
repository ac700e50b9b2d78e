/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "sleeper.h"

#include "base/mp-interrupts-private.h"
#include "base/mp-mark.h"
#include "futex.h"
#include "waiters.h"

#include <poll.h>

/* How long a thread sleeps before it becomes a watcher, if one is wanted.  At high message rates no
 * watcher is needed, since consumers check for deaths between messages. */
#define FIRST_SLICE_US 2000

/* How often a watcher without inotify descriptor checks. */
#define BLIND_SLICE_US (100 * 1000)

/* After this time a sleep is long: a watcher opens an inotify descriptor although enough other
 * handles have one, and another sleeper closes the one that its handle still has. */
#define LONG_NS G_GINT64_CONSTANT (1000000000)

/* How often a thread tries again if all slots of the waiters' table are taken. */
#define WITHOUT_SLOT_US (5 * 1000)

static MpWaiter *
waiter_of (MpSleeper *self)
{
  return mp_memory_waiter (self->memory, self->slot);
}

static void
cancelled_cb (GCancellable *cancellable,
              gpointer      user_data)
{
  MpSleeper *self = user_data;

  if (self->slot < MP_N_WAITERS)
    mp_waiters_wake_slot (self->memory, self->slot);
}

void
mp_sleeper_begin (MpSleeper       *self,
                  MpMemory        *memory,
                  MpQueueCondition condition,
                  GCancellable    *cancellable,
                  guint32         *interrupts,
                  guint32          served)
{
  *self = (MpSleeper){
    .memory = memory,
    .condition = condition,
    .slot = mp_waiters_begin (memory, condition, served),
    .begun = mp_coarse_now (),
    .cancellable = cancellable,
    .mark = mp_mark_begin (),
    .interrupts = interrupts,
  };
  if (cancellable != NULL)
    self->cancelled_id = g_cancellable_connect (cancellable, G_CALLBACK (cancelled_cb), self,
                                                NULL);
}

/* The futex word is read before the bit is set: otherwise a wake-up in between would be lost. */
void
mp_sleeper_arm (MpSleeper *self,
                guint64    n_wanted)
{
  if (self->slot == MP_N_WAITERS)
    return;

  mp_store (&waiter_of (self)->n_wanted, n_wanted);
  self->seen = mp_load_acquire (&waiter_of (self)->futex);
  mp_waits_set (self->memory->waits[self->condition], self->slot, MP_WAITS_SLEEPING);
  mp_full_barrier ();
}

gboolean
mp_sleeper_set_picky (MpSleeper *self)
{
  return self->slot < MP_N_WAITERS &&
         __atomic_exchange_n (&waiter_of (self)->was_short, 1, __ATOMIC_RELAXED) == 0;
}

void
mp_sleeper_keep_turn (MpSleeper *self)
{
  if (self->slot < MP_N_WAITERS)
    mp_waits_keep_turn (self->memory->waits[self->condition], self->slot);
}

gboolean
mp_sleeper_disarm (MpSleeper *self)
{
  return self->slot == MP_N_WAITERS ||
         mp_waits_clear (self->memory->waits[self->condition], self->slot, MP_WAITS_SLEEPING);
}

static gboolean
has_slept_long (MpSleeper *self)
{
  return mp_coarse_now () - self->begun >= LONG_NS;
}

/* `by_bell` is stored before the futex word is checked once more: a waker that does not see this
 * store has already changed the word. */
static void
open_bell (MpSleeper *self)
{
  self->by_bell = mp_watcher_open (self->memory, has_slept_long (self));
  __atomic_store_n (&waiter_of (self)->by_bell, self->by_bell, __ATOMIC_SEQ_CST);
}

/* Called only after the thread has slept a while, since a watcher needs descriptors. */
static gboolean
become_watcher (MpSleeper *self)
{
  if (!mp_watcher_claim_handle (self->memory))
    return FALSE;
  if (!mp_watcher_begin (self->memory, MP_WATCHER_THREAD, self->slot))
    {
      mp_watcher_release_handle (self->memory);
      return FALSE;
    }

  self->watches = TRUE;
  open_bell (self);
  return TRUE;
}

/* The last watcher to leave wakes another sleeper to take its place. */
static void
stop_watching (MpSleeper *self)
{
  MpMemory *memory = self->memory;

  mp_store (&waiter_of (self)->by_bell, 0);
  mp_watcher_end (memory, self->slot);
  mp_watcher_release_handle (memory);
  if (!mp_watcher_is_there (memory, MP_WATCHER_THREAD))
    mp_waiters_nudge (memory);
}

static gint64
choose_slice (MpSleeper *self)
{
  if (self->slot == MP_N_WAITERS)
    return WITHOUT_SLOT_US;
  if (self->alarm.heard_at != 0)
    return MP_WATCHER_LATER_US;
  if (self->watches && !self->by_bell)
    return BLIND_SLICE_US;
  if (!self->watches && mp_load (&self->memory->watching) == 0 &&
      mp_watcher_is_wanted (self->memory, MP_WATCHER_THREAD))
    return FIRST_SLICE_US;

  if (!self->watches && has_slept_long (self))
    mp_watcher_close (self->memory);
  return mp_watcher_choose_tick (self->memory, self->slot);
}

static gboolean
is_woken (MpSleeper *self)
{
  return self->slot < MP_N_WAITERS &&
         __atomic_load_n (&waiter_of (self)->futex, __ATOMIC_SEQ_CST) != self->seen;
}

/* Returns 0 or the errno. */
static int
sleep_by_bell (MpSleeper *self,
               gint64     timeout_us)
{
  struct pollfd         fd = { self->memory->watch_fd, POLLIN, 0 };
  const struct timespec timeout = { timeout_us / G_USEC_PER_SEC,
                                    timeout_us % G_USEC_PER_SEC * 1000 };

  if (is_woken (self))
    return 0;

  switch (self->interrupts != NULL ? mp_interrupts_poll (&fd, 1, &timeout)
                                   : ppoll (&fd, 1, &timeout, NULL))
    {
    case -1:
      return errno;
    case 0:
      return ETIMEDOUT;
    default:
      return 0;
    }
}

static int
sleep_by_futex (MpSleeper *self,
                gint64     timeout_us)
{
  guint32  unslotted = 0;
  guint32 *word = self->slot == MP_N_WAITERS ? &unslotted : &waiter_of (self)->futex;
  guint32  seen = self->slot == MP_N_WAITERS ? 0 : self->seen;
  int      result;

  if (self->interrupts == NULL)
    return mp_futex_wait (word, seen, timeout_us);

  result = mp_futex_wait_two (word, seen, self->interrupts, timeout_us);
  return mp_interrupts_take () ? EINTR : result;
}

/* Handles the end of a slice.  Returns whether to check for deaths now. */
static gboolean
end_slice (MpSleeper *self,
           gint64     slice)
{
  if (self->alarm.heard_at != 0)
    return mp_watcher_hear_later (self->memory, &self->alarm);
  if (self->watches && !self->by_bell && has_slept_long (self))
    open_bell (self);
  return self->watches || become_watcher (self) || slice != FIRST_SLICE_US;
}

/* Handles a return that was neither a wake-up nor the end of a slice: a death, the pipe written
 * for other waiters, or a nudge.  Returns whether to check for deaths now. */
static gboolean
is_death (MpSleeper *self)
{
  gboolean died;

  if (!self->by_bell)
    return FALSE;
  if (!mp_watcher_clear (self->memory, &died))
    {
      self->by_bell = FALSE;
      __atomic_store_n (&waiter_of (self)->by_bell, 0, __ATOMIC_SEQ_CST);
    }
  return died && mp_watcher_hear (self->memory, self->slot, &self->alarm);
}

/* Sleeps until woken, or until it is time to check for deaths, after which the caller continues the
 * sleep.  @deadline is monotonic time, or -1.  Only a wake-up makes a sleeper try its operation
 * again: otherwise it could overtake the thread that was woken. */
MpSleepResult
mp_sleeper_sleep (MpSleeper *self,
                  gint64     deadline)
{
  for (;;)
    {
      gint64 slice = choose_slice (self);
      gint64 left = deadline < 0 ? slice : deadline - g_get_monotonic_time ();
      int    result;

      if (left <= 0)
        return MP_SLEEP_TIMED_OUT;
      if (self->cancellable != NULL && g_cancellable_is_cancelled (self->cancellable))
        return MP_SLEEP_WOKEN;

      result = self->by_bell ? sleep_by_bell (self, MIN (left, slice))
                             : sleep_by_futex (self, MIN (left, slice));
      if (is_woken (self) || (self->slot == MP_N_WAITERS && result == ETIMEDOUT && left >= slice))
        return MP_SLEEP_WOKEN;
      if (result == EINTR)
        return MP_SLEEP_INTERRUPTED;
      if (result == ETIMEDOUT && left <= slice && deadline >= 0)
        return MP_SLEEP_TIMED_OUT;
      if (result == ETIMEDOUT ? end_slice (self, slice) : is_death (self))
        return MP_SLEEP_LOOK;
    }
}

gboolean
mp_sleeper_is_forgotten (MpSleeper *self)
{
  MpWaits *waits = self->memory->waits[self->condition];

  return self->slot < MP_N_WAITERS && (self->slot / 64 >= mp_waits_count_words (waits) ||
                                       !mp_waits_is_sleeping (waits, self->slot));
}

void
mp_sleeper_calm (MpSleeper *self)
{
  self->alarm.heard_at = 0;
}

gint64
mp_sleeper_get_woken_at (MpSleeper *self)
{
  return self->slot == MP_N_WAITERS ? 0 : mp_load (&waiter_of (self)->woken_at);
}

void
mp_sleeper_end (MpSleeper *self)
{
  mp_mark_end (self->mark, "sleep", "queue");
  if (self->cancelled_id != 0)
    g_cancellable_disconnect (self->cancellable, self->cancelled_id);
  if (self->watches)
    stop_watching (self);
  mp_waiters_end (self->memory, self->condition, self->slot);
}
