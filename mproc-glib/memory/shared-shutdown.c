/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-leave.h"
#include "shared-queue-private.h"
#include "shared-wait.h"

#include "arena.h"
#include "lease.h"
#include "lock.h"
#include "ring.h"
#include "waiters.h"

/* --- Dropping -------------------------------------------------------------------------------- */

/* How many messages are dropped under one lock. */
#define DROP_PORTION 256

/* The messages still to be dropped, and those dropped so far. */
typedef struct
{
  guint64 n_left;
  guint64 n_dropped;
} Drop;

/* Counts a dropped message.  The caller holds the head and the arena lock.  Each is counted at
 * once, since the operation may have to wait for a lock before the next one. */
static void
note_dropped (MpSharedQueue *self,
              Drop          *drop)
{
  MpMemory *memory = &self->memory;

  drop->n_left--;
  drop->n_dropped++;
  /* Stored before n_done, so that a process that sees all messages finished also sees this. */
  mp_store (&memory->head->n_dropped, memory->head->n_dropped + 1);
  if (mp_shared_queue_is_acknowledged (self))
    mp_store_release (&memory->arena->n_done, (memory->arena->n_done + 1) & MP_COUNT_MASK);
}

/* Drops the next message, queued or returned.  The caller holds the head lock. */
static MpQueueStatus
drop_one (MpSharedQueue *self,
          Drop          *drop)
{
  MpMemory     *memory = &self->memory;
  MpRecord      record;
  MpRingStatus  found = mp_ring_peek (memory, &record);
  MpQueueStatus status = MP_QUEUE_OK;
  guint32       lease;

  if (found == MP_RING_BUSY || !mp_lock_take (memory, MP_LOCK_ARENA))
    return MP_QUEUE_BUSY;
  if (found == MP_RING_OK)
    {
      mp_ring_advance (memory, &record);
      if (record.block != 0)
        mp_arena_free (memory, record.block);
      note_dropped (self, drop);
    }
  else if ((lease = mp_lease_find_waiting (memory)) != 0)
    {
      mp_lease_adopt (memory, lease, 0);
      mp_lease_end (memory, lease);
      note_dropped (self, drop);
    }
  else
    {
      status = MP_QUEUE_EMPTY;
    }
  mp_unlock (memory, MP_LOCK_ARENA);
  return status;
}

/* Drops one portion. */
static MpQueueStatus
try_drop (MpSharedQueue *self,
          gpointer       data,
          MpAttemptNote *note)
{
  Drop         *drop = data;
  MpQueueStatus status = MP_QUEUE_OK;

  if (!mp_lock_take (&self->memory, MP_LOCK_HEAD))
    return MP_QUEUE_BUSY;
  for (guint i = 0; i < DROP_PORTION && drop->n_left > 0 && status == MP_QUEUE_OK; i++)
    status = drop_one (self, drop);
  mp_unlock (&self->memory, MP_LOCK_HEAD);
  return status;
}

/* Drops as many messages as are queued now, not those put meanwhile.  The number is fixed in
 * advance, so a cycle of records made by a hostile process cannot cause an endless loop. */
static MpQueueStatus
drop_all (MpSharedQueue *self,
          guint64       *n_dropped,
          MpQueueCall   *call)
{
  Drop          drop = { (guint64) mp_ring_count (&self->memory) +
                         mp_load (&self->memory.head->n_orphans) };
  MpQueueStatus status = MP_QUEUE_OK;

  while (drop.n_left > 0 && status == MP_QUEUE_OK)
    status = mp_shared_queue_insist (self, call, try_drop, &drop);
  *n_dropped = drop.n_dropped;
  return status == MP_QUEUE_EMPTY ? MP_QUEUE_OK : status;
}

MpQueueStatus
mp_shared_queue_clear (gpointer     user_data,
                       guint64     *n_dropped,
                       MpQueueCall *call)
{
  MpSharedQueue *self = user_data;
  MpQueueStatus  status = mp_shared_queue_enter (self);

  if (status != MP_QUEUE_OK)
    return status;

  status = drop_all (self, n_dropped, call);
  mp_waiters_wake_all (&self->memory);
  mp_shared_queue_leave (self);
  return status;
}

/* --- Shutting down -------------------------------------------------------------------------- */

/* Under the tail lock: the present holder can still put, later ones cannot. */
static MpQueueStatus
try_close (MpSharedQueue *self,
           gpointer       data,
           MpAttemptNote *note)
{
  MpMemory *memory = &self->memory;

  if (!mp_lock_take (memory, MP_LOCK_TAIL))
    return MP_QUEUE_BUSY;
  mp_store_release (&memory->state->shutdown, 1);
  mp_unlock (memory, MP_LOCK_TAIL);
  return MP_QUEUE_OK;
}

MpQueueStatus
mp_shared_queue_shutdown (gpointer     user_data,
                          gboolean     immediate,
                          MpQueueCall *call)
{
  MpSharedQueue *self = user_data;
  MpMemory      *memory = &self->memory;
  MpQueueStatus  status = mp_shared_queue_enter (self);
  guint64        n_dropped;

  if (status == MP_QUEUE_OK)
    status = mp_shared_queue_insist (self, call, try_close, NULL);
  if (status != MP_QUEUE_OK)
    return status;

  if (immediate)
    status = drop_all (self, &n_dropped, call);
  mp_waiters_wake_all (memory);
  mp_shared_queue_leave (self);
  return status;
}
