/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-queue-private.h"

#include "arena.h"
#include "lease.h"
#include "lock.h"
#include "ring.h"
#include "waiters.h"

#include <string.h>

/* Getting, and what becomes of what was got. */

static gboolean
fits (MpQueueDelivery *delivery,
      guint64          size)
{
  if (G_LIKELY (size <= delivery->capacity || !delivery->only_buffer))
    return TRUE;

  delivery->size = size;
  return FALSE;
}

static gboolean
copy_out (MpSharedQueue   *self,
          MpQueueDelivery *delivery,
          guint64          offset,
          guint64          size)
{
  delivery->data = delivery->buffer;
  delivery->size = size;
  if (size > delivery->capacity)
    delivery->data = g_try_malloc (size);
  if (delivery->data == NULL && size > 0)
    return FALSE;
  if (size > 0)
    memcpy (delivery->data, mp_memory_at (&self->memory, offset), size);
  return TRUE;
}

/* Makes the lease ours, by one store. */
static void
own_lease (MpSharedQueue   *self,
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
  mp_store_release (&slot->owner,
                    mp_lease_owner (MP_LEASE_HELD, memory->participant, generation));
  __atomic_fetch_add (&self->n_held, 1, __ATOMIC_RELAXED);
}

/* Takes a lease, and a block for what would else stay in the ring.  With the head lock. */
static guint32
make_lease (MpSharedQueue  *self,
            const MpRecord *record,
            guint64        *out_block)
{
  MpMemory *memory = &self->memory;
  guint64   block = record->block;
  guint32   lease;

  mp_lock (memory, MP_LOCK_ARENA);
  lease = mp_lease_take (memory);
  if (lease != 0 && block == 0 && record->size > 0)
    {
      block = mp_arena_allocate (memory, mp_arena_order_for (record->size));
      if (block == 0)
        {
          mp_memory_lease (memory, lease - 1)->block = 0;
          mp_lease_end (memory, lease);
          lease = 0;
        }
    }
  mp_unlock (memory, MP_LOCK_ARENA);

  if (lease != 0)
    mp_memory_lease (memory, lease - 1)->block = block;
  *out_block = block;
  return lease;
}

/* With the head lock. */
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
  slot->progress = -1;
  slot->progress_text[0] = '\0';
}

/* The head word is what claims: a lease whose claim it does not confirm is none.  With the
 * head lock. */
static MpQueueStatus
claim (MpSharedQueue   *self,
       const MpRecord  *record,
       MpQueueDelivery *delivery)
{
  MpMemory *memory = &self->memory;
  guint64   block;
  guint32   lease = make_lease (self, record, &block);

  if (lease == 0)
    return MP_QUEUE_NO_SPACE;

  if (record->block == 0 && record->size > 0)
    memcpy (mp_memory_at (memory, block), mp_memory_at (memory, record->payload),
            record->size);
  fill_lease (memory, lease, record);

  mp_store_release (&memory->head->claim, lease);
  MP_STEP ("get/claiming");
  own_lease (self, lease, delivery);
  MP_STEP ("get/leased");
  mp_ring_advance (memory, record);
  mp_store_release (&memory->head->claim, 0);
  return MP_QUEUE_OK;
}

/* Gives up on a message that was delivered too often.  With the head lock. */
static void
bury (MpSharedQueue *self,
      MpLease       *slot)
{
  MpMemory *memory = &self->memory;

  mp_lock (memory, MP_LOCK_ARENA);
  mp_store_release (&slot->owner, mp_lease_owner (MP_LEASE_DEAD, 0, 0));
  mp_store (&memory->head->n_orphans, memory->head->n_orphans - 1);
  mp_store (&memory->arena->n_dead, memory->arena->n_dead + 1);
  mp_store_release (&memory->arena->n_done, (memory->arena->n_done + 1) & MP_COUNT_MASK);
  mp_unlock (memory, MP_LOCK_ARENA);
  mp_waiters_wake (memory, MP_WAITS_KIND_DONE, G_MAXUINT);
  mp_waiters_wake (memory, MP_WAITS_KIND_NEWS, 0);
}

/* What the dead and the forgetful left comes first.  With the head lock. */
static MpQueueStatus
adopt (MpSharedQueue   *self,
       MpQueueDelivery *delivery)
{
  MpMemory *memory = &self->memory;
  guint32   max_deliveries = memory->config.max_deliveries;
  guint32   lease;

  while ((lease = mp_lease_find_orphan (memory)) != 0)
    {
      MpLease *slot = mp_memory_lease (memory, lease - 1);

      if (mp_shared_queue_is_acknowledged (self) && max_deliveries != 0 &&
          slot->n_deliveries >= max_deliveries)
        {
          bury (self, slot);
          continue;
        }
      if (!fits (delivery, slot->size))
        return MP_QUEUE_TOO_SHORT;

      mp_store (&slot->n_deliveries, slot->n_deliveries + 1);
      own_lease (self, lease, delivery);
      MP_STEP ("get/adopted");
      mp_store (&memory->head->n_orphans, memory->head->n_orphans - 1);
      return MP_QUEUE_OK;
    }

  mp_store (&memory->head->n_orphans, 0);
  return MP_QUEUE_EMPTY;
}

/* Takes the next message: copied at once when it is small and need not be finished, else
 * leased.  With the head lock. */
static MpQueueStatus
take (MpSharedQueue   *self,
      MpQueueDelivery *delivery)
{
  MpMemory     *memory = &self->memory;
  MpQueueStatus status;
  MpRecord      record;

  delivery->token.lease = 0;
  if (G_UNLIKELY (mp_load (&memory->head->n_orphans) != 0))
    {
      status = adopt (self, delivery);
      if (status != MP_QUEUE_EMPTY)
        return status;
    }

  status = mp_shared_queue_ring_status (self, mp_ring_peek (memory, &record), MP_QUEUE_EMPTY);
  if (status != MP_QUEUE_OK)
    return status;
  if (!fits (delivery, record.size))
    return MP_QUEUE_TOO_SHORT;
  delivery->tag = record.tag;
  if (record.block != 0 || mp_shared_queue_is_acknowledged (self))
    return claim (self, &record, delivery);

  if (!copy_out (self, delivery, record.payload, record.size))
    return MP_QUEUE_NO_SPACE;
  MP_STEP ("get/copied");
  mp_ring_advance (memory, &record);
  return MP_QUEUE_OK;
}

static void
end_lease (MpSharedQueue *self,
           guint32        lease)
{
  MpMemory *memory = &self->memory;

  mp_lock (memory, MP_LOCK_ARENA);
  mp_lease_end (memory, lease);
  if (mp_shared_queue_is_acknowledged (self))
    mp_store_release (&memory->arena->n_done, (memory->arena->n_done + 1) & MP_COUNT_MASK);
  mp_unlock (memory, MP_LOCK_ARENA);
  __atomic_fetch_sub (&self->n_held, 1, __ATOMIC_RELAXED);
}

/* With the head lock. */
static void
mark_orphan (MpMemory *memory,
             guint32   lease)
{
  mp_store_release (&mp_memory_lease (memory, lease - 1)->owner,
                    mp_lease_owner (MP_LEASE_ORPHAN, 0, 0));
  MP_STEP ("retry/orphaned");
  mp_store (&memory->head->n_orphans, memory->head->n_orphans + 1);
}

/* Puts the message back, ahead of all that is queued. */
static void
orphan_lease (MpSharedQueue *self,
              guint32        lease)
{
  MpMemory *memory = &self->memory;

  mp_lock (memory, MP_LOCK_HEAD);
  mark_orphan (memory, lease);
  mp_unlock (memory, MP_LOCK_HEAD);
  __atomic_fetch_sub (&self->n_held, 1, __ATOMIC_RELAXED);
  mp_waiters_wake (memory, MP_WAITS_KIND_ITEMS, 1);
}

/* Copies what was leased, and ends the lease unless somebody has to finish it. */
static MpQueueStatus
receive (MpSharedQueue   *self,
         MpQueueDelivery *delivery)
{
  MpMemory *memory = &self->memory;
  MpLease  *slot = mp_memory_lease (memory, delivery->token.lease - 1);
  guint64   block = mp_load (&slot->block);
  guint64   size = mp_load (&slot->size);

  if (size > 0 && !(mp_memory_contains (memory, block, size) &&
                    mp_arena_is_block (memory, block, size)))
    {
      mp_memory_set_damaged (memory);
      return MP_QUEUE_DAMAGED;
    }
  if (!fits (delivery, size) || !copy_out (self, delivery, block, size))
    {
      orphan_lease (self, delivery->token.lease);
      return MP_QUEUE_NO_SPACE;
    }

  MP_STEP ("get/received");
  if (!mp_shared_queue_is_acknowledged (self))
    {
      end_lease (self, delivery->token.lease);
      delivery->token.lease = 0;
    }
  return MP_QUEUE_OK;
}

/* As if nobody had taken it: a lease that waits for its next holder. */
MpQueueStatus
mp_shared_queue_give_back (gpointer           user_data,
                           const MpQueueItem *item)
{
  MpSharedQueue *self = user_data;
  MpMemory      *memory = &self->memory;
  const MpRecord record = { .size = item->size, .tag = item->tag };
  MpQueueStatus  status = mp_shared_queue_enter (self);
  guint64        block;
  guint32        lease;

  if (status != MP_QUEUE_OK)
    return status;

  mp_lock (memory, MP_LOCK_HEAD);
  lease = make_lease (self, &record, &block);
  if (lease != 0)
    {
      if (item->size > 0)
        memcpy (mp_memory_at (memory, block), item->data, item->size);
      fill_lease (memory, lease, &record);
      MP_STEP ("give-back/filled");
      mark_orphan (memory, lease);
    }
  mp_unlock (memory, MP_LOCK_HEAD);
  mp_waiters_wake (memory, MP_WAITS_KIND_ITEMS, 1);
  mp_shared_queue_leave (self);
  return lease != 0 ? MP_QUEUE_OK : MP_QUEUE_NO_SPACE;
}

static MpQueueStatus
try_get (MpSharedQueue *self,
         gpointer       data)
{
  MpQueueDelivery *delivery = data;
  MpMemory        *memory = &self->memory;
  MpQueueStatus    status;

  mp_lock (memory, MP_LOCK_HEAD);
  status = take (self, delivery);
  mp_unlock (memory, MP_LOCK_HEAD);

  if (G_UNLIKELY (status == MP_QUEUE_EMPTY))
    return mp_shared_queue_is_drained (self) ? MP_QUEUE_CLOSED : MP_QUEUE_EMPTY;
  if (status == MP_QUEUE_OK && delivery->token.lease != 0)
    status = receive (self, delivery);
  if (G_LIKELY (status == MP_QUEUE_OK))
    mp_waiters_wake (memory, MP_WAITS_KIND_SPACE, 1);
  return status;
}

/* What the dead had in hand comes ahead of newer messages also where there are always
 * some, so that nobody sleeps, which is when one else looks who died.  Looking costs a
 * system call for each participant, hence not before each message. */
static void
look_who_died (MpSharedQueue *self)
{
  if (mp_shared_queue_is_acknowledged (self))
    mp_recovery_run_at_times (&self->memory);
}

MpQueueStatus
mp_shared_queue_get (gpointer           user_data,
                     MpQueueDelivery   *delivery,
                     const MpQueueWait *wait)
{
  MpSharedQueue *self = user_data;
  MpQueueStatus  status = mp_shared_queue_enter (self);

  if (G_LIKELY (status == MP_QUEUE_OK))
    {
      look_who_died (self);
      status = mp_shared_queue_try_and_wait (self, MP_WAITS_KIND_ITEMS, wait, try_get, delivery);
    }
  mp_shared_queue_leave (self);
  return status;
}

/* Under one lock as long as nothing has to be leased. */
MpQueueStatus
mp_shared_queue_get_many (gpointer         user_data,
                          MpQueueDelivery *deliveries,
                          guint            n,
                          guint           *n_got)
{
  MpSharedQueue *self = user_data;
  MpMemory      *memory = &self->memory;
  MpQueueStatus  status = mp_shared_queue_enter (self);
  guint          got = 0;

  *n_got = 0;
  if (status == MP_QUEUE_OK)
    look_who_died (self);
  while (status == MP_QUEUE_OK && got < n)
    {
      gboolean leased = FALSE;

      mp_lock (memory, MP_LOCK_HEAD);
      while (got < n && !leased && (status = take (self, &deliveries[got])) == MP_QUEUE_OK)
        {
          leased = deliveries[got].token.lease != 0;
          got++;
        }
      mp_unlock (memory, MP_LOCK_HEAD);

      if (leased && (status = receive (self, &deliveries[got - 1])) != MP_QUEUE_OK)
        got--;
    }

  if (got > 0)
    mp_waiters_wake (memory, MP_WAITS_KIND_SPACE, got);
  else if (status == MP_QUEUE_EMPTY && mp_shared_queue_is_drained (self))
    status = MP_QUEUE_CLOSED;
  mp_shared_queue_leave (self);
  *n_got = got;
  return got > 0 ? MP_QUEUE_OK : status;
}

/* --- What was got ---------------------------------------------------------------------- */

/* Whether the delivery is still ours. */
static gboolean
is_current (MpSharedQueue      *self,
            const MpQueueToken *token)
{
  MpLease *slot;

  if (token->lease == 0 || token->lease > mp_lease_count_used (&self->memory))
    return FALSE;

  slot = mp_memory_lease (&self->memory, token->lease - 1);
  return mp_lease_is_own (&self->memory, mp_load_acquire (&slot->owner)) &&
         slot->serial == token->serial && slot->n_deliveries == token->n_deliveries;
}

void
mp_shared_queue_keep (gpointer            user_data,
                      const MpQueueToken *token)
{
  MpSharedQueue *self = user_data;

  g_mutex_lock (&self->held_mutex);
  g_queue_push_tail (&self->held, g_memdup2 (token, sizeof *token));
  g_mutex_unlock (&self->held_mutex);
}

static gboolean
pop_oldest (MpSharedQueue *self,
            MpQueueToken  *token)
{
  g_autofree MpQueueToken *oldest = NULL;

  g_mutex_lock (&self->held_mutex);
  oldest = g_queue_pop_head (&self->held);
  g_mutex_unlock (&self->held_mutex);

  if (oldest == NULL)
    return FALSE;
  *token = *oldest;
  return TRUE;
}

MpQueueStatus
mp_shared_queue_finish (gpointer            user_data,
                        const MpQueueToken *token,
                        MpQueueFinish       how)
{
  MpSharedQueue *self = user_data;
  MpMemory      *memory = &self->memory;
  MpQueueStatus  status = mp_shared_queue_enter (self);
  MpQueueToken   oldest;

  if (status != MP_QUEUE_OK)
    return status;
  if (token == NULL)
    {
      if (!pop_oldest (self, &oldest))
        return MP_QUEUE_TOO_MANY_DONE;
      token = &oldest;
    }
  if (!is_current (self, token))
    return MP_QUEUE_STALE;

  if (how == MP_QUEUE_FINISH_RETRY)
    {
      orphan_lease (self, token->lease);
    }
  else
    {
      end_lease (self, token->lease);
      mp_waiters_wake (memory, MP_WAITS_KIND_SPACE, 1);
    }

  mp_waiters_wake (memory, MP_WAITS_KIND_NEWS, 0);
  if (mp_shared_queue_check (self, MP_QUEUE_WAIT_DONE))
    mp_waiters_wake (memory, MP_WAITS_KIND_DONE, G_MAXUINT);
  /* Those who wait for what may come back can stop waiting. */
  if (mp_load (&memory->state->shutdown))
    mp_waiters_wake (memory, MP_WAITS_KIND_ITEMS, G_MAXUINT);
  mp_shared_queue_leave (self);
  return MP_QUEUE_OK;
}

static void
write_progress (MpLease    *slot,
                double      fraction,
                const char *text)
{
  slot->progress = fraction;
  g_strlcpy (slot->progress_text, text != NULL ? text : "", sizeof slot->progress_text);
}

/* With the lock under which leases end: a lease that is read or written to stays what it is. */
MpQueueStatus
mp_shared_queue_set_progress (gpointer            user_data,
                              const MpQueueToken *token,
                              double              fraction,
                              const char         *text)
{
  MpSharedQueue *self = user_data;
  MpMemory      *memory = &self->memory;
  MpQueueStatus  status = mp_shared_queue_enter (self);

  if (status != MP_QUEUE_OK)
    return status;

  mp_lock (memory, MP_LOCK_ARENA);
  if (is_current (self, token))
    write_progress (mp_memory_lease (memory, token->lease - 1), fraction, text);
  else
    status = MP_QUEUE_STALE;
  mp_unlock (memory, MP_LOCK_ARENA);
  mp_shared_queue_leave (self);
  return status;
}

static gboolean
read_progress (MpSharedQueue   *self,
               MpLease         *slot,
               MpQueueProgress *progress)
{
  MpMemory *memory = &self->memory;
  guint64   owner = mp_load_acquire (&slot->owner);
  guint     participant = mp_lease_participant (owner);

  if (mp_lease_state (owner) != MP_LEASE_HELD || participant >= MP_N_PARTICIPANTS)
    return FALSE;

  progress->serial = slot->serial;
  progress->n_deliveries = mp_load (&slot->n_deliveries);
  progress->pid = mp_load (&mp_memory_participant (memory, participant)->pid);
  progress->fraction = slot->progress;
  memcpy (progress->text, slot->progress_text, sizeof progress->text);
  progress->text[sizeof progress->text - 1] = '\0';
  return TRUE;
}

void
mp_shared_queue_list (gpointer user_data,
                      void (*func) (const MpQueueProgress *progress,
                                    gpointer               user_data),
                      gpointer func_data)
{
  MpSharedQueue *self = user_data;
  MpMemory      *memory = &self->memory;
  guint32        n_used;

  if (mp_shared_queue_enter (self) != MP_QUEUE_OK)
    return;

  n_used = mp_lease_count_used (memory);
  for (guint32 i = 0; i < n_used; i++)
    {
      MpLease        *slot = mp_memory_lease (memory, i);
      MpQueueProgress progress;
      gboolean        held;

      if (mp_lease_state (mp_load (&slot->owner)) != MP_LEASE_HELD)
        continue;
      mp_lock (memory, MP_LOCK_ARENA);
      held = read_progress (self, slot, &progress);
      mp_unlock (memory, MP_LOCK_ARENA);
      if (held)
        func (&progress, func_data);
    }
  mp_shared_queue_leave (self);
}

MpQueueStatus
mp_shared_queue_get_dead (gpointer         user_data,
                          MpQueueDelivery *delivery)
{
  MpSharedQueue *self = user_data;
  MpMemory      *memory = &self->memory;
  MpQueueStatus  status = mp_shared_queue_enter (self);
  guint32        lease;
  MpLease       *slot;
  guint64        block, size;

  if (status != MP_QUEUE_OK)
    return status;

  mp_lock (memory, MP_LOCK_ARENA);
  lease = mp_lease_find_dead (memory);
  if (lease == 0)
    {
      mp_unlock (memory, MP_LOCK_ARENA);
      return MP_QUEUE_EMPTY;
    }

  slot = mp_memory_lease (memory, lease - 1);
  block = mp_load (&slot->block);
  size = mp_load (&slot->size);
  delivery->tag = (guint8) slot->tag;
  delivery->token = (MpQueueToken){ 0, slot->n_deliveries, slot->serial };
  if (size > 0 && !(mp_memory_contains (memory, block, size) &&
                    mp_arena_is_block (memory, block, size)))
    status = MP_QUEUE_DAMAGED;
  else if (!copy_out (self, delivery, block, size))
    status = MP_QUEUE_NO_SPACE;
  else
    {
      mp_lease_end (memory, lease);
      mp_store (&memory->arena->n_dead, memory->arena->n_dead - 1);
    }
  mp_unlock (memory, MP_LOCK_ARENA);
  mp_shared_queue_leave (self);
  return status;
}
