/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-leave.h"
#include "shared-payload.h"
#include "shared-queue-private.h"
#include "shared-wait.h"

#include "lease.h"
#include "lock.h"
#include "recovery.h"
#include "waiters.h"

/* Dead letters: taking them out, and putting them back into the queue. */

typedef struct
{
  const guint64   *serial; /* NULL: the oldest */
  MpLeaseSearch    search;
  MpQueueDelivery *delivery;
} DeadLetter;

/* The caller holds the arena lock. */
static MpDead
find (MpSharedQueue *self,
      DeadLetter    *letter)
{
  return letter->serial == NULL
           ? mp_lease_find_dead (&self->memory)
           : mp_lease_find_dead_of (&self->memory, *letter->serial, &letter->search);
}

/* Repeats @attempt as long as the search for the letter goes on.  The caller has entered. */
static MpQueueStatus
search (MpSharedQueue *self,
        MpQueueCall   *call,
        MpAttempt      attempt,
        DeadLetter    *letter)
{
  MpQueueStatus status;

  /* A message held by a process that has just died may become a dead letter.  If no other process
   * uses the queue, only this check notices the death. */
  mp_recovery_run (&self->memory);
  do
    status = mp_shared_queue_insist (self, call, attempt, letter);
  while (status == MP_QUEUE_EMPTY && letter->search.goes_on);
  return status;
}

/* --- Taking ----------------------------------------------------------------------------------- */

static MpQueueStatus
try_get_dead (MpSharedQueue *self,
              gpointer       data,
              MpAttemptNote *note)
{
  DeadLetter      *letter = data;
  MpQueueDelivery *delivery = letter->delivery;
  MpMemory        *memory = &self->memory;
  MpQueueStatus    status = MP_QUEUE_OK;
  MpDead           dead;
  MpLease         *slot;
  guint64          block, size;

  if (!mp_lock_take (memory, MP_LOCK_ARENA))
    return MP_QUEUE_BUSY;
  dead = find (self, letter);
  if (dead.lease != 0)
    mp_lease_unbury (memory, dead);
  mp_unlock (memory, MP_LOCK_ARENA);
  if (dead.lease == 0)
    return MP_QUEUE_EMPTY;

  slot = mp_memory_lease (memory, dead.lease - 1);
  block = mp_load (&slot->block);
  size = mp_load (&slot->size);
  delivery->tag = (guint8) slot->tag;
  delivery->token = (MpQueueToken){ 0, slot->n_deliveries, slot->serial };
  if (!mp_shared_queue_is_payload (self, block, size))
    status = MP_QUEUE_DAMAGED;
  else if (!mp_shared_queue_copy_out (self, delivery, block, size))
    status = MP_QUEUE_NO_SPACE;

  mp_shared_queue_do_sometime (self, dead.lease,
                               status == MP_QUEUE_OK ? MP_DUE_END_LETTER : MP_DUE_BURY_LETTER);
  return status;
}

MpQueueStatus
mp_shared_queue_get_dead (gpointer         user_data,
                          const guint64   *serial,
                          MpQueueDelivery *delivery,
                          MpQueueCall     *call)
{
  MpSharedQueue *self = user_data;
  DeadLetter     letter = { .serial = serial, .delivery = delivery };
  MpQueueStatus  status = mp_shared_queue_enter (self);

  if (status == MP_QUEUE_OK)
    status = search (self, call, try_get_dead, &letter);
  mp_shared_queue_leave (self);
  return status;
}

/* --- Putting back ----------------------------------------------------------------------------- */

/* Moves the letter in one step, so that it is never lost and never there twice. */
static MpQueueStatus
try_requeue (MpSharedQueue *self,
             gpointer       data,
             MpAttemptNote *note)
{
  MpMemory *memory = &self->memory;
  MpDead    dead = { 0, 0 };
  gboolean  has_arena = FALSE, is_shut_down = FALSE;

  if (!mp_lock_take (memory, MP_LOCK_HEAD))
    return MP_QUEUE_BUSY;
  /* With the head lock, so that an immediate shutdown drops the message if it is not seen here. */
  is_shut_down = mp_load (&memory->state->shutdown) != 0;
  has_arena = !is_shut_down && mp_lock_take (memory, MP_LOCK_ARENA);
  if (has_arena)
    {
      dead = find (self, data);
      if (dead.lease != 0)
        mp_lease_revive (memory, dead);
      mp_unlock (memory, MP_LOCK_ARENA);
    }
  mp_unlock (memory, MP_LOCK_HEAD);

  if (is_shut_down)
    return MP_QUEUE_CLOSED;
  if (!has_arena)
    return MP_QUEUE_BUSY;
  return dead.lease != 0 ? MP_QUEUE_OK : MP_QUEUE_EMPTY;
}

MpQueueStatus
mp_shared_queue_requeue (gpointer       user_data,
                         const guint64 *serial,
                         MpQueueCall   *call)
{
  MpSharedQueue *self = user_data;
  DeadLetter     letter = { .serial = serial };
  MpQueueStatus  status = mp_shared_queue_enter (self);

  if (status == MP_QUEUE_OK)
    status = search (self, call, try_requeue, &letter);
  if (status == MP_QUEUE_OK)
    {
      mp_waiters_wake (&self->memory, MP_QUEUE_WAIT_ITEMS, 1);
      mp_waiters_wake (&self->memory, MP_QUEUE_WAIT_NEWS, 0);
    }
  mp_shared_queue_leave (self);
  return status;
}
