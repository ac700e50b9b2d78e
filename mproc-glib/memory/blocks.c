/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "blocks.h"

#include "step.h"
#include "units.h"

#include <errno.h>

#define RESERVE_ORDER 4

G_STATIC_ASSERT (MP_N_RESERVE_UNITS == 1u << RESERVE_ORDER);

/* --- Allocating ------------------------------------------------------------------------ */

/* The smallest order whose pieces have at least @n units. */
static guint
order_for (guint64 n)
{
  return n <= 1 ? 0 : 64 - (guint) __builtin_clzll (n - 1);
}

/* Allocates the first @n units of a free piece that is in no list, in as few pieces as possible,
 * and frees the rest.  Storing @mark in the first piece commits the allocation; the state of the
 * pieces behind it is stored before. */
static void
cut (MpMemory *self,
     guint32   unit,
     guint     order,
     guint64   n,
     guint8    mark)
{
  guint8  cold = self->units[unit] & MP_UNIT_COLD;
  guint64 first = G_GUINT64_CONSTANT (1) << (63 - __builtin_clzll (n));
  guint64 at = first;

  while (at < n)
    {
      guint more = 63 - (guint) __builtin_clzll (n - at);

      mp_store (&self->units[unit + at], (guint8) (MP_UNIT_USED | MP_UNIT_MORE | more));
      at += G_GUINT64_CONSTANT (1) << more;
    }
  while (at < (G_GUINT64_CONSTANT (1) << order))
    {
      guint rest = (guint) __builtin_ctzll (at);

      mp_store (&self->units[unit + at], (guint8) (MP_UNIT_FREE | cold | rest));
      mp_units_push (self, unit + (guint32) at, rest);
      at += G_GUINT64_CONSTANT (1) << rest;
    }
  MP_STEP ("arena/cut");
  mp_store_release (&self->units[unit], (guint8) (mark | order_for (first)));
  MP_STEP ("arena/allocated");
}

/* Allocates @n units of adjacent free pieces.  The first piece is marked last, which commits. */
static void
take_run (MpMemory *self,
          guint32   start,
          guint64   n)
{
  guint   first_order = mp_unit_order (self->units[start]);
  guint64 first_size = G_GUINT64_CONSTANT (1) << first_order;
  guint64 left = n - MIN (n, first_size);
  guint32 unit = start + (guint32) first_size;

  mp_units_remove (self, start, first_order);
  while (left > 0)
    {
      guint   order = mp_unit_order (self->units[unit]);
      guint64 used = MIN (left, G_GUINT64_CONSTANT (1) << order);

      mp_units_remove (self, unit, order);
      cut (self, unit, order, used, MP_UNIT_USED | MP_UNIT_MORE);
      unit += 1u << order;
      left -= used;
    }
  cut (self, start, first_order, MIN (n, first_size), MP_UNIT_USED);
}

/* Used when no single piece is large enough: adjacent free pieces together may be. */
static gboolean
allocate_run (MpMemory *self,
              guint64   n,
              guint32  *unit)
{
  if (self->arena->n_free + (self->config.n_units_cap - mp_units_count (self)) < n)
    return FALSE;
  if (!mp_units_find_run (self, n, FALSE, unit) &&
      !(mp_units_grow_by (self, n) && mp_units_find_run (self, n, FALSE, unit)))
    return FALSE;
  take_run (self, *unit, n);
  return TRUE;
}

static gboolean
allocate_piece (MpMemory *self,
                guint64   n,
                gboolean  is_cold,
                guint32  *unit)
{
  guint order = order_for (n);
  guint found;

  if (order >= MP_N_ORDERS)
    return FALSE;
  if (!mp_units_find (self, order, is_cold, unit, &found) &&
      !(is_cold && mp_units_grow (self, order) &&
        mp_units_find (self, order, TRUE, unit, &found)))
    return FALSE;
  mp_units_remove (self, *unit, found);
  cut (self, *unit, found, n, MP_UNIT_USED);
  return TRUE;
}

/* A block whose size is no power of two consists of several pieces, which do not merge when it is
 * freed if the memory behind them is cold.  So look for such a run of pieces too, which the next
 * block of that size can use again. */
static gboolean
allocate_warm (MpMemory *self,
               guint64   n,
               guint32  *unit)
{
  if (allocate_piece (self, n, FALSE, unit))
    return TRUE;
  if (!mp_units_find_recent_run (self, n, unit))
    return FALSE;
  take_run (self, *unit, n);
  return TRUE;
}

MpArenaStatus
mp_blocks_allocate (MpMemory *self,
                    guint64   n,
                    guint32   n_kept,
                    guint32  *unit,
                    gboolean *is_cold)
{
  errno = 0;
  *is_cold = self->arena->n_free_warm < n + n_kept || !allocate_warm (self, n, unit);
  if (!*is_cold || allocate_piece (self, n, TRUE, unit) || allocate_run (self, n, unit))
    return MP_ARENA_OK;
  return errno == 0 ? MP_ARENA_FULL : MP_ARENA_NO_MEMORY;
}

/* --- Freeing ------------------------------------------------------------------------------ */

gboolean
mp_blocks_find (MpMemory *self,
                guint64   offset,
                guint32  *unit,
                guint    *order)
{
  guint64 index = (offset - self->arena_offset) / MP_UNIT_SIZE;
  guint8  state;

  if (offset < self->arena_offset || (offset & (MP_UNIT_SIZE - 1)) != 0 ||
      index >= mp_units_count (self))
    return FALSE;

  state = mp_load (&self->units[index]);
  *unit = (guint32) index;
  *order = mp_unit_order (state);
  return (state & MP_UNIT_USED) != 0 && !mp_unit_has_cells (state) &&
         (index & ((1u << *order) - 1)) == 0 &&
         index + (G_GUINT64_CONSTANT (1) << *order) <= mp_units_count (self);
}

gboolean
mp_blocks_find_more (MpMemory *self,
                     guint32  *unit,
                     guint    *order)
{
  guint64 next = *unit + (G_GUINT64_CONSTANT (1) << *order);
  guint8  state;

  if (next >= mp_units_count (self))
    return FALSE;
  state = mp_load (&self->units[next]);
  *unit = (guint32) next;
  *order = mp_unit_order (state);
  return mp_unit_goes_on (state) && next + mp_unit_size (state) <= mp_units_count (self);
}

/* The first piece is freed last, so that a block that is only partly freed can still be found. */
void
mp_blocks_free (MpMemory *self,
                guint32   unit,
                guint     order,
                guint8    cold)
{
  guint32 more = unit;
  guint   more_order = order;

  while (mp_blocks_find_more (self, &more, &more_order))
    {
      guint32 next = more;
      guint   next_order = more_order;

      mp_store (&self->units[more], (guint8) (MP_UNIT_FREE | cold | more_order));
      MP_STEP ("arena/freed-more");
      mp_units_release (self, next, next_order);
    }
  mp_store (&self->units[unit], (guint8) (MP_UNIT_FREE | cold | order));
  MP_STEP ("arena/freed");
  mp_units_release (self, unit, order);
}

/* --- With memory -------------------------------------------------------------------------- */

/* When the system has no more memory, consumers must still be able to empty a full queue, and
 * producers to put into an empty one: a lease needs memory for its copy, and the segment behind a
 * full one does too.  Producers leave MP_N_RESERVE_UNITS units with memory for that. */
MpArenaStatus
mp_blocks_keep_reserve (MpMemory *self)
{
  guint32 unit;

  if (G_LIKELY (self->arena->n_free_warm >= MP_N_RESERVE_UNITS))
    return MP_ARENA_OK;

  errno = 0;
  if (!allocate_piece (self, MP_N_RESERVE_UNITS, TRUE, &unit))
    return errno == 0 ? MP_ARENA_FULL : MP_ARENA_NO_MEMORY;
  if (!mp_memory_back (self, mp_units_offset (self, unit), MP_N_RESERVE_UNITS * MP_UNIT_SIZE))
    {
      mp_blocks_free (self, unit, RESERVE_ORDER, MP_UNIT_COLD);
      return MP_ARENA_NO_MEMORY;
    }
  mp_blocks_free (self, unit, RESERVE_ORDER, 0);
  return MP_ARENA_OK;
}

gboolean
mp_blocks_allocate_warm (MpMemory *self,
                         guint64   n,
                         guint32  *unit)
{
  if (!mp_units_find_run (self, n, TRUE, unit))
    return FALSE;
  take_run (self, *unit, n);
  return TRUE;
}

MpArenaStatus
mp_blocks_allocate_backed (MpMemory *self,
                           guint64   size,
                           guint32   n_kept,
                           guint64  *offset)
{
  guint64       n = mp_blocks_units_for (size);
  guint32       unit;
  gboolean      is_cold;
  MpArenaStatus status = mp_blocks_allocate (self, n, n_kept, &unit, &is_cold);

  if (status == MP_ARENA_OK && is_cold &&
      !mp_memory_back (self, mp_units_offset (self, unit), n * MP_UNIT_SIZE))
    {
      mp_blocks_free (self, unit, mp_unit_order (self->units[unit]), MP_UNIT_COLD);
      status = MP_ARENA_NO_MEMORY;
    }
  if (status != MP_ARENA_OK && !mp_blocks_allocate_warm (self, n, &unit))
    return status;
  *offset = mp_units_offset (self, unit);
  return MP_ARENA_OK;
}
