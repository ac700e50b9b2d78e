/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "blocks.h"

G_BEGIN_DECLS

/* Blocks of memory for messages: cells for small ones, else units side by side.
 *
 * The caller holds the arena lock, but for the functions that say otherwise. */

MpArenaStatus mp_arena_allocate (MpMemory *self,
                                 guint64   size,
                                 guint64  *offset);
/* For records.  Leaves what an exhausted queue needs to get empty, unless @use_reserve. */
MpArenaStatus mp_arena_allocate_segment (MpMemory *self,
                                         gboolean  use_reserve,
                                         guint64  *offset);
void          mp_arena_free (MpMemory *self,
                             guint64   offset);
/* Whether a used block that can hold @size bytes begins at @offset.  Works without the lock
 * for a block that cannot be freed meanwhile. */
gboolean mp_arena_is_block (MpMemory *self,
                            guint64   offset,
                            guint64   size);
/* Makes the lists of what is free again from the unit table. */
void mp_arena_rebuild (MpMemory *self);
/* Gives memory back to the system when much is free, which the handle's must_trim tells.
 * Without the lock. */
void mp_arena_trim (MpMemory *self);

/* For recovery.  @marks has a word for each unit; a block is marked when it is reachable, and
 * the sweep frees those that are not.  FALSE when there is no such block, or it was marked. */
gboolean mp_arena_mark (MpMemory *self,
                        guint64   offset,
                        guint32  *marks,
                        guint32   n_marks);
void     mp_arena_sweep (MpMemory      *self,
                         const guint32 *marks,
                         guint32        n_marks);
guint    mp_arena_get_n_used (MpMemory *self);

/* What a thread has allocated and not yet published is its intent: it survives the recovery
 * of others, and is freed by them when its owner dies.  These take and release the arena lock
 * themselves. */
MpArenaStatus mp_arena_begin_intent (MpMemory *self,
                                     guint64   size,
                                     guint64  *offset,
                                     guint    *intent);
guint64      *mp_arena_intent (MpMemory *self,
                               guint     intent);
void          mp_arena_end_intent (MpMemory *self,
                                   guint     intent,
                                   guint64   unpublished);
/* Frees what a dead participant had not published.  With the lock. */
void mp_arena_drop_intents (MpMemory *self,
                            guint     participant);

G_END_DECLS
