/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-leave.h"
#include "shared-queue-private.h"
#include "shared-wait.h"

#include "base/mp-deadline.h"
#include "base/mp-interrupts-private.h"
#include "lock.h"
#include "recovery.h"
#include "ring.h"
#include "sleeper.h"
#include "waiters.h"

/* Repeats an operation until it succeeds: first by spinning, if that has been successful lately,
 * then by sleeping in between. */

static gboolean
is_busy (MpQueueStatus status)
{
  return status == MP_QUEUE_EMPTY || status == MP_QUEUE_FULL || status == MP_QUEUE_TIMED_OUT;
}

/* Maps a "not now" status to the reason for which waiting would be useless: the queue is damaged,
 * the handle was closed, or the process has lost its descriptors. */
static MpQueueStatus
judge (MpSharedQueue *self,
       MpQueueStatus  status)
{
  if (G_UNLIKELY (status != MP_QUEUE_OK && mp_load (&self->memory.is_lost)))
    return MP_QUEUE_DETACHED;
  if (G_LIKELY (!is_busy (status)))
    return status;
  if (mp_load (&self->memory.state->damaged))
    return MP_QUEUE_DAMAGED;
  return status != MP_QUEUE_TIMED_OUT && mp_load (&self->is_closed) ? MP_QUEUE_CLOSED : status;
}

/* How long a call without a timeout waits for the same holder of a lock. */
#define HOLDER_PATIENCE_US G_USEC_PER_SEC

/* Waits until the lock is released and tries again, until @deadline, and in any case for
 * @patience_us for each holder. */
static MpQueueStatus
await_holder (MpSharedQueue *self,
              MpQueueCall   *call,
              gint64         deadline,
              gint64         patience_us,
              MpAttempt      attempt,
              gpointer       data,
              MpAttemptNote *note)
{
  MpMemory     *memory = &self->memory;
  MpQueueStatus status;

  deadline = mp_lock_extend_deadline (memory, deadline, MP_LOCK_GRACE_US);
  do
    switch (mp_lock_await (memory, mp_lock_extend_deadline (memory, deadline, patience_us),
                           call->cancellable))
      {
      case MP_LOCK_WAIT_TIMED_OUT:
        call->busy_pid = mp_lock_get_blocker (memory);
        return MP_QUEUE_BUSY;
      case MP_LOCK_WAIT_CANCELLED:
        return MP_QUEUE_CANCELLED;
      case MP_LOCK_WAIT_INTERRUPTED:
        if (call->interruptible)
          return MP_QUEUE_INTERRUPTED;
        break;
      case MP_LOCK_WAIT_OVER:
      default:
        break;
      }
  while ((status = attempt (self, data, note)) == MP_QUEUE_BUSY);
  mp_lock_pass_on (memory);
  return status;
}

MpQueueStatus
mp_shared_queue_insist (MpSharedQueue *self,
                        MpQueueCall   *call,
                        MpAttempt      attempt,
                        gpointer       data)
{
  MpAttemptNote note = { 0 };
  MpQueueStatus status = attempt (self, data, &note);

  if (G_LIKELY (status != MP_QUEUE_BUSY))
    return status;

  if (call->timeout_us < 0)
    return await_holder (self, call, 0, HOLDER_PATIENCE_US, attempt, data, &note);
  return await_holder (self, call, mp_deadline_for_timeout (call->timeout_us), 0, attempt, data,
                       &note);
}

static MpQueueStatus
try_once (MpSharedQueue *self,
          MpQueueCall   *call,
          gint64         deadline,
          MpAttempt      attempt,
          gpointer       data,
          MpAttemptNote *note)
{
  MpQueueStatus status = attempt (self, data, note);

  if (G_UNLIKELY (status == MP_QUEUE_BUSY))
    status = await_holder (self, call, deadline, 0, attempt, data, note);
  return judge (self, status);
}

typedef struct
{
  MpSharedQueue   *queue;
  MpQueueCondition condition;
} Look;

static gboolean
look (gpointer data)
{
  Look *self = data;

  return mp_shared_queue_check (self->queue, self->condition);
}

static gboolean
spin (MpSharedQueue   *self,
      MpQueueCondition condition,
      gint64           deadline)
{
  MpSpin *state = &self->spin[condition];
  Look    data = { self, condition };

  if (!mp_spin_until (state, mp_load (&self->spin_ns), deadline, look, &data))
    return FALSE;

  if (condition == MP_QUEUE_WAIT_ITEMS)
    mp_spin_set_lag (state, mp_ring_has_small_items (&self->memory));
  else if (condition == MP_QUEUE_WAIT_SPACE)
    mp_spin_set_lag (state, mp_ring_has_small_room (&self->memory));
  return TRUE;
}

static MpQueueStatus
sleep_once (MpSharedQueue     *self,
            MpSleeper         *sleeper,
            const MpQueueCall *call,
            gint64             deadline,
            MpQueueStatus      busy)
{
  gint64        start = mp_spin_now ();
  MpSleepResult result;

  while ((result = mp_sleeper_sleep (sleeper, deadline)) == MP_SLEEP_LOOK)
    {
      if (mp_recovery_look_after (&self->memory))
        mp_sleeper_calm (sleeper);
      mp_shared_queue_do_due (self);
      if (mp_sleeper_is_forgotten (sleeper))
        return MP_QUEUE_OK;
    }

  switch (result)
    {
    case MP_SLEEP_TIMED_OUT:
      return busy;
    case MP_SLEEP_INTERRUPTED:
      return call->interruptible ? MP_QUEUE_INTERRUPTED : MP_QUEUE_OK;
    case MP_SLEEP_WOKEN:
    case MP_SLEEP_LOOK:
    default:
      mp_store (&self->turns[sleeper->condition].begun_ns, 0);
      mp_spin_slept (&self->spin[sleeper->condition], start, mp_sleeper_get_woken_at (sleeper),
                     mp_spin_now ());
      return MP_QUEUE_OK;
    }
}

/* --- Sleeping ---------------------------------------------------------------------------- */

/* To be called when this thread was woken and could not use that.  If another thread was faster,
 * this one is woken next.  Room that was too small or fragmented for this thread may suffice for
 * another waiter, so the wake-up is passed on.  Only once: from then on, a waker that wakes this
 * thread also wakes another one. */
static void
note_woken_in_vain (MpSharedQueue   *self,
                    MpQueueCondition condition,
                    MpSleeper       *sleeper)
{
  if (!mp_shared_queue_check (self, condition))
    mp_sleeper_keep_turn (sleeper);
  else if (mp_sleeper_set_picky (sleeper))
    mp_waiters_wake (&self->memory, condition, 1);
}

/* Sleeps and tries in turn until the operation succeeds or the wait is over. */
static MpQueueStatus
sleep_until (MpSharedQueue   *self,
             MpQueueCondition condition,
             MpQueueCall     *call,
             gint64           deadline,
             MpAttempt        attempt,
             gpointer         data,
             MpAttemptNote   *note)
{
  MpSleeper     sleeper;
  MpQueueStatus status;
  gboolean      untouched = TRUE;

  mp_sleeper_begin (&sleeper, &self->memory, condition, call->cancellable,
                    call->interruptible ? mp_interrupts_get_word () : NULL,
                    mp_shared_queue_count_served (self, condition));
  for (;;)
    {
      MpQueueStatus slept = MP_QUEUE_OK;
      guint64       n_wanted = note->n_wanted;

      mp_sleeper_arm (&sleeper, n_wanted);
      status = try_once (self, call, deadline, attempt, data, note);
      if (is_busy (status) && !untouched)
        note_woken_in_vain (self, condition, &sleeper);
      if (is_busy (status))
        mp_shared_queue_do_due (self);
      /* Otherwise a part was put and the next message has another size: try again with that. */
      if (is_busy (status) && note->n_wanted == n_wanted)
        slept = sleep_once (self, &sleeper, call, deadline, status);
      untouched = mp_sleeper_disarm (&sleeper);

      if (!is_busy (status))
        {
          /* There may be more than this thread used: wake the next waiter. */
          if (!note->keeps_wakeup && mp_shared_queue_check (self, condition))
            mp_waiters_wake (&self->memory, condition, 1);
          break;
        }
      if (slept != MP_QUEUE_OK ||
          (call->cancellable != NULL && g_cancellable_is_cancelled (call->cancellable)))
        {
          status = try_once (self, call, deadline, attempt, data, note);
          if (is_busy (status))
            status = slept != MP_QUEUE_OK ? slept : MP_QUEUE_CANCELLED;
          /* A waker has cleared this thread's bit, so pass the wake-up on to the next waiter. */
          if (!untouched)
            mp_waiters_wake (&self->memory, condition, 1);
          break;
        }
    }
  mp_sleeper_end (&sleeper);
  return status;
}

static MpQueueStatus
wait_and_try (MpSharedQueue   *self,
              MpQueueCondition condition,
              MpQueueCall     *call,
              MpQueueStatus    status,
              MpAttempt        attempt,
              gpointer         data,
              MpAttemptNote   *note)
{
  gint64 deadline = MP_DEADLINE_NEVER;

  if (G_UNLIKELY (status == MP_QUEUE_BUSY))
    {
      deadline = mp_deadline_for_timeout (call->timeout_us);
      status = await_holder (self, call, deadline, 0, attempt, data, note);
    }
  status = judge (self, status);
  if (!is_busy (status) || call->timeout_us == 0)
    return status;
  if (call->cancellable != NULL && g_cancellable_is_cancelled (call->cancellable))
    return MP_QUEUE_CANCELLED;

  if (deadline == MP_DEADLINE_NEVER)
    deadline = mp_deadline_for_timeout (call->timeout_us);
  /* Spin only once: there may be room that is too small, for which spinning would end at once. */
  if (spin (self, condition, deadline))
    {
      status = try_once (self, call, deadline, attempt, data, note);
      if (!is_busy (status))
        return status;
    }
  return sleep_until (self, condition, call, deadline, attempt, data, note);
}

/* How often a call that finds nothing to do checks whether head and tail are consistent. */
#define CHECK_EVERY_NS (100 * 1000 * 1000)

/* A queue whose head or tail was overwritten would look empty, or full, for ever. */
static gboolean
is_sound (MpSharedQueue *self)
{
  gint64 now = mp_coarse_now ();

  if (G_LIKELY (now - mp_load (&self->checked_at) < CHECK_EVERY_NS))
    return TRUE;
  mp_store (&self->checked_at, now);
  return mp_ring_is_sound (&self->memory);
}

MpQueueStatus
mp_shared_queue_wait_and_try (MpSharedQueue   *self,
                              MpQueueCondition condition,
                              MpQueueCall     *call,
                              MpQueueStatus    status,
                              MpAttempt        attempt,
                              gpointer         data,
                              MpAttemptNote   *note)
{
  status = wait_and_try (self, condition, call, status, attempt, data, note);
  if (!is_busy (status) || is_sound (self))
    return status;

  mp_memory_set_damaged (&self->memory);
  return MP_QUEUE_DAMAGED;
}

/* --- Without taking ----------------------------------------------------------------------- */

static MpQueueStatus
try_condition (MpSharedQueue *self,
               gpointer       data,
               MpAttemptNote *note)
{
  MpQueueCondition *condition = data;

  if (mp_load (&self->memory.state->damaged))
    return MP_QUEUE_DAMAGED;
  if (!mp_shared_queue_check (self, *condition))
    return MP_QUEUE_TIMED_OUT;
  return *condition == MP_QUEUE_WAIT_DONE && mp_load (&self->memory.head->n_dropped) != 0
           ? MP_QUEUE_DROPPED
           : MP_QUEUE_OK;
}

MpQueueStatus
mp_shared_queue_wait (gpointer         user_data,
                      MpQueueCondition condition,
                      MpQueueCall     *call)
{
  MpSharedQueue *self = user_data;
  MpQueueStatus  status = mp_shared_queue_enter (self);

  if (status == MP_QUEUE_OK)
    status = mp_shared_queue_try_and_wait (self, condition, call, try_condition,
                                           &condition);
  mp_shared_queue_leave (self);
  return status;
}
