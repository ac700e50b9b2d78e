/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-leave.h"
#include "shared-queue-private.h"
#include "shared-wait.h"

#include "arena.h"
#include "lock.h"
#include "ring.h"
#include "waiters.h"

#include <string.h>

/* Putting messages: small ones into the ring, many in one step; large ones into blocks. */

G_STATIC_ASSERT (MP_INLINE_LIMIT < MP_QUEUE_MIN_PIECES);

typedef struct
{
  const MpQueueItem *items;
  guint              n_items;
  guint              n_put;
} Put;

/* Appends messages to the ring.  A published block needs no @intent any more, which is cleared
 * before the lock is released; recovery takes that lock too.  If it were cleared later and this
 * process died in between, recovery would take the block for an unpublished one, also after a
 * consumer has freed it and it was allocated again. */
static MpQueueStatus
append (MpSharedQueue    *self,
        const MpRingItem *items,
        guint             n_items,
        guint64          *intent,
        guint            *n_appended)
{
  MpMemory     *memory = &self->memory;
  MpQueueStatus status;

  if (!mp_lock_take (memory, MP_LOCK_TAIL))
    return MP_QUEUE_BUSY;
  if (G_UNLIKELY (mp_load (&memory->state->shutdown)))
    status = MP_QUEUE_CLOSED;
  else
    status = mp_shared_queue_ring_status (self,
                                          mp_ring_append (memory, items, n_items, n_appended),
                                          MP_QUEUE_FULL);
  if (intent != NULL && status == MP_QUEUE_OK)
    mp_store_release (intent, 0);
  mp_unlock (memory, MP_LOCK_TAIL);

  if (G_LIKELY (status == MP_QUEUE_OK))
    {
      mp_waiters_wake (memory, MP_QUEUE_WAIT_ITEMS, *n_appended);
      if (mp_shared_queue_is_acknowledged (self))
        mp_waiters_wake (memory, MP_QUEUE_WAIT_NEWS, 0);
    }
  return status;
}

/* A large message is copied into its block before the tail lock is taken. */
static MpQueueStatus
put_block (MpSharedQueue     *self,
           const MpQueueItem *item)
{
  MpMemory     *memory = &self->memory;
  MpRingItem    record = { item->data, item->size, 0, item->tag };
  MpArenaStatus allocated;
  MpQueueStatus status;
  guint         intent, n_appended;

  if (mp_load (&memory->state->shutdown))
    return MP_QUEUE_CLOSED;
  if (!mp_ring_has_room (memory, item->size))
    return MP_QUEUE_FULL;

  allocated = mp_arena_begin_intent (memory, item->size, &record.block, &intent);
  if (allocated == MP_ARENA_BUSY)
    return MP_QUEUE_BUSY;
  if (allocated != MP_ARENA_OK)
    return allocated == MP_ARENA_FULL ? MP_QUEUE_FULL : MP_QUEUE_NO_SPACE;
  if (G_UNLIKELY (!mp_memory_contains (memory, record.block, item->size)))
    {
      mp_arena_end_intent (memory, intent, 0);
      mp_memory_set_damaged (memory);
      return MP_QUEUE_DAMAGED;
    }

  mp_queue_item_store (item, mp_memory_at (memory, record.block));
  MP_STEP ("put/copied");
  status = append (self, &record, 1, mp_arena_intent (memory, intent), &n_appended);
  mp_arena_end_intent (memory, intent, status == MP_QUEUE_OK ? 0 : record.block);
  return status;
}

/* Puts the next message, or the next few when they are small. */
static MpQueueStatus
put_some (MpSharedQueue     *self,
          const MpQueueItem *items,
          guint              n_items,
          guint             *n_put)
{
  MpRingItem run[MP_RING_MAX_RUN];
  guint      n = 0;

  *n_put = 0;
  if (items[0].size > MP_INLINE_LIMIT)
    {
      MpQueueStatus status = put_block (self, &items[0]);

      *n_put = status == MP_QUEUE_OK;
      return status;
    }

  while (n < MIN (n_items, MP_RING_MAX_RUN) && items[n].size <= MP_INLINE_LIMIT)
    {
      run[n] = (MpRingItem){ items[n].data, items[n].size, 0, items[n].tag };
      n++;
    }
  return append (self, run, n, NULL, n_put);
}

static MpQueueStatus
try_put (MpSharedQueue *self,
         gpointer       data,
         MpAttemptNote *note)
{
  Put          *put = data;
  MpQueueStatus status = MP_QUEUE_OK;

  while (status == MP_QUEUE_OK && put->n_put < put->n_items)
    {
      guint n;

      status = put_some (self, put->items + put->n_put, put->n_items - put->n_put, &n);
      put->n_put += n;
      if (G_UNLIKELY (status == MP_QUEUE_FULL))
        mp_shared_queue_note_refused (self, put->items[put->n_put].size);
      else if (G_UNLIKELY (mp_load (&self->refused_size) != 0))
        mp_shared_queue_forget_refused (self);
    }
  if (status == MP_QUEUE_FULL)
    note->n_wanted = put->items[put->n_put].size;
  return status;
}

MpQueueStatus
mp_shared_queue_put (gpointer           user_data,
                     const MpQueueItem *items,
                     guint              n_items,
                     MpQueueCall       *call,
                     guint             *n_put)
{
  MpSharedQueue *self = user_data;
  Put            data = { items, n_items, 0 };
  MpQueueStatus  status = mp_shared_queue_enter (self);

  for (guint i = 0; i < n_items && status == MP_QUEUE_OK; i++)
    if (G_UNLIKELY (items[i].size > self->memory.config.max_bytes))
      status = MP_QUEUE_TOO_LARGE;
  if (G_LIKELY (status == MP_QUEUE_OK))
    status = mp_shared_queue_try_and_wait (self, MP_QUEUE_WAIT_SPACE, call, try_put, &data);
  mp_shared_queue_leave (self);
  *n_put = data.n_put;
  return status;
}
