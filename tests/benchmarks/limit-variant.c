/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The limit of values: building one and reading it in one process, without sending it. */

#include "bench.h"
#include "bench-variant.h"

static void
variant_produce (gpointer   user_data,
                 BenchSide *side)
{
  g_autofree guint8 *buffer = g_malloc0 (side->options->size);
  guint64            put = 0, got = 0;

  while (bench_fill (side, buffer))
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (bench_variant_new (bench_word (buffer)));
      guint8 read[16];

      bench_variant_read (value, read);
      put += bench_sum (buffer, side->options->size);
      got += bench_sum (read, sizeof read);
    }
  if (put != got)
    bench_fail ("another sum");
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram program = { NULL, NULL, variant_produce, NULL };
  static const BenchMode    modes[] = { { "variant", &program }, { NULL } };

  return bench_main (argc, argv, modes);
}
