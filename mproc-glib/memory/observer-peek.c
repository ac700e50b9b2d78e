/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "observer-peek.h"

#include "observed.h"
#include "record.h"

/* A walk ends after so many records: a hostile process could make a cycle of them. */
#define MAX_STEPS (1 << 20)

/* Where a walk is. */
typedef struct
{
  guint64 position; /* how many messages were put before the record */
  guint64 offset;
} Cursor;

/* The state of the queue as seen by a walk. */
typedef struct
{
  guint64 n_put;
  guint64 n_taken;
  Cursor  head;
} Bounds;

static Bounds
find_bounds (MpObserved *self)
{
  guint64 head;
  guint32 n_queued;
  guint64 n_put = mp_observed_locate (self, &head, &n_queued);

  return (Bounds){ n_put, n_put - n_queued, { n_put - n_queued, mp_word_offset (head) } };
}

/* Continues where the last walk ended, unless that message was taken meanwhile.  If @from is not
 * before the tail, begins at the tail, for messages put from now on; else at the head. */
static Cursor
begin (MpObserved   *self,
       const Bounds *bounds,
       guint64       from)
{
  const MpTailLine *tail = mp_observed_line (self, MP_OFFSET_TAIL);

  if (from != 0 && from == self->cursor && from >= bounds->n_taken)
    return (Cursor){ self->cursor, self->cursor_offset };
  if (from >= bounds->n_put)
    {
      guint64 word = mp_load_acquire (&tail->word);
      guint32 more = (mp_word_count (word) - (guint32) bounds->n_put) & MP_COUNT_MASK;

      return (Cursor){ bounds->n_put + more, mp_word_offset (word) };
    }
  return bounds->head;
}

/* Returns FALSE at the end, or if the record cannot be read. */
static gboolean
read_record (MpObserved *self,
             Cursor     *cursor,
             MpRecord   *record)
{
  guint64 words[2], link;

  /* At most one link, and the message: two links in a row are damage. */
  for (guint i = 0; i < 2; i++)
    {
      if ((cursor->offset & (MP_RECORD_ALIGNMENT - 1)) != 0 ||
          cursor->offset < self->config.layout_check ||
          !mp_observed_read (self, words, sizeof words, cursor->offset) || words[0] == 0 ||
          !mp_record_decode (cursor->offset, (guint32) cursor->position & MP_COUNT_MASK, words[0],
                             words[1], self->config.max_bytes, record, &link))
        return FALSE;
      if (link == 0)
        return TRUE;
      cursor->offset = link;
    }
  return FALSE;
}

/* A copy is intact if the message is still queued after it was made. */
static gboolean
is_still_queued (MpObserved *self,
                 guint64     position)
{
  return find_bounds (self).n_taken <= position;
}

static gboolean
glimpse (MpObserved        *self,
         const Cursor      *cursor,
         const MpRecord    *record,
         gsize              max_length,
         MpQueueGlimpseFunc func,
         gpointer           data)
{
  const gsize        length = (gsize) MIN (record->size, max_length);
  g_autofree guint8 *copy = g_malloc (length + 1);

  if (!mp_observed_read (self, copy, length, record->payload) ||
      !is_still_queued (self, cursor->position))
    return FALSE;

  return func (&(MpQueueGlimpse){ cursor->position, record->size, record->tag, copy, length },
               data);
}

guint64
mp_observed_peek (gpointer           user_data,
                  guint64            from,
                  guint              max,
                  gsize              max_length,
                  MpQueueGlimpseFunc func,
                  gpointer           data)
{
  MpObserved   *self = user_data;
  const Bounds  bounds = find_bounds (self);
  Cursor        cursor = begin (self, &bounds, from);
  const guint64 start = cursor.position;
  guint         n_seen = 0;

  for (guint i = 0; i < MAX_STEPS && n_seen < max; i++)
    {
      MpRecord record;

      if (!read_record (self, &cursor, &record))
        break;
      if (cursor.position >= from)
        {
          if (!glimpse (self, &cursor, &record, max_length, func, data))
            break;
          n_seen++;
        }
      cursor.position++;
      cursor.offset = record.next;
    }

  /* If the last record was taken while it was read, the offset of the next one may be wrong. */
  self->cursor =
    cursor.position == start || is_still_queued (self, cursor.position - 1) ? cursor.position : 0;
  self->cursor_offset = cursor.offset;
  return cursor.position;
}
