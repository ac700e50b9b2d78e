/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "arena.h"

#include "blocks.h"
#include "cells.h"
#include "lock.h"
#include "units.h"

#include <fcntl.h>
#include <sched.h>

/* How many free units keep their memory for the next burst of messages: three times as many as the
 * largest freed block had, since a producer and a consumer of such messages use two blocks in turn,
 * but within these limits.  If more are free, the memory of the largest pieces is returned to the
 * system, one piece at a time. */
#define KEEP_WARM      (64u * 1024 * 1024 / MP_UNIT_SIZE)
#define KEEP_WARM_MOST (256u * 1024 * 1024 / MP_UNIT_SIZE)
#define MIN_TRIM_ORDER 5

/* If fewer free units than this have memory, more are prepared: enough for a segment besides the
 * reserve. */
#define FEW_WARM (2 * MP_N_RESERVE_UNITS)

/* --- Blocks ---------------------------------------------------------------------------------- */

/* The empty units that mp_cells_free () keeps for small blocks may be what a large block needs:
 * give them back and try once more. */
static MpArenaStatus
allocate_units (MpMemory *self,
                guint64   size,
                guint32   n_kept,
                guint64  *offset)
{
  MpArenaStatus status = mp_blocks_allocate_backed (self, size, n_kept, offset);

  if (G_LIKELY (status != MP_ARENA_FULL))
    return status;
  mp_cells_trim (self);
  return mp_blocks_allocate_backed (self, size, n_kept, offset);
}

MpArenaStatus
mp_arena_allocate (MpMemory *self,
                   guint64   size,
                   guint64  *offset)
{
  return size <= MP_CELL_LIMIT ? mp_cells_allocate (self, size, offset)
                               : allocate_units (self, size, 0, offset);
}

MpArenaStatus
mp_arena_allocate_segment (MpMemory *self,
                           gboolean  use_reserve,
                           guint64  *offset)
{
  MpArenaStatus status;

  if (use_reserve)
    return allocate_units (self, MP_SEGMENT_SIZE, 0, offset);
  status = allocate_units (self, MP_SEGMENT_SIZE, MP_N_RESERVE_UNITS, offset);
  if (status == MP_ARENA_OK && (status = mp_blocks_keep_reserve (self)) != MP_ARENA_OK)
    mp_arena_free (self, *offset);
  if (mp_arena_is_low (self))
    mp_store (&self->must_prepare, 1);
  return status;
}

static guint32
get_keep_warm (MpMemory *self)
{
  guint32 wanted = 3u << mp_load (&self->largest_freed);

  return CLAMP (wanted, KEEP_WARM, KEEP_WARM_MOST);
}

gboolean
mp_arena_is_low (MpMemory *self)
{
  return mp_load (&self->arena->n_free_warm) < FEW_WARM;
}

void
mp_arena_free (MpMemory *self,
               guint64   offset)
{
  guint32 unit;
  guint   order = 0;

  if (mp_blocks_find (self, offset, &unit, &order))
    mp_blocks_free (self, unit, order, 0);
  else if (!mp_cells_free (self, offset))
    mp_memory_set_damaged (self);
  if (G_UNLIKELY (order > mp_load (&self->largest_freed)))
    mp_store (&self->largest_freed, order);
  if (G_UNLIKELY (self->arena->n_free_warm > get_keep_warm (self)))
    mp_store (&self->must_trim, 1);
}

gboolean
mp_arena_is_block (MpMemory *self,
                   guint64   offset,
                   guint64   size)
{
  guint32 unit;
  guint   order, cell;
  guint64 found = 0;

  if (!mp_blocks_find (self, offset, &unit, &order))
    return mp_cells_contain (self, offset, size, &cell);
  do
    found += (guint64) MP_UNIT_SIZE << order;
  while (found < size && mp_blocks_find_more (self, &unit, &order));
  return found >= size;
}

void
mp_arena_rebuild (MpMemory *self)
{
  mp_units_rebuild (self);
  mp_cells_rebuild (self);
}

/* --- Recovery ------------------------------------------------------------------------------- */

gboolean
mp_arena_mark (MpMemory *self,
               guint64   offset,
               guint32  *marks,
               guint32   n_marks)
{
  guint64 unit = (offset - self->arena_offset) / MP_UNIT_SIZE;
  guint   cell = 0;

  if (!mp_arena_is_block (self, offset, 0) || unit >= n_marks)
    return FALSE;
  mp_cells_contain (self, offset, 0, &cell);
  if (marks[unit] & 1u << cell)
    return FALSE;
  marks[unit] |= 1u << cell;
  return TRUE;
}

void
mp_arena_sweep (MpMemory      *self,
                const guint32 *marks,
                guint32        n_marks)
{
  gboolean keep = FALSE;
  guint64  size;

  for (guint64 unit = 0; unit < n_marks; unit += size)
    {
      guint8 state = self->units[unit];

      size = mp_unit_size (state);
      if (mp_unit_has_cells (state))
        keep = mp_cells_sweep (self, (guint32) unit, marks[unit]);
      else if (!mp_unit_goes_on (state))
        keep = (state & MP_UNIT_USED) != 0 && marks[unit] != 0;
      if ((state & MP_UNIT_USED) != 0 && !keep)
        {
          mp_store (&self->units[unit], (guint8) (MP_UNIT_FREE | mp_unit_order (state)));
          MP_STEP ("arena/swept");
        }
    }
  mp_arena_rebuild (self);
}

/* Returns the number of units that belong to used blocks. */
guint
mp_arena_get_n_used (MpMemory *self)
{
  guint64 n_units = mp_units_count (self);
  guint   n_used = 0;

  for (guint64 unit = 0; unit < n_units; unit += mp_unit_size (self->units[unit]))
    {
      guint8 state = self->units[unit];

      if (mp_unit_has_cells (state))
        n_used += mp_cells_are_used (self, (guint32) unit);
      else if (state & MP_UNIT_USED)
        n_used += (guint) mp_unit_size (state);
    }
  return n_used;
}

guint64
mp_arena_count_free (MpMemory *self)
{
  return self->config.n_units_cap - mp_units_count (self) + mp_load (&self->arena->n_free);
}

/* --- Intents --------------------------------------------------------------------------------- */

static void
release_intent (MpMemory *self,
                guint     intent)
{
  __atomic_fetch_and (&self->intents_used, ~(1u << intent), __ATOMIC_RELEASE);
}

/* Frees the intent's block.  It counts as cold, since it is not known whether its memory was
 * allocated. */
static void
drop_intent (MpMemory *self,
             guint64  *intent)
{
  guint64 offset = mp_load (intent);
  guint32 unit;
  guint   order;

  mp_store_release (intent, 0);
  if (offset != 0 && mp_blocks_find (self, offset, &unit, &order))
    mp_blocks_free (self, unit, order, MP_UNIT_COLD);
}

/* The caller holds the arena lock. */
static void
drop_due_intents (MpMemory *self)
{
  guint32 due = __atomic_exchange_n (&self->intents_due, 0, __ATOMIC_ACQUIRE);

  for (; due != 0; due &= due - 1)
    {
      guint intent = (guint) __builtin_ctz (due);

      drop_intent (self, mp_arena_intent (self, intent));
      release_intent (self, intent);
    }
}

/* Frees the intent's block at once if the arena lock is free, else when a thread of this handle
 * next holds it. */
static void
drop_intent_sometime (MpMemory *self,
                      guint     intent)
{
  __atomic_fetch_or (&self->intents_due, 1u << intent, __ATOMIC_RELEASE);
  if (!mp_lock_take (self, MP_LOCK_ARENA))
    return;
  drop_due_intents (self);
  mp_unlock (self, MP_LOCK_ARENA);
}

/* Each thread that is putting a large message uses one intent; when all MP_N_INTENTS are used, a
 * further thread yields until one is free.  Returns FALSE if that needs the arena lock and it
 * cannot be taken now. */
static gboolean
claim_intent (MpMemory *self,
              guint    *intent)
{
  for (;;)
    {
      guint32 used = mp_load (&self->intents_used);
      guint32 free_bits = ~used & ((1u << MP_N_INTENTS) - 1);

      if (free_bits == 0 && mp_load (&self->intents_due) != 0)
        {
          if (!mp_lock_take (self, MP_LOCK_ARENA))
            return FALSE;
          drop_due_intents (self);
          mp_unlock (self, MP_LOCK_ARENA);
        }
      else if (free_bits == 0)
        {
          sched_yield ();
        }
      else
        {
          *intent = (guint) __builtin_ctz (free_bits);
          if (__atomic_compare_exchange_n (&self->intents_used, &used, used | 1u << *intent,
                                           FALSE, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return TRUE;
        }
    }
}

/* The caller holds the arena lock. */
static MpArenaStatus
allocate_intent (MpMemory *self,
                 guint64   n,
                 guint     intent,
                 gboolean *is_cold)
{
  guint32       unit;
  MpArenaStatus status = mp_blocks_allocate (self, n, MP_N_RESERVE_UNITS, &unit, is_cold);

  if (status == MP_ARENA_FULL)
    {
      mp_cells_trim (self);
      status = mp_blocks_allocate (self, n, MP_N_RESERVE_UNITS, &unit, is_cold);
    }
  if (status == MP_ARENA_OK && (status = mp_blocks_keep_reserve (self)) != MP_ARENA_OK)
    mp_blocks_free (self, unit, mp_unit_order (self->units[unit]), *is_cold ? MP_UNIT_COLD : 0);
  if (status == MP_ARENA_OK)
    mp_store (mp_arena_intent (self, intent), mp_units_offset (self, unit));
  MP_STEP ("put/intended");
  return status;
}

/* Replaces the block of an intent by a warm one, after the system refused memory for the first.
 * The caller holds the arena lock. */
static MpArenaStatus
change_intent (MpMemory *self,
               guint64   n,
               guint     intent)
{
  guint32 unit;

  drop_intent (self, mp_arena_intent (self, intent));
  if (!mp_blocks_allocate_warm (self, n, &unit))
    return MP_ARENA_NO_MEMORY;
  mp_store (mp_arena_intent (self, intent), mp_units_offset (self, unit));
  return MP_ARENA_OK;
}

/* Memory is requested from the system after the lock is released: for a large message that takes as
 * long as copying it. */
MpArenaStatus
mp_arena_begin_intent (MpMemory *self,
                       guint64   size,
                       guint64  *offset,
                       guint    *intent)
{
  const guint64 n = mp_blocks_units_for (size);
  gboolean      is_cold;
  MpArenaStatus status;

  if (!claim_intent (self, intent))
    return MP_ARENA_BUSY;
  if (!mp_lock_take (self, MP_LOCK_ARENA))
    {
      release_intent (self, *intent);
      return MP_ARENA_BUSY;
    }
  status = allocate_intent (self, n, *intent, &is_cold);
  mp_unlock (self, MP_LOCK_ARENA);

  *offset = mp_load (mp_arena_intent (self, *intent));
  if (status == MP_ARENA_OK && is_cold && !mp_memory_back (self, *offset, n * MP_UNIT_SIZE))
    {
      if (!mp_lock_take (self, MP_LOCK_ARENA))
        {
          drop_intent_sometime (self, *intent);
          return MP_ARENA_BUSY;
        }
      status = change_intent (self, n, *intent);
      mp_unlock (self, MP_LOCK_ARENA);
      *offset = mp_load (mp_arena_intent (self, *intent));
    }
  if (status != MP_ARENA_OK)
    release_intent (self, *intent);
  return status;
}

/* Returns the address of the intent.  The code that publishes the block clears the intent while it
 * holds the lock under which it publishes. */
guint64 *
mp_arena_intent (MpMemory *self,
                 guint     intent)
{
  return &mp_memory_participant (self, self->participant)->intents[intent];
}

/* Ends an intent: either one that is already clear, or one whose block @unpublished was not
 * published and is freed. */
void
mp_arena_end_intent (MpMemory *self,
                     guint     intent,
                     guint64   unpublished)
{
  if (unpublished == 0)
    {
      release_intent (self, intent);
    }
  else if (mp_lock_take (self, MP_LOCK_ARENA))
    {
      mp_store (mp_arena_intent (self, intent), 0);
      mp_arena_free (self, unpublished);
      mp_unlock (self, MP_LOCK_ARENA);
      release_intent (self, intent);
    }
  else
    {
      drop_intent_sometime (self, intent);
    }
}

void
mp_arena_drop_intents (MpMemory *self,
                       guint     participant)
{
  MpParticipant *slot = mp_memory_participant (self, participant);

  for (guint i = 0; i < MP_N_INTENTS; i++)
    drop_intent (self, &slot->intents[i]);
}

/* With so few warm units, the intent is allocated from cold ones, and their memory is requested
 * without the lock.  When freed again, they are warm. */
void
mp_arena_prepare (MpMemory *self)
{
  guint64 offset;
  guint   intent;

  if (mp_arena_is_low (self) &&
      mp_arena_begin_intent (self, MP_SEGMENT_SIZE, &offset, &intent) == MP_ARENA_OK)
    mp_arena_end_intent (self, intent, offset);
}

/* --- Giving memory back ----------------------------------------------------------------------- */

/* Takes the largest warm free piece out of the lists.  It is recorded as an intent, so that it is
 * freed if this process is killed before it puts the piece back. */
static gboolean
begin_trim (MpMemory *self,
            guint     intent,
            guint32  *unit,
            guint    *order)
{
  for (guint o = MP_N_ORDERS - 1; o >= MIN_TRIM_ORDER; o--)
    if (mp_units_find (self, o, FALSE, unit, order))
      {
        mp_units_remove (self, *unit, *order);
        mp_store (&self->units[*unit], (guint8) (MP_UNIT_USED | *order));
        MP_STEP ("arena/trimming");
        mp_store_release (mp_arena_intent (self, intent), mp_units_offset (self, *unit));
        return TRUE;
      }
  return FALSE;
}

/* Punching a hole takes time in proportion to the size of the piece, so it is done without the
 * lock, one piece at a time. */
void
mp_arena_trim (MpMemory *self)
{
  guint    intent, order;
  guint32  unit;
  gboolean found;

  mp_store (&self->must_trim, 0);
  if (!claim_intent (self, &intent))
    return;
  if (!mp_lock_take (self, MP_LOCK_ARENA))
    {
      release_intent (self, intent);
      return;
    }
  found = self->arena->n_free_warm > get_keep_warm (self) &&
          begin_trim (self, intent, &unit, &order);
  mp_unlock (self, MP_LOCK_ARENA);
  if (found)
    {
      if (mp_memory_owns_descriptors (self))
        fallocate (self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                   (off_t) mp_units_offset (self, unit), (off_t) MP_UNIT_SIZE << order);
      drop_intent_sometime (self, intent);
      if (mp_load (&self->arena->n_free_warm) > get_keep_warm (self))
        mp_store (&self->must_trim, 1);
    }
  else
    {
      release_intent (self, intent);
    }
}
