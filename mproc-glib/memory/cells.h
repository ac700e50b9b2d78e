/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "blocks.h"

G_BEGIN_DECLS

/* Small blocks: a unit is divided into cells of one size, with a bitmap of those that are free.
 * The caller holds the arena lock, except where a function's comment says otherwise. */

#define MP_CELL_LIMIT 2048

MpArenaStatus mp_cells_allocate (MpMemory *self,
                                 guint64   size,
                                 guint64  *offset);
/* Returns FALSE if there is no used cell at @offset, which may be any number. */
gboolean mp_cells_free (MpMemory *self,
                        guint64   offset);
/* Whether a used cell that can hold @size bytes begins at @offset.  Needs no lock. */
gboolean mp_cells_contain (MpMemory *self,
                           guint64   offset,
                           guint64   size,
                           guint    *cell);
/* Gives back the empty units that mp_cells_free () keeps. */
void mp_cells_trim (MpMemory *self);
/* For recovery: sets the used cells of the unit to exactly those in @used.  Returns FALSE if there
 * are none, so that the unit can be freed. */
gboolean mp_cells_sweep (MpMemory *self,
                         guint32   unit,
                         guint32   used);
/* Rebuilds the lists of units with free cells. */
void     mp_cells_rebuild (MpMemory *self);
gboolean mp_cells_are_used (MpMemory *self,
                            guint32   unit);

G_END_DECLS
