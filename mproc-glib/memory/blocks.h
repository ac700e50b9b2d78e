/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* Blocks of whole units: a row of adjacent pieces of the unit table, as few as the size needs.
 *
 * The caller holds the arena lock, except where a function's comment says otherwise. */

typedef enum
{
  MP_ARENA_OK,
  MP_ARENA_FULL,      /* no room until a block is freed */
  MP_ARENA_NO_MEMORY, /* the system has no memory */
  MP_ARENA_BUSY,      /* the lock could not be taken, try later */
} MpArenaStatus;

/* See mp_blocks_keep_reserve (). */
#define MP_N_RESERVE_UNITS 16u

/* Allocates @n units, warm ones if more than @n_kept of these remain.  When *@is_cold is set, the
 * caller has to allocate their memory with mp_memory_back (). */
MpArenaStatus mp_blocks_allocate (MpMemory *self,
                                  guint64   n,
                                  guint32   n_kept,
                                  guint32  *unit,
                                  gboolean *is_cold);
/* Allocates units that already have memory, for when the system has no more. */
gboolean mp_blocks_allocate_warm (MpMemory *self,
                                  guint64   n,
                                  guint32  *unit);
/* Allocates units for @size bytes, with memory. */
MpArenaStatus mp_blocks_allocate_backed (MpMemory *self,
                                         guint64   size,
                                         guint32   n_kept,
                                         guint64  *offset);
MpArenaStatus mp_blocks_keep_reserve (MpMemory *self);
/* @cold is MP_UNIT_COLD if the units may have no memory, else 0. */
void mp_blocks_free (MpMemory *self,
                     guint32   unit,
                     guint     order,
                     guint8    cold);

/* Finds the first piece of the block that begins at @offset, which may be any number.  Returns
 * FALSE if there is none.  Needs no lock if the block cannot be freed meanwhile. */
gboolean mp_blocks_find (MpMemory *self,
                         guint64   offset,
                         guint32  *unit,
                         guint    *order);
/* Finds the next piece of the same block, under the same conditions. */
gboolean mp_blocks_find_more (MpMemory *self,
                              guint32  *unit,
                              guint    *order);

static inline guint64
mp_blocks_units_for (guint64 size)
{
  return MAX (size, 1) / MP_UNIT_SIZE + (MAX (size, 1) % MP_UNIT_SIZE != 0);
}

G_END_DECLS
