/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* Blocks of 4 KiB times a power of two.  The unit table is the truth: walked from its
 * start by the sizes of the blocks it names, it says of each whether it is used, and every
 * operation commits by the store of one byte.  The free lists are derived from it.
 *
 * The caller holds the arena lock, but for the functions that say otherwise. */

/* How many units there are: never more than the file has.  Works without the lock. */
guint32  mp_arena_count_units (MpMemory *self);
guint    mp_arena_order_for (guint64 size);
guint64  mp_arena_allocate (MpMemory *self,
                            guint     order);
void     mp_arena_free (MpMemory *self,
                        guint64   offset);
gboolean mp_arena_is_block (MpMemory *self,
                            guint64   offset,
                            guint64   size);
void     mp_arena_rebuild (MpMemory *self);

/* For recovery: frees every used block whose unit is not marked. */
void  mp_arena_sweep (MpMemory     *self,
                      const guint8 *marks,
                      guint32       n_marks);
guint mp_arena_get_n_used (MpMemory *self);

/* What a thread has allocated and not yet published is its intent.  These take and
 * release the arena lock themselves. */
guint64  mp_arena_begin_intent (MpMemory *self,
                                guint64   size,
                                guint    *intent);
guint64 *mp_arena_intent (MpMemory *self,
                          guint     intent);
void     mp_arena_end_intent (MpMemory *self,
                              guint     intent,
                              guint64   unpublished);

G_END_DECLS
