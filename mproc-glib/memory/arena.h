/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "blocks.h"

G_BEGIN_DECLS

/* Allocates blocks of memory for messages: cells for small ones (cells.h), else adjacent units
 * (blocks.h).
 *
 * The caller holds the arena lock, except where a function's comment says otherwise. */

MpArenaStatus mp_arena_allocate (MpMemory *self,
                                 guint64   size,
                                 guint64  *offset);
/* Allocates a segment for records.  Unless @use_reserve, it leaves the reserve that consumers need
 * to empty the queue when the system has no more memory: see mp_blocks_keep_reserve (). */
MpArenaStatus mp_arena_allocate_segment (MpMemory *self,
                                         gboolean  use_reserve,
                                         guint64  *offset);
void          mp_arena_free (MpMemory *self,
                             guint64   offset);
/* Whether a used block that can hold @size bytes begins at @offset.  Needs no lock if the block
 * cannot be freed meanwhile. */
gboolean mp_arena_is_block (MpMemory *self,
                            guint64   offset,
                            guint64   size);
/* Rebuilds the lists of free pieces and cells from the unit table. */
void mp_arena_rebuild (MpMemory *self);
/* Whether it would be good to prepare more memory.  Needs no lock. */
gboolean mp_arena_is_low (MpMemory *self);
/* Requests memory from the system for the next segment, so that this need not be done while the
 * head or tail lock is held.  To be called, without a lock, when the handle's must_prepare is set.
 */
void mp_arena_prepare (MpMemory *self);
/* Returns memory to the system when much of the arena is free.  To be called, without a lock, when
 * the handle's must_trim is set. */
void mp_arena_trim (MpMemory *self);

/* For recovery: mark, then sweep.  @marks has a word for each unit; a block is marked when it is
 * reachable, and the sweep frees those that are not.  Marking fails if no block begins at the
 * offset, or if it is already marked. */
gboolean mp_arena_mark (MpMemory *self,
                        guint64   offset,
                        guint32  *marks,
                        guint32   n_marks);
void     mp_arena_sweep (MpMemory      *self,
                         const guint32 *marks,
                         guint32        n_marks);
guint    mp_arena_get_n_used (MpMemory *self);
/* How many units can be allocated, whatever their order, at the moment.  Needs no lock. */
guint64 mp_arena_count_free (MpMemory *self);

/* An intent is a block that a thread has allocated and not yet published.  Recovery keeps it as
 * long as its owner is alive, and frees it once its owner has died.  These functions take and
 * release the arena lock themselves. */
MpArenaStatus mp_arena_begin_intent (MpMemory *self,
                                     guint64   size,
                                     guint64  *offset,
                                     guint    *intent);
guint64      *mp_arena_intent (MpMemory *self,
                               guint     intent);
void          mp_arena_end_intent (MpMemory *self,
                                   guint     intent,
                                   guint64   unpublished);
/* Frees the blocks that a dead participant had allocated and not published.  The caller holds the
 * arena lock. */
void mp_arena_drop_intents (MpMemory *self,
                            guint     participant);

G_END_DECLS
