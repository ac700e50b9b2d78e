/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* The unit table: what each 4 KiB of the arena belongs to.
 *
 * The arena is a row of pieces, each of a power of two of units and aligned to its size.  The
 * state byte of a piece's first unit says how long it is and whether it is used; those of its
 * other units are 0.  A block is one used piece, and those behind it that are marked as
 * going on with it.  Every change commits by the store of one byte; the lists of free pieces
 * are derived from the table.
 *
 * The caller holds the arena lock, but for the functions that say otherwise. */

#define MP_UNIT_FREE       0x40
#define MP_UNIT_USED       0x80
#define MP_UNIT_COLD       0x20 /* free: the file may have no memory there */
#define MP_UNIT_MORE       0x20 /* used: goes on with the block before it */
#define MP_UNIT_ORDER_MASK 0x1f

/* Above the orders: a used unit that is divided into cells, one value for each cell size. */
#define MP_UNIT_FIRST_CELLS MP_N_ORDERS

/* How many units there are: never more than the file has.  Works without the lock. */
guint32 mp_units_count (MpMemory *self);
void    mp_units_push (MpMemory *self,
                       guint32   unit,
                       guint     order);
void    mp_units_remove (MpMemory *self,
                         guint32   unit,
                         guint     order);
/* Puts a free piece in its list, merged with its buddies as far as they are alike. */
void mp_units_release (MpMemory *self,
                       guint32   unit,
                       guint     order);
/* A free piece of at least 2^@order units: a warm one, or a cold one. */
gboolean mp_units_find (MpMemory *self,
                        guint     order,
                        gboolean  is_cold,
                        guint32  *unit,
                        guint    *found);
/* The first of free pieces side by side that together have @n units, and memory if
 * @only_warm. */
gboolean mp_units_find_run (MpMemory *self,
                            guint64   n,
                            gboolean  only_warm,
                            guint32  *unit);
/* The same with memory, if such pieces were freed lately: looks at a few only. */
gboolean mp_units_find_recent_run (MpMemory *self,
                                   guint64   n,
                                   guint32  *unit);
/* Extends the file to hold one more aligned piece of 2^@order units, or else by @n units or
 * what is left until the cap.  FALSE when it cannot, with errno ENOSPC and the like or 0 when
 * that is the cap. */
gboolean mp_units_grow (MpMemory *self,
                        guint     order);
gboolean mp_units_grow_by (MpMemory *self,
                           guint64   n);
/* Makes the free lists again from the table. */
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
