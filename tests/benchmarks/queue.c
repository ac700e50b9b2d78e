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

/* --- put_message and get_message of bytes ------------------------------------------------- */

static void
message_produce (gpointer   user_data,
                 BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (bench_fill (side, buffer))
    {
      g_autoptr (MpMessage) message = mp_message_new_data (buffer, size);

      if (!mp_queue_put_message (user_data, message, -1, NULL, NULL))
        bench_fail ("put");
    }
}

static void
message_consume (gpointer   user_data,
                 BenchSide *side)
{
  for (;;)
    {
      g_autoptr (MpMessage) message = mp_queue_get_message (user_data, -1, NULL, NULL);
      gsize         size;
      const guint8 *data;

      if (message == NULL)
        bench_fail ("get");
      data = mp_message_get_data (message, &size);
      if (!bench_check (side, data, (gssize) size))
        return;
    }
}

/* --- put_many and get_many of bytes ------------------------------------------------------- */

static void
put_batch (MpQueue   *queue,
           GPtrArray *messages)
{
  if (!mp_queue_put_many (queue, messages, -1, NULL, NULL, NULL))
    bench_fail ("put");
  g_ptr_array_set_size (messages, 0);
}

static void
batch_produce (gpointer   user_data,
               BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);
  g_autoptr (GPtrArray) messages =
    g_ptr_array_new_with_free_func ((GDestroyNotify) mp_message_unref);

  while (bench_fill (side, buffer))
    {
      g_ptr_array_add (messages, mp_message_new_data (buffer, size));
      if (messages->len == BENCH_BATCH || side->has_ended)
        put_batch (user_data, messages);
    }
}

/* Put back markers that are for other consumers. */
static void
put_back_markers (MpQueue   *queue,
                  BenchSide *side,
                  MpMessage *marker)
{
  for (; side->n_markers > 1; side->n_markers--)
    if (!mp_queue_put_message (queue, marker, -1, NULL, NULL))
      bench_fail ("put");
}

static void
batch_consume (gpointer   user_data,
               BenchSide *side)
{
  while (side->n_markers == 0)
    {
      g_autoptr (GPtrArray) messages = mp_queue_get_many (user_data, BENCH_BATCH, -1, NULL, NULL);
      MpMessage *marker = NULL;

      if (messages == NULL)
        bench_fail ("get");
      for (guint i = 0; i < messages->len; i++)
        {
          gsize         size;
          const guint8 *data = mp_message_get_data (messages->pdata[i], &size);

          if (!bench_check (side, data, (gssize) size))
            marker = messages->pdata[i];
        }
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
  static const BenchProgram message = { queue_set_up, NULL, message_produce, message_consume };
  static const BenchProgram batch = { queue_set_up, NULL, batch_produce, batch_consume };
  static const BenchProgram variant = { queue_set_up, NULL, variant_produce, variant_consume };
  static const BenchMode    modes[] = {
       { "data", &data },
       { "message", &message },
       { "batch", &batch },
       { "variant", &variant },
       { NULL }
  };

  return bench_main (argc, argv, modes);
}
