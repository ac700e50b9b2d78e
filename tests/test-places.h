/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory/layout.h"

G_BEGIN_DECLS

/* The places of a queue's memory to which a hostile process writes in tests: those that the
 * library reads again and again, of each table the first entries. */
typedef struct
{
  guint64  offset;
  guint64  size;
  gboolean is_of_arena; /* counts from where the arena begins */
} TestPlaces;

static const TestPlaces test_places[] = {
  { 0, 64, FALSE },
  { MP_OFFSET_TAIL, 1024, FALSE }, /* up to the first words of who waits */
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
