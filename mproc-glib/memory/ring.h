/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"
#include "record.h"
#include "step.h"

G_BEGIN_DECLS

/* The messages in their order: records in linked segments, from the head to the tail. */

typedef enum
{
  MP_RING_OK,
  MP_RING_EMPTY,
  MP_RING_FULL,
  MP_RING_NO_UNITS,  /* the arena has no room for another segment */
  MP_RING_NO_MEMORY, /* the system has no memory */
  MP_RING_DAMAGED,
  MP_RING_BUSY, /* a lock could not be taken, and nothing was changed */
} MpRingStatus;

gboolean mp_ring_init (MpMemory *self);

/* The largest number of messages that are appended in one step. */
#define MP_RING_MAX_RUN 64

/* Under the tail lock.  Appends as many items as there is room for; FULL or NO_UNITS if none fits.
 * @block is 0, or the arena block that already holds the data of the only item. */
MpRingStatus mp_ring_append (MpMemory          *self,
                             const MpQueueItem *items,
                             guint              n_items,
                             guint64            block,
                             guint             *n_appended);

static inline gboolean
mp_ring_is_position (MpMemory *self,
                     guint64   offset)
{
  return (offset & (MP_RECORD_ALIGNMENT - 1)) == 0 &&
         mp_memory_contains (self, offset, mp_segment_end (offset) - offset);
}

/* Reads the record at @offset.  Its content is untrusted and checked. */
static inline MpRingStatus
mp_ring_read (MpMemory *self,
              guint64   offset,
              guint32   count,
              MpRecord *record,
              guint64  *link)
{
  guint64 *words;
  guint64  header;

  if (G_UNLIKELY (!mp_ring_is_position (self, offset)))
    return MP_RING_DAMAGED;

  words = mp_memory_word_at (self, offset);
  header = mp_load_acquire (&words[0]);
  if (header == 0)
    return MP_RING_EMPTY;
  return G_LIKELY (mp_record_decode (offset, count, header, mp_load (&words[1]),
                                     self->config.max_bytes, record, link) &&
                   (*link == 0 || mp_ring_is_position (self, *link)))
           ? MP_RING_OK
           : MP_RING_DAMAGED;
}

MpRingStatus mp_ring_peek_slow (MpMemory *self,
                                MpRecord *record);

/* Under the head lock.  Reads the next message. */
static inline MpRingStatus
mp_ring_peek (MpMemory *self,
              MpRecord *record)
{
  guint64      word = mp_load (&self->head->word);
  guint64      link;
  MpRingStatus status = mp_ring_read (self, mp_word_offset (word), mp_word_count (word), record,
                                      &link);

  return status != MP_RING_OK || G_LIKELY (link == 0 && record->block == 0)
           ? status
           : mp_ring_peek_slow (self, record);
}

static inline void
mp_ring_advance (MpMemory       *self,
                 const MpRecord *record)
{
  MpHeadLine *head = self->head;

  mp_store_release (&head->word, mp_word (record->count + 1, record->next));
  MP_STEP ("get/advanced");
  mp_store (&head->n_bytes, head->n_bytes + record->size);
}

/* Need no lock. */
guint32  mp_ring_count (MpMemory *self);
guint64  mp_ring_count_total (MpMemory *self);
gboolean mp_ring_has_items (MpMemory *self);
gboolean mp_ring_is_sound (MpMemory *self);
gboolean mp_ring_begins_small (MpMemory *self);
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
