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
  gboolean           lacks_units; /* the next one is refused since the arena has no units for it */
} Put;

static const MpQueueItem *
get_next (const Put *put)
{
  return &put->items[put->n_put];
}

/* Appends the next @n messages, or as many as there is room for, to the ring.  A published block
 * needs no @intent any more, which is cleared before the lock is released; recovery takes that lock
 * too.  If it were cleared later and this process died in between, recovery would take the block
 * for an unpublished one, also after a consumer has freed it and it was allocated again. */
static inline G_ALWAYS_INLINE MpQueueStatus
append (MpSharedQueue *self,
        Put           *put,
        guint          n,
        guint64        block,
        guint64       *intent)
{
  MpMemory    *memory = &self->memory;
  MpRingStatus status = MP_RING_FULL;
  gboolean     is_shut_down;
  guint        n_appended = 0;

  if (!mp_lock_take (memory, MP_LOCK_TAIL))
    return MP_QUEUE_BUSY;
  is_shut_down = mp_load (&memory->state->shutdown) != 0;
  if (G_LIKELY (!is_shut_down))
    status = mp_ring_append (memory, get_next (put), n, block, &n_appended);
  if (intent != NULL && status == MP_RING_OK)
    mp_store_release (intent, 0);
  mp_unlock (memory, MP_LOCK_TAIL);

  if (G_UNLIKELY (is_shut_down))
    return MP_QUEUE_CLOSED;
  put->n_put += n_appended;
  put->lacks_units = status == MP_RING_NO_UNITS;
  if (G_LIKELY (status == MP_RING_OK))
    {
      mp_waiters_wake (memory, MP_QUEUE_WAIT_ITEMS, n_appended);
      if (mp_shared_queue_is_acknowledged (self))
        mp_waiters_wake (memory, MP_QUEUE_WAIT_NEWS, 0);
    }
  return mp_shared_queue_ring_status (self, status, MP_QUEUE_FULL);
}

/* A large message is copied into its block before the tail lock is taken. */
static G_GNUC_NO_INLINE MpQueueStatus
put_block (MpSharedQueue *self,
           Put           *put)
{
  const MpQueueItem *item = get_next (put);
  MpMemory          *memory = &self->memory;
  MpArenaStatus      allocated;
  MpQueueStatus      status;
  guint64            block;
  guint              intent;

  put->lacks_units = FALSE;
  if (mp_load (&memory->state->shutdown))
    return MP_QUEUE_CLOSED;
  if (!mp_ring_has_room (memory, item->size))
    return MP_QUEUE_FULL;

  allocated = mp_arena_begin_intent (memory, item->size, &block, &intent);
  put->lacks_units = allocated == MP_ARENA_FULL;
  if (allocated == MP_ARENA_BUSY)
    return MP_QUEUE_BUSY;
  if (allocated != MP_ARENA_OK)
    return put->lacks_units ? MP_QUEUE_FULL : MP_QUEUE_NO_SPACE;
  if (G_UNLIKELY (!mp_memory_contains (memory, block, item->size)))
    {
      mp_arena_end_intent (memory, intent, 0);
      mp_memory_set_damaged (memory);
      return MP_QUEUE_DAMAGED;
    }

  mp_queue_item_store (item, mp_memory_at (memory, block));
  MP_STEP ("put/copied");
  status = append (self, put, 1, block, mp_arena_intent (memory, intent));
  mp_arena_end_intent (memory, intent, status == MP_QUEUE_OK ? 0 : block);
  return status;
}

/* Puts the next message, or the next few when they are small. */
static inline G_ALWAYS_INLINE MpQueueStatus
put_some (MpSharedQueue *self,
          Put           *put)
{
  const MpQueueItem *next = get_next (put);
  guint              n_left = put->n_items - put->n_put;
  guint              n = 1;

  if (next->size > MP_INLINE_LIMIT)
    return put_block (self, put);
  while (n < MIN (n_left, MP_RING_MAX_RUN) && next[n].size <= MP_INLINE_LIMIT)
    n++;
  return append (self, put, n, 0, NULL);
}

static inline G_ALWAYS_INLINE MpQueueStatus
try_put (MpSharedQueue *self,
         gpointer       data,
         MpAttemptNote *note)
{
  Put          *put = data;
  MpQueueStatus status = MP_QUEUE_OK;

  while (status == MP_QUEUE_OK && put->n_put < put->n_items)
    {
      status = put_some (self, put);
      if (G_UNLIKELY (status == MP_QUEUE_FULL))
        mp_shared_queue_note_refused (self, get_next (put)->size, put->lacks_units);
      else if (G_UNLIKELY (mp_load (&self->refused_size) != 0))
        mp_shared_queue_forget_refused (self);
    }
  if (status == MP_QUEUE_FULL)
    note->n_wanted = get_next (put)->size;
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
  Put            data = { items, n_items, 0, FALSE };
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
