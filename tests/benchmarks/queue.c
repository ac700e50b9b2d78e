/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One way through a queue of this library: plain bytes, batches of them, or values. */

#include "bench.h"
#include "bench-variant.h"

#include <mproc-glib/mproc-glib.h>

static gpointer
queue_set_up (const BenchOptions *options)
{
  g_autoptr (GError) error = NULL;
  MpQueue *queue = mp_queue_new_full (options->depth, 0, &error);

  if (queue == NULL)
    bench_fail (error->message);
  return queue;
}

/* --- put_data and get_into ------------------------------------------------------------ */

static void
data_produce (gpointer   user_data,
              BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (bench_fill (side, buffer))
    if (!mp_queue_put_data (user_data, buffer, size, -1, NULL, NULL))
      bench_fail ("put");
}

static void
data_consume (gpointer   user_data,
              BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (bench_check (side, buffer, mp_queue_get_into (user_data, buffer, size, -1, NULL, NULL)))
    ;
}

/* --- put_vectors and get_vectors ------------------------------------------------------- */

static void
batch_produce (gpointer   user_data,
               BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffers = g_malloc0 (BENCH_BATCH * size);
  GOutputVector      vectors[BENCH_BATCH];
  guint              n = 0;

  for (guint i = 0; i < BENCH_BATCH; i++)
    vectors[i] = (GOutputVector){ buffers + i * size, size };

  while (bench_fill (side, buffers + n * size))
    if (++n == BENCH_BATCH || side->has_ended)
      {
        if (!mp_queue_put_vectors (user_data, vectors, n, -1, NULL, NULL, NULL))
          bench_fail ("put");
        n = 0;
      }
}

/* Markers that came with ours are for others. */
static void
put_back_markers (MpQueue   *queue,
                  BenchSide *side,
                  guint8    *marker)
{
  for (; side->n_markers > 1; side->n_markers--)
    if (!mp_queue_put_data (queue, marker, side->options->size, -1, NULL, NULL))
      bench_fail ("put");
}

static void
batch_consume (gpointer   user_data,
               BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffers = g_malloc0 (BENCH_BATCH * size);

  while (side->n_markers == 0)
    {
      GInputVector vectors[BENCH_BATCH];
      guint8      *marker = NULL;
      gssize       n;

      for (guint i = 0; i < BENCH_BATCH; i++)
        vectors[i] = (GInputVector){ buffers + i * size, size };
      n = mp_queue_get_vectors (user_data, vectors, BENCH_BATCH, -1, NULL, NULL);
      if (n <= 0)
        bench_fail ("get");
      for (gssize i = 0; i < n; i++)
        if (!bench_check (side, vectors[i].buffer, (gssize) vectors[i].size))
          marker = vectors[i].buffer;
      if (marker != NULL)
        put_back_markers (user_data, side, marker);
    }
}

/* --- put and get of a small dictionary -------------------------------------------------- */

static void
variant_produce (gpointer   user_data,
                 BenchSide *side)
{
  g_autofree guint8 *buffer = g_malloc0 (side->options->size);

  while (bench_fill (side, buffer))
    if (!mp_queue_put (user_data, bench_variant_new (bench_word (buffer)), -1, NULL, NULL))
      bench_fail ("put");
}

static void
variant_consume (gpointer   user_data,
                 BenchSide *side)
{
  for (;;)
    {
      g_autoptr (GVariant) value = mp_queue_get (user_data, -1, NULL, NULL);
      guint8 buffer[16];

      bench_variant_read (value, buffer);
      if (!bench_check (side, buffer, sizeof buffer))
        return;
    }
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram data = { queue_set_up, NULL, data_produce, data_consume };
  static const BenchProgram batch = { queue_set_up, NULL, batch_produce, batch_consume };
  static const BenchProgram variant = { queue_set_up, NULL, variant_produce, variant_consume };
  static const BenchMode    modes[] = {
       { "data", &data }, { "batch", &batch }, { "variant", &variant }, { NULL }
  };

  return bench_main (argc, argv, modes);
}
