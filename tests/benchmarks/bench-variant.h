/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "bench.h"

/* The small value of the benchmarks: a dictionary like those that programs send. */

static inline GVariant *
bench_variant_new (guint64 number)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "id", g_variant_new_uint64 (number));
  g_variant_builder_add (&builder, "{sv}", "name", g_variant_new_string ("thumbnail"));
  g_variant_builder_add (&builder, "{sv}", "done", g_variant_new_boolean (FALSE));
  return g_variant_builder_end (&builder);
}

/* Reads all of it, and writes into @buffer, 16 bytes, what bench_fill () wrote for it. */
static inline void
bench_variant_read (GVariant *value,
                    guint8   *buffer)
{
  guint64     number = 0;
  const char *name = NULL;
  gboolean    done = TRUE;

  if (value == NULL ||
      !g_variant_lookup (value, "id", "t", &number) ||
      !g_variant_lookup (value, "name", "&s", &name) ||
      !g_variant_lookup (value, "done", "b", &done) ||
      !g_str_equal (name, "thumbnail") || done)
    bench_fail ("another value");

  bench_stamp (buffer, 16, number);
  if (number == BENCH_MARKER)
    bench_set_word (buffer, number);
}
