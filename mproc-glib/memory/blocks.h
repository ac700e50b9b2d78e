/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* Blocks of whole units: as few pieces of the unit table, side by side, as the size needs.
 *
 * The caller holds the arena lock, but for the functions that say otherwise. */

typedef enum
{
  MP_ARENA_OK,
  MP_ARENA_FULL,      /* until something is freed */
  MP_ARENA_NO_MEMORY, /* the system has none for us */
  MP_ARENA_BUSY,      /* the lock is not to be had just now */
} MpArenaStatus;

/* See mp_blocks_keep_reserve (). */
#define MP_N_RESERVE_UNITS 16u

/* Used units, warm ones if there are more than @n_kept.  @is_cold: their memory has yet to be
 * asked for, with mp_memory_back (). */
MpArenaStatus mp_blocks_allocate (MpMemory *self,
                                  guint64   n,
                                  guint32   n_kept,
                                  guint32  *unit,
                                  gboolean *is_cold);
/* Where the system has no more memory, units that still have some. */
gboolean mp_blocks_allocate_warm (MpMemory *self,
                                  guint64   n,
                                  guint32  *unit);
/* Units whose memory is there, for @size bytes. */
MpArenaStatus mp_blocks_allocate_backed (MpMemory *self,
                                         guint64   size,
                                         guint32   n_kept,
                                         guint64  *offset);
MpArenaStatus mp_blocks_keep_reserve (MpMemory *self);
/* @cold: MP_UNIT_COLD when the memory may not be there, else 0. */
void mp_blocks_free (MpMemory *self,
                     guint32   unit,
                     guint     order,
                     guint8    cold);

/* The first piece of the block that begins at @offset, or FALSE: the offset may be garbage.
 * Works without the lock for a block that cannot be freed meanwhile. */
gboolean mp_blocks_find (MpMemory *self,
                         guint64   offset,
                         guint32  *unit,
                         guint    *order);
/* The next piece of the same block; likewise. */
gboolean mp_blocks_find_more (MpMemory *self,
                              guint32  *unit,
                              guint    *order);

static inline guint64
mp_blocks_units_for (guint64 size)
{
  return MAX (size, 1) / MP_UNIT_SIZE + (MAX (size, 1) % MP_UNIT_SIZE != 0);
}

G_END_DECLS
