/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* The unit table: the state of each 4 KiB of the arena.
 *
 * The arena is a row of pieces.  The size of each is a power of two of units, and it is aligned to
 * its size.  The state byte of a piece's first unit stores its size and whether it is used; the
 * bytes of its other units are 0.  A free piece is warm if the file has memory there, and cold if
 * it may have none.  A block is one used piece, followed by those marked as its continuation.
 * Every change is committed by storing one byte; the lists of free pieces can be rebuilt from the
 * table.
 *
 * The caller holds the arena lock, except where a function's comment says otherwise. */

#define MP_UNIT_FREE       0x40
#define MP_UNIT_USED       0x80
#define MP_UNIT_COLD       0x20 /* free piece: the file may have no memory there */
#define MP_UNIT_MORE       0x20 /* used piece: continues the block before it */
#define MP_UNIT_ORDER_MASK 0x1f

/* Values above the orders: a used unit that is divided into cells, one value for each cell size. */
#define MP_UNIT_FIRST_CELLS MP_N_ORDERS

/* The number of units, which never exceeds what the file has.  Needs no lock. */
guint32 mp_units_count (MpMemory *self);
void    mp_units_push (MpMemory *self,
                       guint32   unit,
                       guint     order);
void    mp_units_remove (MpMemory *self,
                         guint32   unit,
                         guint     order);
/* Puts a free piece into its list, merged with its buddies if these are free and equally warm. */
void mp_units_release (MpMemory *self,
                       guint32   unit,
                       guint     order);
/* Finds a free piece of at least 2^@order units, warm or cold as @is_cold says. */
gboolean mp_units_find (MpMemory *self,
                        guint     order,
                        gboolean  is_cold,
                        guint32  *unit,
                        guint    *found);
/* Finds adjacent free pieces that together have at least @n units, all with memory if @only_warm.
 * Returns the first. */
gboolean mp_units_find_run (MpMemory *self,
                            guint64   n,
                            gboolean  only_warm,
                            guint32  *unit);
/* The same for pieces with memory, but examines only a few that were freed lately. */
gboolean mp_units_find_recent_run (MpMemory *self,
                                   guint64   n,
                                   guint32  *unit);
/* The first extends the file for one more aligned piece of 2^@order units; the second by @n units,
 * or as many as the maximum size allows.  Both return FALSE on failure, with errno set by the
 * system, or 0 if the maximum size is reached. */
gboolean mp_units_grow (MpMemory *self,
                        guint     order);
gboolean mp_units_grow_by (MpMemory *self,
                           guint64   n);
/* Rebuilds the free lists from the table. */
void mp_units_rebuild (MpMemory *self);

static inline guint64
mp_units_offset (MpMemory *self,
                 guint64   unit)
{
  return self->arena_offset + unit * MP_UNIT_SIZE;
}

static inline gboolean
mp_unit_has_cells (guint8 state)
{
  return (state & MP_UNIT_USED) != 0 && (state & MP_UNIT_ORDER_MASK) >= MP_UNIT_FIRST_CELLS;
}

static inline guint
mp_unit_order (guint8 state)
{
  guint order = state & MP_UNIT_ORDER_MASK;

  return G_LIKELY (order < MP_N_ORDERS) ? order : 0;
}

static inline guint64
mp_unit_size (guint8 state)
{
  return G_GUINT64_CONSTANT (1) << mp_unit_order (state);
}

static inline gboolean
mp_unit_goes_on (guint8 state)
{
  return (state & (MP_UNIT_USED | MP_UNIT_MORE)) == (MP_UNIT_USED | MP_UNIT_MORE) &&
         !mp_unit_has_cells (state);
}

G_END_DECLS
