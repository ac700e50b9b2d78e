/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory/layout.h"

G_BEGIN_DECLS

/* The ranges of a queue's memory that a hostile process overwrites in tests: those that the library
 * reads frequently, and the first entries of each table. */
typedef struct
{
  guint64  offset;
  guint64  size;
  gboolean is_of_arena; /* relative to the beginning of the arena */
} TestPlaces;

static const TestPlaces test_places[] = {
  { 0, 64, FALSE },
  { MP_OFFSET_TAIL, 1024, FALSE }, /* up to the first words of the waiters */
  { MP_OFFSET_PARTICIPANTS, 8 * MP_CACHE_LINE, FALSE },
  { MP_OFFSET_WAITERS, 512, FALSE },
  { MP_OFFSET_LEASES, 8 * MP_CACHE_LINE, FALSE },
  { MP_OFFSET_UNITS, 512, FALSE },
  { 0, 2 * MP_SEGMENT_SIZE, TRUE },
  { MP_OFFSET_LEASE_MAP, 64, FALSE },
  { MP_OFFSET_LEASE_MAP + G_STRUCT_OFFSET (MpLeaseMap, used), 64, FALSE },
};

static const guint64 test_lock_places[] = { MP_OFFSET_TAIL, MP_OFFSET_HEAD, MP_OFFSET_ARENA };

static inline guint64
test_place (guint   region,
            guint32 word,
            guint64 arena_offset)
{
  const TestPlaces *places = &test_places[region % G_N_ELEMENTS (test_places)];

  return places->offset + word * G_GUINT64_CONSTANT (4) % places->size +
         (places->is_of_arena ? arena_offset : 0);
}

G_END_DECLS
