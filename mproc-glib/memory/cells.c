/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "cells.h"

#include "step.h"
#include "units.h"

/* The kind of a cell is the index of its size here. */
static const guint16 cell_sizes[MP_N_CELL_SIZES] = { 128, 512, 1024, MP_CELL_LIMIT };

static guint
kind_for (guint64 size)
{
  guint kind = 0;

  while (cell_sizes[kind] < size)
    kind++;
  return kind;
}

static guint
kind_of (guint8 state)
{
  return (state & MP_UNIT_ORDER_MASK) - MP_UNIT_FIRST_CELLS;
}

/* The bitmap of a unit all of whose cells are free. */
static guint32
all_cells (guint kind)
{
  return 0xffffffffu >> (32 - MP_UNIT_SIZE / cell_sizes[kind]);
}

static guint32
free_cells (MpMemory *self,
            guint32   unit,
            guint     kind)
{
  return mp_load (&self->links[unit].free_cells) & all_cells (kind);
}

/* Whether the unit is divided into cells, and of which kind. */
static gboolean
is_divided (MpMemory *self,
            guint32   unit,
            guint    *kind)
{
  guint8 state = mp_load (&self->units[unit]);

  if (!mp_unit_has_cells (state))
    return FALSE;
  *kind = kind_of (state);
  return *kind < MP_N_CELL_SIZES;
}

/* --- Units that have free cells ---------------------------------------------------------- */

static void
push (MpMemory *self,
      guint32   unit,
      guint     kind)
{
  guint32 next = self->arena->partial_unit[kind];

  self->links[unit].next = next;
  self->links[unit].previous = 0;
  if (next != 0 && next <= self->config.n_units_cap)
    self->links[next - 1].previous = unit + 1;
  self->arena->partial_unit[kind] = unit + 1;
}

static void
unlink_unit (MpMemory *self,
             guint32   unit,
             guint     kind)
{
  MpUnitLink link = self->links[unit];

  if (link.previous != 0 && link.previous <= self->config.n_units_cap)
    self->links[link.previous - 1].next = link.next;
  else
    self->arena->partial_unit[kind] = link.next;
  if (link.next != 0 && link.next <= self->config.n_units_cap)
    self->links[link.next - 1].previous = link.previous;
}

static MpArenaStatus
add_unit (MpMemory *self,
          guint     kind)
{
  guint64       offset;
  guint32       unit;
  MpArenaStatus status = mp_blocks_allocate_backed (self, MP_UNIT_SIZE, 0, &offset);

  if (status != MP_ARENA_OK)
    return status;

  unit = (guint32) ((offset - self->arena_offset) / MP_UNIT_SIZE);
  mp_store (&self->links[unit].free_cells, all_cells (kind));
  mp_store_release (&self->units[unit], (guint8) (MP_UNIT_USED | (MP_UNIT_FIRST_CELLS + kind)));
  MP_STEP ("cells/divided");
  push (self, unit, kind);
  return MP_ARENA_OK;
}

static void
give_unit_back (MpMemory *self,
                guint32   unit)
{
  mp_store (&self->units[unit], (guint8) MP_UNIT_FREE);
  MP_STEP ("cells/united");
  mp_units_release (self, unit, 0);
}

/* --- Cells ------------------------------------------------------------------------------- */

MpArenaStatus
mp_cells_allocate (MpMemory *self,
                   guint64   size,
                   guint64  *offset)
{
  guint         kind = kind_for (size);
  MpArenaStatus status;
  guint32       unit, cells;
  guint         cell;

  if (self->arena->partial_unit[kind] == 0 && (status = add_unit (self, kind)) != MP_ARENA_OK)
    return status;

  unit = mp_load (&self->arena->partial_unit[kind]) - 1;
  if (unit >= mp_units_count (self) ||
      self->units[unit] != (MP_UNIT_USED | (MP_UNIT_FIRST_CELLS + kind)) ||
      (cells = free_cells (self, unit, kind)) == 0)
    {
      mp_memory_set_damaged (self);
      return MP_ARENA_FULL;
    }

  cell = (guint) __builtin_ctz (cells);
  cells &= cells - 1;
  mp_store (&self->links[unit].free_cells, cells);
  MP_STEP ("cells/allocated");
  if (cells == 0)
    unlink_unit (self, unit, kind);
  *offset = mp_units_offset (self, unit) + (guint64) cell * cell_sizes[kind];
  return MP_ARENA_OK;
}

/* Finds the used cell at @offset. */
static gboolean
find_cell (MpMemory *self,
           guint64   offset,
           guint64   size,
           guint    *kind,
           guint    *cell)
{
  guint64 unit = (offset - self->arena_offset) / MP_UNIT_SIZE;
  guint64 within = offset & (MP_UNIT_SIZE - 1);
  guint32 cell_size;

  if (offset < self->arena_offset || unit >= mp_units_count (self) ||
      !is_divided (self, (guint32) unit, kind))
    return FALSE;

  cell_size = cell_sizes[*kind];
  *cell = (guint) (within / cell_size);
  return within % cell_size == 0 && size <= cell_size &&
         (mp_load (&self->links[unit].free_cells) & (1u << *cell)) == 0;
}

gboolean
mp_cells_contain (MpMemory *self,
                  guint64   offset,
                  guint64   size,
                  guint    *cell)
{
  guint kind;

  return find_cell (self, offset, size, &kind, cell);
}

/* One empty unit of each cell size is kept, so that alternating allocations and frees do not divide
 * a unit and give it back each time. */
gboolean
mp_cells_free (MpMemory *self,
               guint64   offset)
{
  guint32 unit, cells;
  guint   kind, cell;

  if (!find_cell (self, offset, 0, &kind, &cell))
    return FALSE;

  unit = (guint32) ((offset - self->arena_offset) / MP_UNIT_SIZE);
  cells = free_cells (self, unit, kind);
  if (cells == 0)
    push (self, unit, kind);
  cells |= 1u << cell;
  mp_store (&self->links[unit].free_cells, cells);
  MP_STEP ("cells/freed");

  if (cells == all_cells (kind) && (self->arena->partial_unit[kind] != unit + 1 ||
                                    self->links[unit].next != 0))
    {
      unlink_unit (self, unit, kind);
      give_unit_back (self, unit);
    }
  return TRUE;
}

/* The list may have been corrupted by another process, so at most as many links are followed as
 * there are units. */
void
mp_cells_trim (MpMemory *self)
{
  for (guint kind = 0; kind < MP_N_CELL_SIZES; kind++)
    {
      guint32 n_units = mp_units_count (self);
      guint32 unit = mp_load (&self->arena->partial_unit[kind]) - 1;

      for (guint32 n = 0; n < n_units && unit < n_units; n++)
        {
          guint32 next = self->links[unit].next - 1;

          if (self->units[unit] == (MP_UNIT_USED | (MP_UNIT_FIRST_CELLS + kind)) &&
              free_cells (self, unit, kind) == all_cells (kind))
            {
              unlink_unit (self, unit, kind);
              give_unit_back (self, unit);
            }
          unit = next;
        }
    }
}

gboolean
mp_cells_are_used (MpMemory *self,
                   guint32   unit)
{
  guint kind;

  return is_divided (self, unit, &kind) && free_cells (self, unit, kind) != all_cells (kind);
}

/* --- After a death ------------------------------------------------------------------------ */

gboolean
mp_cells_sweep (MpMemory *self,
                guint32   unit,
                guint32   used)
{
  guint kind;

  if (used == 0 || !is_divided (self, unit, &kind))
    return FALSE;
  mp_store (&self->links[unit].free_cells, all_cells (kind) & ~used);
  return TRUE;
}

void
mp_cells_rebuild (MpMemory *self)
{
  guint64 n_units = mp_units_count (self);

  for (guint kind = 0; kind < MP_N_CELL_SIZES; kind++)
    mp_store (&self->arena->partial_unit[kind], 0);
  for (guint64 unit = 0; unit < n_units; unit += mp_unit_size (self->units[unit]))
    {
      guint kind;

      if (is_divided (self, (guint32) unit, &kind) && free_cells (self, (guint32) unit, kind) != 0)
        push (self, (guint32) unit, kind);
    }
}
