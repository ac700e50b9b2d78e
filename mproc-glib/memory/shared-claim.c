/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-queue-private.h"

#include "arena.h"
#include "lease.h"
#include "lock.h"
#include "ring.h"
#include "waiters.h"

#include <string.h>

/* Hands a message to a consumer as a lease.  All functions here run under the head lock. */

/* Fills in the delivery and returns the owner word for a lease that this handle is to hold. */
static guint64
begin_owning (MpSharedQueue   *self,
              guint32          lease,
              MpQueueDelivery *delivery)
{
  MpMemory *memory = &self->memory;
  MpLease  *slot = mp_memory_lease (memory, lease - 1);
  guint32   generation = mp_memory_participant (memory, memory->participant)->generation;

  delivery->tag = (guint8) slot->tag;
  delivery->token = (MpQueueToken){
    .lease = lease,
    .n_deliveries = slot->n_deliveries,
    .serial = slot->serial,
  };
  return mp_lease_owner (MP_LEASE_HELD, memory->participant, generation);
}

/* Takes a free lease, and a block for the payload if it is inline in the ring. */
static MpQueueStatus
make_lease (MpSharedQueue  *self,
            const MpRecord *record,
            guint32        *out_lease,
            guint64        *out_block)
{
  MpMemory     *memory = &self->memory;
  MpArenaStatus allocated = MP_ARENA_OK;
  guint64       block = record->block;
  guint32       lease;

  if (!mp_lock_take (memory, MP_LOCK_ARENA))
    return MP_QUEUE_BUSY;
  lease = mp_lease_take (memory);
  if (lease == 0)
    {
      allocated = mp_lease_count_used (memory) == MP_N_LEASES ? MP_ARENA_FULL : MP_ARENA_NO_MEMORY;
    }
  else if (block == 0 && record->size > 0)
    {
      allocated = mp_arena_allocate (memory, record->size, &block);
      if (allocated != MP_ARENA_OK)
        {
          mp_memory_lease (memory, lease - 1)->block = 0;
          mp_lease_end (memory, lease);
        }
    }
  mp_unlock (memory, MP_LOCK_ARENA);

  if (allocated != MP_ARENA_OK)
    return allocated == MP_ARENA_FULL ? MP_QUEUE_TOO_MUCH_HELD : MP_QUEUE_NO_SPACE;
  mp_memory_lease (memory, lease - 1)->block = block;
  *out_lease = lease;
  *out_block = block;
  return MP_QUEUE_OK;
}

static void
fill_lease (MpMemory       *memory,
            guint32         lease,
            const MpRecord *record)
{
  MpLease *slot = mp_memory_lease (memory, lease - 1);

  slot->size = record->size;
  slot->position = record->count;
  slot->serial = memory->head->serial++;
  slot->n_deliveries = 1;
  slot->tag = record->tag;
  mp_store (&slot->is_delivered, 0);
  mp_store (&slot->claimed_at, mp_coarse_now ());
  slot->progress = -1;
  slot->progress_text[0] = '\0';
}

/* Takes the record at the head as a lease.  The store of the head word commits: if the process is
 * killed before, the repair of the head frees the lease that is noted in `claim`. */
MpQueueStatus
mp_shared_queue_claim (MpSharedQueue   *self,
                       const MpRecord  *record,
                       MpQueueDelivery *delivery)
{
  MpMemory     *memory = &self->memory;
  guint64       block;
  guint32       lease;
  MpQueueStatus status = make_lease (self, record, &lease, &block);

  if (status != MP_QUEUE_OK)
    return status;

  if (record->block == 0 && record->size > 0)
    memcpy (mp_memory_at (memory, block), mp_memory_at (memory, record->payload),
            record->size);
  fill_lease (memory, lease, record);

  mp_store_release (&memory->head->claim, lease);
  MP_STEP ("get/claiming");
  mp_store_release (&mp_memory_lease (memory, lease - 1)->owner,
                    begin_owning (self, lease, delivery));
  mp_shared_queue_count_held (self, 1);
  MP_STEP ("get/leased");
  mp_ring_advance (memory, record);
  mp_store_release (&memory->head->claim, 0);
  return MP_QUEUE_OK;
}

/* Takes a returned message for this handle. */
void
mp_shared_queue_adopt (MpSharedQueue   *self,
                       guint32          lease,
                       MpQueueDelivery *delivery)
{
  MpMemory *memory = &self->memory;
  MpLease  *slot = mp_memory_lease (memory, lease - 1);

  mp_store (&slot->n_deliveries, slot->n_deliveries + 1);
  mp_store (&slot->claimed_at, mp_coarse_now ());
  mp_store (&slot->is_delivered, 0);
  mp_memory_add_to (&memory->head->n_redelivered, 1);
  mp_lease_adopt (memory, lease, begin_owning (self, lease, delivery));
  mp_shared_queue_count_held (self, 1);
}
