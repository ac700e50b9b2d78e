/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-queue-private.h"

#include "arena.h"
#include "lease.h"
#include "lock.h"
#include "ring.h"

/* Numbers of messages, and whether the condition that a caller waits for holds. */

/* Returns the number of unfinished messages and, in @n_total, of those ever put.  The former never
 * exceeds the latter, although both change concurrently. */
guint32
mp_shared_queue_count_tasks (MpSharedQueue *self,
                             guint64       *n_total)
{
  MpMemory *memory = &self->memory;
  guint32   done, n;

  do
    {
      done = mp_load_acquire (&memory->arena->n_done);
      *n_total = mp_ring_count_total (memory);
    }
  while (done != mp_load (&memory->arena->n_done));

  n = ((guint32) *n_total - done) & MP_COUNT_MASK;
  return n <= MP_MAX_COUNT ? MIN (n, (guint32) MIN (*n_total, MP_MAX_COUNT)) : 0;
}

static guint32
count_unfinished (MpSharedQueue *self)
{
  guint64 n_total;

  return mp_shared_queue_count_tasks (self, &n_total);
}

/* The sum of messages in the ring and returned ones, read again if a message changed from one to
 * the other meanwhile. */
static guint32
count_queued (MpSharedQueue *self)
{
  guint32 *place = &self->memory.head->n_orphans;
  guint32  n_orphans, n;

  do
    {
      n_orphans = mp_load_acquire (place);
      n = mp_ring_count (&self->memory);
    }
  while (n_orphans != mp_load (place));
  return n + n_orphans;
}

MpQueueStatus
mp_shared_queue_count (gpointer       user_data,
                       MpQueueCounts *counts,
                       MpQueueCall   *call)
{
  MpSharedQueue *self = user_data;
  guint32        n_unfinished = mp_shared_queue_count_tasks (self, &counts->n_total);

  MpHeadLine *head = self->memory.head;
  guint64     n_before = mp_load (&head->n_before);
  guint64     n_dropped = mp_load (&head->n_dropped);

  counts->n_total -= MIN (n_before, counts->n_total);
  counts->n_dropped = MIN (n_dropped, counts->n_total);
  counts->size = count_queued (self);
  counts->n_bytes = mp_memory_count_bytes (&self->memory);
  counts->n_unfinished = mp_shared_queue_is_acknowledged (self) ? n_unfinished : 0;
  return MP_QUEUE_OK;
}

/* Other processes may have finished all messages that this handle held. */
static gboolean
holds_any (MpSharedQueue *self)
{
  guint32 n_held = mp_load_acquire (&self->n_held);

  if (n_held == 0)
    return FALSE;
  if (mp_lease_holds_any (&self->memory))
    return TRUE;
  __atomic_compare_exchange_n (&self->n_held, &n_held, 0, FALSE, __ATOMIC_RELAXED,
                               __ATOMIC_RELAXED);
  return FALSE;
}

/* Whether a get can never return a message again.  Messages that other consumers hold may still be
 * returned.  A consumer that holds messages itself does not wait for that: two consumers that
 * finish their messages at the end would wait for each other. */
gboolean
mp_shared_queue_is_drained (MpSharedQueue *self)
{
  return mp_load_acquire (&self->memory.state->shutdown) && !mp_ring_has_items (&self->memory) &&
         mp_load (&self->memory.head->n_orphans) == 0 &&
         (!mp_shared_queue_is_acknowledged (self) ||
          count_unfinished (self) <= mp_load (&self->memory.arena->n_consumed) ||
          holds_any (self));
}

/* Records the size of a message that was refused, so that a caller is not woken for less room,
 * which would make it try in vain and wait again at once. */
void
mp_shared_queue_note_refused (MpSharedQueue *self,
                              gsize          size,
                              gboolean       lacks_units)
{
  mp_store (&self->refused_size, size);
  mp_store (&self->refused_free, lacks_units ? mp_arena_count_free (&self->memory) + 1 : 0);
}

void
mp_shared_queue_forget_refused (MpSharedQueue *self)
{
  mp_store (&self->refused_size, 0);
  mp_store (&self->refused_free, 0);
}

static gboolean
has_room (MpSharedQueue *self)
{
  guint64 wanted = mp_load (&self->refused_free);

  return mp_ring_has_room (&self->memory, (gsize) mp_load (&self->refused_size)) &&
         (wanted == 0 || mp_arena_count_free (&self->memory) >= wanted);
}

static gboolean
has_items (MpMemory *memory)
{
  return mp_ring_has_items (memory) || mp_load (&memory->head->n_orphans) != 0;
}

/* Whether the next get would fail since the arena lock cannot be taken: it needs that lock for all
 * but small messages of a plain queue. */
static gboolean
lacks_arena (MpSharedQueue *self)
{
  return G_UNLIKELY (mp_lock_is_stuck (&self->memory, MP_LOCK_ARENA)) &&
         (mp_shared_queue_is_acknowledged (self) ||
          mp_load (&self->memory.head->n_orphans) != 0 || !mp_ring_begins_small (&self->memory));
}

gboolean
mp_shared_queue_check (gpointer         user_data,
                       MpQueueCondition condition)
{
  MpSharedQueue *self = user_data;
  MpMemory      *memory = &self->memory;

  if (mp_load (&memory->state->damaged))
    return TRUE;

  switch (condition)
    {
    case MP_QUEUE_WAIT_ITEMS:
      if (mp_lock_is_stuck (memory, MP_LOCK_HEAD))
        return FALSE;
      return mp_load (&self->is_closed) || mp_shared_queue_is_drained (self) ||
             (has_items (memory) && !lacks_arena (self));
    case MP_QUEUE_WAIT_SPACE:
      if (mp_lock_is_stuck (memory, MP_LOCK_TAIL))
        return FALSE;
      return has_room (self) || mp_load (&memory->state->shutdown) ||
             mp_load (&self->is_closed);
    case MP_QUEUE_WAIT_DONE:
      return count_unfinished (self) == 0;
    case MP_QUEUE_WAIT_NEWS:
    case MP_QUEUE_WAIT_ANSWERS:
    default:
      return FALSE;
    }
}
