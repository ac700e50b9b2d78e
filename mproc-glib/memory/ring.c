/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "ring.h"

#include "arena.h"
#include "lock.h"

#include <string.h>

gboolean
mp_ring_init (MpMemory *self)
{
  guint64 segment;

  if (mp_arena_allocate_segment (self, TRUE, &segment) != MP_ARENA_OK)
    return FALSE;

  *mp_memory_word_at (self, segment) = 0;
  self->tail->word = self->tail->seen_head = self->head->word = mp_word (0, segment);
  return TRUE;
}

/* --- Producers -------------------------------------------------------------------- */

/* Whether the message fits in addition to @count others with @n_bytes, according to the producers'
 * copy of the consumers' cache line. */
static inline gboolean
seems_within_bounds (MpMemory *self,
                     guint32   count,
                     guint64   n_bytes,
                     gsize     size,
                     gboolean  copy_is_new)
{
  MpTailLine *tail = self->tail;
  guint32     max_size = self->config.max_size != 0 ? self->config.max_size : MP_MAX_COUNT;
  guint32     queued = (count - mp_word_count (tail->seen_head)) & MP_COUNT_MASK;
  gint64      queued_bytes = (gint64) (n_bytes - tail->seen_n_bytes);

  /* If the queue is empty but bytes are counted, the counters were corrupted, so ignore them. */
  return queued < max_size && (queued_bytes + (gint64) size <= (gint64) self->config.max_bytes ||
                               (copy_is_new && queued == 0));
}

static G_GNUC_NO_INLINE gboolean
look_at_bounds (MpMemory *self,
                guint32   count,
                guint64   n_bytes,
                gsize     size)
{
  self->tail->seen_head = mp_load_acquire (&self->head->word);
  self->tail->seen_n_bytes = mp_load (&self->head->n_bytes);
  return seems_within_bounds (self, count, n_bytes, size, TRUE);
}

/* Reads the consumers' cache line only if the copy says that the message does not fit. */
static inline gboolean
is_within_bounds (MpMemory *self,
                  guint32   count,
                  guint64   n_bytes,
                  gsize     size)
{
  return G_LIKELY (seems_within_bounds (self, count, n_bytes, size, FALSE)) ||
         look_at_bounds (self, count, n_bytes, size);
}

/* Returns @status, or DAMAGED if the head is corrupted: then no message could be taken, and no room
 * would ever become free.  The caller holds the tail lock, so no message is being put, and the head
 * cannot be ahead of the tail. */
static MpRingStatus
refuse (MpMemory    *self,
        MpRingStatus status)
{
  guint32 count = mp_word_count (mp_load (&self->tail->word));
  guint32 taken = mp_word_count (mp_load (&self->head->word));

  return ((count - taken) & MP_COUNT_MASK) <= MP_MAX_COUNT && mp_ring_is_sound (self)
           ? status
           : MP_RING_DAMAGED;
}

/* Links a new segment and moves *@offset and the tail to it. */
static G_GNUC_NO_INLINE MpRingStatus
link_segment (MpMemory *self,
              guint64  *offset,
              guint32   count)
{
  gboolean      is_empty = count == mp_word_count (mp_load (&self->head->word));
  MpArenaStatus status;
  guint64       next;

  if (!mp_lock_take (self, MP_LOCK_ARENA))
    return MP_RING_BUSY;
  status = mp_arena_allocate_segment (self, is_empty, &next);
  mp_unlock (self, MP_LOCK_ARENA);
  if (status != MP_ARENA_OK)
    return status == MP_ARENA_FULL ? MP_RING_NO_UNITS : MP_RING_NO_MEMORY;

  mp_store (mp_memory_word_at (self, next), 0);
  mp_store (mp_memory_word_at (self, *offset + 8), next);
  mp_store_release (mp_memory_word_at (self, *offset), mp_header (MP_RECORD_LINK, 0, count, 0));
  MP_STEP ("put/linked");
  mp_store_release (&self->tail->word, mp_word (count, next));
  *offset = next;
  return MP_RING_OK;
}

/* Whether the record fits into the segment, with space for a link behind it. */
static inline gboolean
fits_segment (guint64 offset,
              gsize   record_size)
{
  return G_LIKELY (offset + record_size + MP_LINK_SIZE <= mp_segment_end (offset));
}

/* The number of bytes whose cache lines are fetched for writing at once, ahead of the records. */
#define CLAIM_SIZE 1024
#define CACHE_LINE 64

/* The lines about to be written are still in the consumers' caches, from the records that were read
 * there before, and each release of the lock would wait until one line is exclusive to this
 * processor.  Storing to many lines in a row, ahead of use, overlaps these waits.  Consumers do not
 * read behind the tail, so the values stored do not matter. */
static void
claim_ahead (MpMemory *self,
             guint64   offset,
             guint64   next)
{
  guint64 begin = (next & ~(guint64) (CLAIM_SIZE - 1)) + CLAIM_SIZE;
  guint64 end = begin + CLAIM_SIZE;

  if (G_LIKELY (((offset ^ next) & ~(guint64) (CLAIM_SIZE - 1)) == 0) ||
      end > mp_segment_end (offset))
    return;
  for (guint64 line = begin; line < end; line += CACHE_LINE)
    mp_store (mp_memory_word_at (self, line), 0);
}

static inline gsize
get_record_size (const MpQueueItem *item,
                 guint64            block)
{
  return mp_record_size (block != 0 ? sizeof block : item->size);
}

/* Returns the header, which is to be stored last. */
static inline guint64
write_record (MpMemory          *self,
              guint64            offset,
              guint32            count,
              const MpQueueItem *item,
              guint64            block)
{
  guint64 *record = mp_memory_word_at (self, offset);
  gsize    size = item->size;

  if (block != 0)
    record[1] = block;
  else if (size != 0)
    memcpy (record + 1, item->data, size);
  return mp_header (block != 0 ? MP_RECORD_BLOCK : MP_RECORD_INLINE, item->tag, count, size);
}

MpRingStatus
mp_ring_append (MpMemory          *self,
                const MpQueueItem *items,
                guint              n_items,
                guint64            block,
                guint             *n_appended)
{
  MpTailLine *tail = self->tail;
  guint64     word = mp_load (&tail->word);
  guint64     offset = mp_word_offset (word);
  guint32     count = mp_word_count (word);
  guint64     n_bytes = tail->n_bytes;
  gsize       size = get_record_size (items, block);
  guint64     first, first_header = 0;
  guint       done = 0;

  *n_appended = 0;
  if (G_UNLIKELY (!mp_ring_is_position (self, offset)))
    return MP_RING_DAMAGED;
  if (!is_within_bounds (self, count, n_bytes, items->size))
    return refuse (self, MP_RING_FULL);
  if (G_UNLIKELY (!fits_segment (offset, size)))
    {
      guint64      next = offset;
      MpRingStatus status = link_segment (self, &next, count);

      if (status != MP_RING_OK)
        return status == MP_RING_NO_UNITS ? refuse (self, status) : status;
      offset = next;
    }

  /* Everything behind the first record is written before the first header, whose store then commits
   * all of them. */
  first = offset;
  for (;;)
    {
      guint64 header;

      claim_ahead (self, offset, offset + size);
      mp_store (mp_memory_word_at (self, offset + size), 0);
      header = write_record (self, offset, count, &items[done], block);
      if (done == 0)
        first_header = header;
      else
        mp_store (mp_memory_word_at (self, offset), header);
      offset += size;
      count++;
      n_bytes += items[done].size;

      if (++done == n_items)
        break;
      size = get_record_size (&items[done], 0);
      if (!is_within_bounds (self, count, n_bytes, items[done].size) ||
          !fits_segment (offset, size))
        break;
    }

  MP_STEP ("put/written");
  mp_store_release (mp_memory_word_at (self, first), first_header);
  MP_STEP ("put/committed");
  mp_store_release (&tail->word, mp_word (count, offset));
  MP_STEP ("put/counted");
  mp_store (&tail->n_bytes, n_bytes);
  mp_memory_add_to (&mp_memory_participant (self, self->participant)->n_put, done);
  /* Stored after the word, so that a reader of n_total also sees that word. */
  mp_store_release (&tail->n_total,
                    tail->n_total + ((count - (guint32) tail->n_total) & MP_COUNT_MASK));
  *n_appended = done;
  return MP_RING_OK;
}

/* --- Consumers -------------------------------------------------------------------- */

/* Not part of mp_ring_read (): while a tail is repaired, records may name blocks that a fast
 * consumer has already freed. */
static gboolean
has_sound_block (MpMemory       *self,
                 const MpRecord *record)
{
  return record->block == 0 || (mp_memory_contains (self, record->block, record->size) &&
                                mp_arena_is_block (self, record->block, record->size));
}

/* Moves the head to the next segment and frees the former one.  The producer may not have moved the
 * tail out of that segment yet; taking the tail lock waits until it has, or repairs the tail if it
 * died. */
static G_GNUC_NO_INLINE MpRingStatus
follow_link (MpMemory *self,
             guint32   count,
             guint64   from,
             guint64   to)
{
  if (mp_segment_of (mp_word_offset (mp_load_acquire (&self->tail->word))) == mp_segment_of (from))
    {
      if (!mp_lock_take (self, MP_LOCK_TAIL))
        return MP_RING_BUSY;
      mp_unlock (self, MP_LOCK_TAIL);
    }
  if (!mp_lock_take (self, MP_LOCK_ARENA))
    return MP_RING_BUSY;

  mp_store_release (&self->head->word, mp_word (count, to));
  MP_STEP ("get/followed");
  mp_arena_free (self, mp_segment_of (from));
  mp_unlock (self, MP_LOCK_ARENA);
  return MP_RING_OK;
}

MpRingStatus
mp_ring_peek_slow (MpMemory *self,
                   MpRecord *record)
{
  for (;;)
    {
      guint64      word = mp_load (&self->head->word);
      guint64      link;
      MpRingStatus status = mp_ring_read (self, mp_word_offset (word), mp_word_count (word),
                                          record, &link);

      if (status != MP_RING_OK)
        return status;
      if (link == 0)
        return has_sound_block (self, record) ? MP_RING_OK : MP_RING_DAMAGED;
      if (mp_load (&self->state->damaged) || !mp_arena_is_block (self, link, MP_SEGMENT_SIZE))
        return MP_RING_DAMAGED;
      status = follow_link (self, mp_word_count (word), mp_word_offset (word), link);
      if (status != MP_RING_OK)
        return status;
    }
}

/* --- Without a lock ----------------------------------------------------------------- */

/* Exact for one moment, since the head did not move while the tail was read.  The head may be ahead
 * of the tail by messages that are just being put. */
guint32
mp_ring_count (MpMemory *self)
{
  guint64 head, tail;
  guint32 count;

  do
    {
      head = mp_load_acquire (&self->head->word);
      tail = mp_load_acquire (&self->tail->word);
    }
  while (head != mp_load_acquire (&self->head->word));

  count = (mp_word_count (tail) - mp_word_count (head)) & MP_COUNT_MASK;
  return count <= MP_MAX_COUNT ? count : 0;
}

guint64
mp_ring_count_total (MpMemory *self)
{
  guint64 total = mp_load_acquire (&self->tail->n_total);
  guint32 count = mp_word_count (mp_load_acquire (&self->tail->word));

  return total + ((count - (guint32) total) & MP_COUNT_MASK);
}

/* Checks only the header at the head, without following links: a link means that a message was put
 * behind it, or is about to be.  If the head moves meanwhile, that memory may have been reused, so
 * "empty" counts only if the head has not moved. */
gboolean
mp_ring_has_items (MpMemory *self)
{
  gboolean found;
  guint64  word;

  do
    {
      word = mp_load_acquire (&self->head->word);
      found = !mp_ring_is_position (self, mp_word_offset (word)) ||
              mp_load_acquire (mp_memory_word_at (self, mp_word_offset (word))) != 0;
    }
  while (!found && word != mp_load (&self->head->word));
  return found;
}

/* Checks that there is a record at the head if, according to the counts, messages are queued.  The
 * values are consistent: the head did not move while they were read, and messages are committed
 * before the tail counts them. */
gboolean
mp_ring_is_sound (MpMemory *self)
{
  gboolean found;
  guint32  count;
  guint64  head;

  do
    {
      head = mp_load_acquire (&self->head->word);
      count = mp_word_count (mp_load_acquire (&self->tail->word)) - mp_word_count (head);
      found = mp_ring_is_position (self, mp_word_offset (head)) &&
              mp_load_acquire (mp_memory_word_at (self, mp_word_offset (head))) != 0;
    }
  while (head != mp_load (&self->head->word));

  count &= MP_COUNT_MASK;
  return found || count == 0 || count > MP_MAX_COUNT;
}

/* Whether the first record is that of a small message. */
static gboolean
read_small (MpMemory *self,
            MpRecord *record)
{
  guint64 word = mp_load (&self->head->word);
  guint64 link;

  return mp_ring_read (self, mp_word_offset (word), mp_word_count (word), record, &link) ==
           MP_RING_OK &&
         link == 0 && record->block == 0;
}

/* Whether the next message can be taken from the ring without the arena. */
gboolean
mp_ring_begins_small (MpMemory *self)
{
  MpRecord record;

  return read_small (self, &record);
}

/* Whether at least two messages are queued, the first of them a small one. */
gboolean
mp_ring_has_small_items (MpMemory *self)
{
  MpRecord record;

  return read_small (self, &record) && mp_load (mp_memory_word_at (self, record.next)) != 0;
}

static guint32
max_size (MpMemory *self)
{
  return self->config.max_size != 0 ? self->config.max_size : MP_MAX_COUNT;
}

/* Whether there is room for at least two messages, and those queued are small. */
gboolean
mp_ring_has_small_room (MpMemory *self)
{
  guint32 n = mp_ring_count (self);

  return n + 1 < max_size (self) && mp_memory_count_bytes (self) <= (guint64) n * MP_INLINE_LIMIT;
}

gboolean
mp_ring_has_room (MpMemory *self,
                  gsize     size)
{
  guint32 n = mp_ring_count (self);

  return n == 0 ||
         (n < max_size (self) && mp_memory_count_bytes (self) + size <= self->config.max_bytes);
}

/* --- After a death ------------------------------------------------------------------ */

/* Advances the tail over the records that the dead producer had committed: at most MP_RING_MAX_RUN
 * messages and a link. */
void
mp_ring_repair_tail (MpMemory *self)
{
  guint64  word = mp_load (&self->tail->word);
  guint64  offset = mp_word_offset (word);
  guint32  count = mp_word_count (word);
  guint    n_steps = MP_RING_MAX_RUN + 1;
  MpRecord record;
  guint64  link;

  for (;;)
    {
      MpRingStatus status = mp_ring_read (self, offset, count, &record, &link);

      if (status == MP_RING_DAMAGED || (status == MP_RING_OK && n_steps-- == 0))
        {
          mp_memory_set_damaged (self);
          break;
        }
      if (status != MP_RING_OK)
        break;

      if (link != 0)
        {
          offset = link;
        }
      else
        {
          offset = record.next;
          count++;
        }
      mp_store_release (&self->tail->word, mp_word (count, offset));
    }
}

gboolean
mp_ring_walk (MpMemory   *self,
              MpRingVisit visit,
              gpointer    user_data,
              guint64    *n_bytes)
{
  guint64  head = mp_load (&self->head->word);
  guint64  offset = mp_word_offset (head);
  guint32  count = mp_word_count (head);
  guint32  n_left = (mp_word_count (mp_load (&self->tail->word)) - count) & MP_COUNT_MASK;
  MpRecord record;
  guint64  link;

  *n_bytes = 0;
  if (!mp_ring_is_position (self, offset) || !visit (self, mp_segment_of (offset), user_data))
    return FALSE;

  for (;;)
    {
      MpRingStatus status = mp_ring_read (self, offset, count, &record, &link);

      if (status == MP_RING_EMPTY)
        return n_left == 0;
      if (status == MP_RING_DAMAGED)
        return FALSE;

      if (link != 0)
        {
          if (!mp_arena_is_block (self, link, MP_SEGMENT_SIZE) || !visit (self, link, user_data))
            return FALSE;
          offset = link;
          continue;
        }

      if (n_left-- == 0 || !has_sound_block (self, &record))
        return FALSE;
      if (record.block != 0 && !visit (self, record.block, user_data))
        return FALSE;
      *n_bytes += record.size;
      offset = record.next;
      count++;
    }
}
