/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "blocks.h"

G_BEGIN_DECLS

/* Small blocks: a unit that is divided into cells of one size, with a bitmap of those that are
 * free.  The caller holds the arena lock, but for the function that says otherwise. */

#define MP_CELL_LIMIT 2048

MpArenaStatus mp_cells_allocate (MpMemory *self,
                                 guint64   size,
                                 guint64  *offset);
/* FALSE when there is no used cell at @offset, which may be garbage. */
gboolean mp_cells_free (MpMemory *self,
                        guint64   offset);
/* Whether a used cell that can hold @size bytes begins there.  Works without the lock. */
gboolean mp_cells_contain (MpMemory *self,
                           guint64   offset,
                           guint64   size,
                           guint    *cell);
/* Gives back the units that are kept although none of their cells is used. */
void mp_cells_trim (MpMemory *self);
/* For recovery: exactly the cells in @used are.  FALSE when that is none. */
gboolean mp_cells_sweep (MpMemory *self,
                         guint32   unit,
                         guint32   used);
/* Makes the lists of units with free cells again. */
void     mp_cells_rebuild (MpMemory *self);
gboolean mp_cells_are_used (MpMemory *self,
                            guint32   unit);

G_END_DECLS
