/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory/layout.h"
#include "test-places.h"

#include <string.h>
#include <unistd.h>

G_BEGIN_DECLS

/* The words of a queue's memory that a hostile process overwrites: eight bytes of input each. */
typedef struct
{
  guint8  region;
  guint8  reserved; /* the highest bit: the word is in the config, if that is overwritten too */
  guint16 word;
  guint32 value;
} FuzzPatch;

static inline guint64
fuzz_patch_place (const FuzzPatch *patch,
                  guint64          arena_offset,
                  gboolean         config_too)
{
  if (config_too && (patch->reserved & 0x80) != 0)
    return patch->word * G_GUINT64_CONSTANT (4) % sizeof (MpConfig);
  return test_place (patch->region, patch->word, arena_offset);
}

static inline void
fuzz_patch_memory (int           fd,
                   gboolean      config_too,
                   const guint8 *data,
                   gsize         size)
{
  MpConfig config;

  g_assert_cmpint (pread (fd, &config, sizeof config, 0), ==, sizeof config);
  for (; size >= sizeof (FuzzPatch); data += sizeof (FuzzPatch), size -= sizeof (FuzzPatch))
    {
      FuzzPatch patch;
      off_t     place;

      memcpy (&patch, data, sizeof patch);
      place = (off_t) fuzz_patch_place (&patch, config.layout_check, config_too);
      g_assert_cmpint (pwrite (fd, &patch.value, sizeof patch.value, place), ==,
                       sizeof patch.value);
    }
}

G_END_DECLS
