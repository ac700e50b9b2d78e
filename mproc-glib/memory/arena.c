/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "arena.h"

#include "blocks.h"
#include "cells.h"
#include "lock.h"
#include "units.h"

#include <fcntl.h>
#include <sched.h>

/* Free memory up to this is kept for the next burst; what exceeds it goes back to the
 * system, a piece at a time. */
#define KEEP_WARM      (64u * 1024 * 1024 / MP_UNIT_SIZE)
#define MIN_TRIM_ORDER 5

/* --- Blocks ---------------------------------------------------------------------------------- */

/* What is kept for the next small block may be in the way of a large one. */
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
  return status;
}

void
mp_arena_free (MpMemory *self,
               guint64   offset)
{
  guint32 unit;
  guint   order;

  if (mp_blocks_find (self, offset, &unit, &order))
    mp_blocks_free (self, unit, order, 0);
  else if (!mp_cells_free (self, offset))
    mp_memory_set_damaged (self);
  if (G_UNLIKELY (self->arena->n_free_warm > KEEP_WARM))
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

/* How many units are in used blocks. */
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

/* --- Intents --------------------------------------------------------------------------------- */

static void
release_intent (MpMemory *self,
                guint     intent)
{
  __atomic_fetch_and (&self->intents_used, ~(1u << intent), __ATOMIC_RELEASE);
}

/* Frees the intent's block, whose memory may not be there. */
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

/* With the lock. */
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

/* Now, or as soon as a thread of ours has the lock. */
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

/* One intent for each thread at work; a ninth waits for one to get free.  FALSE when that needs
 * the lock, which is not to be had. */
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

/* With the lock. */
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

/* Another block for an intent whose memory is not to be had.  With the lock. */
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

/* The memory is asked for without the lock: for a large message that takes as long as to copy
 * it. */
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

/* Where it is: whoever publishes the block clears it, with the lock that publishing takes. */
guint64 *
mp_arena_intent (MpMemory *self,
                 guint     intent)
{
  return &mp_memory_participant (self, self->participant)->intents[intent];
}

/* Ends an intent that is clear; or @unpublished is the block that was not published after all. */
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

/* --- Giving memory back ----------------------------------------------------------------------- */

/* Takes the largest warm free piece out, as an intent, so that it is found when we die. */
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

/* The system takes as long as the piece is large: it does without the lock. */
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
  found = self->arena->n_free_warm > KEEP_WARM && begin_trim (self, intent, &unit, &order);
  mp_unlock (self, MP_LOCK_ARENA);
  if (found)
    {
      if (mp_memory_owns_descriptors (self))
        fallocate (self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                   (off_t) mp_units_offset (self, unit), (off_t) MP_UNIT_SIZE << order);
      drop_intent_sometime (self, intent);
    }
  else
    {
      release_intent (self, intent);
    }
}
