/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "layout.h"

G_BEGIN_DECLS

/* Reads the first two words of a record.  They may have been written by a hostile process: they are
 * checked as far as possible without reading other parts of the memory. */

/* A message in the ring. */
typedef struct
{
  guint64 payload; /* offset of the payload */
  guint64 size;
  guint64 next;  /* offset of the next record */
  guint64 block; /* offset of its block, or 0 if it is inline */
  guint32 count; /* count of the head word at this record */
  guint8  tag;
} MpRecord;

static inline guint64
mp_segment_of (guint64 offset)
{
  return offset & ~(guint64) (MP_SEGMENT_SIZE - 1);
}

static inline guint64
mp_segment_end (guint64 offset)
{
  return mp_segment_of (offset) + MP_SEGMENT_SIZE;
}

/* @header, which is not 0, and @second are the two words at @offset.  If this is a link, *@link is
 * the offset of the next segment, else 0.  Returns FALSE if the record is damaged. */
static inline gboolean
mp_record_decode (guint64   offset,
                  guint32   count,
                  guint64   header,
                  guint64   second,
                  guint64   max_bytes,
                  MpRecord *record,
                  guint64  *link)
{
  if (G_UNLIKELY (mp_header_sequence (header) != (count & MP_SEQUENCE_MASK)))
    return FALSE;

  record->count = count;
  record->size = mp_header_size (header);
  record->tag = mp_header_tag (header);
  *link = 0;

  if (G_LIKELY (mp_header_kind (header) == MP_RECORD_INLINE))
    {
      record->payload = offset + sizeof (guint64);
      record->block = 0;
      record->next = offset + mp_record_size (record->size);
      return G_LIKELY (record->size <= MP_INLINE_LIMIT &&
                       record->next + MP_LINK_SIZE <= mp_segment_end (offset));
    }
  if (mp_header_kind (header) == MP_RECORD_BLOCK)
    {
      record->payload = record->block = second;
      record->next = offset + mp_record_size (sizeof (guint64));
      return second != 0 && record->size <= max_bytes &&
             record->next + MP_LINK_SIZE <= mp_segment_end (offset);
    }

  /* A segment begins with a message: two links in a row could be part of a cycle. */
  record->payload = record->block = record->next = 0;
  *link = second;
  return mp_header_kind (header) == MP_RECORD_LINK && mp_segment_of (offset) != offset &&
         mp_segment_of (second) == second;
}

G_END_DECLS
