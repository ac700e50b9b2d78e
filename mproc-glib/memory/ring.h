/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* The messages in their order: records in chained segments, from the head to the tail. */

typedef enum
{
  MP_RING_OK,
  MP_RING_EMPTY,
  MP_RING_FULL,
  MP_RING_NO_MEMORY, /* the system has none for us */
  MP_RING_DAMAGED,
  MP_RING_BUSY, /* a lock is not to be had just now, and nothing was changed */
} MpRingStatus;

/* A message to append.  @block is the arena block that already holds the data, or 0 to
 * have it copied into the record. */
typedef struct
{
  const guint8 *data;
  gsize         size;
  guint64       block;
  guint8        tag;
} MpRingItem;

/* A message at the head. */
typedef struct
{
  guint64 payload; /* offset of the bytes */
  guint64 size;
  guint64 next;  /* offset of the record after it */
  guint64 block; /* offset of its block, or 0 when it is inline */
  guint32 count; /* of the head */
  guint8  tag;
} MpRecord;

gboolean mp_ring_init (MpMemory *self);

/* How many messages are appended in one step at most. */
#define MP_RING_MAX_RUN 64

/* With the tail lock.  Appends as many items as there is room for; FULL when that is none. */
MpRingStatus mp_ring_append (MpMemory         *self,
                             const MpRingItem *items,
                             guint             n_items,
                             guint            *n_appended);

/* With the head lock. */
MpRingStatus mp_ring_peek (MpMemory *self,
                           MpRecord *record);
void         mp_ring_advance (MpMemory       *self,
                              const MpRecord *record);

/* Without a lock. */
guint32  mp_ring_count (MpMemory *self);
guint64  mp_ring_count_total (MpMemory *self);
guint64  mp_ring_count_bytes (MpMemory *self);
gboolean mp_ring_has_items (MpMemory *self);
gboolean mp_ring_has_small_items (MpMemory *self);
gboolean mp_ring_has_small_room (MpMemory *self);
gboolean mp_ring_has_room (MpMemory *self,
                           gsize     size);

/* After a death, with the tail lock: takes in what the dead owner had committed. */
void mp_ring_repair_tail (MpMemory *self);

/* For recovery, with the head and the tail lock: calls @visit for each segment and each
 * block, and measures what is queued.  FALSE when it is damaged, as @visit also says of what it
 * has seen before. */
typedef gboolean (*MpRingVisit) (MpMemory *self, guint64 offset, gpointer user_data);
gboolean mp_ring_walk (MpMemory   *self,
                       MpRingVisit visit,
                       gpointer    user_data,
                       guint64    *n_bytes);

G_END_DECLS
