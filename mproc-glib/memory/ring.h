/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"
#include "record.h"

G_BEGIN_DECLS

/* The messages in their order: records in linked segments, from the head to the tail. */

typedef enum
{
  MP_RING_OK,
  MP_RING_EMPTY,
  MP_RING_FULL,
  MP_RING_NO_MEMORY, /* the system has no memory */
  MP_RING_DAMAGED,
  MP_RING_BUSY, /* a lock could not be taken, and nothing was changed */
} MpRingStatus;

/* A message to append.  @block is the arena block that already holds the data, or 0 if the data is
 * to be copied into the record. */
typedef struct
{
  const guint8 *data;
  gsize         size;
  guint64       block;
  guint8        tag;
} MpRingItem;

gboolean mp_ring_init (MpMemory *self);

/* The largest number of messages that are appended in one step. */
#define MP_RING_MAX_RUN 64

/* Under the tail lock.  Appends as many items as there is room for; FULL if none fits. */
MpRingStatus mp_ring_append (MpMemory         *self,
                             const MpRingItem *items,
                             guint             n_items,
                             guint            *n_appended);

/* Under the head lock. */
MpRingStatus mp_ring_peek (MpMemory *self,
                           MpRecord *record);
void         mp_ring_advance (MpMemory       *self,
                              const MpRecord *record);

/* Need no lock. */
guint32  mp_ring_count (MpMemory *self);
guint64  mp_ring_count_total (MpMemory *self);
gboolean mp_ring_has_items (MpMemory *self);
gboolean mp_ring_is_sound (MpMemory *self);
gboolean mp_ring_has_small_items (MpMemory *self);
gboolean mp_ring_has_small_room (MpMemory *self);
gboolean mp_ring_has_room (MpMemory *self,
                           gsize     size);

/* For the new holder of the tail lock: advances the tail over the records that the dead holder had
 * committed. */
void mp_ring_repair_tail (MpMemory *self);

/* For recovery, under the head and the tail lock: calls @visit for each segment and each block, and
 * adds up the size of queued messages.  Returns FALSE if the ring is damaged; @visit returns FALSE
 * for an offset that it has visited before. */
typedef gboolean (*MpRingVisit) (MpMemory *self, guint64 offset, gpointer user_data);
gboolean mp_ring_walk (MpMemory   *self,
                       MpRingVisit visit,
                       gpointer    user_data,
                       guint64    *n_bytes);

G_END_DECLS
