/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* There and back over two queues, with and without adaptive spinning. */

#include "bench.h"

#include <mproc-glib/mproc-glib.h>

typedef struct
{
  MpQueue *there;
  MpQueue *back;
} Queues;

static Queues *
queues_new (void)
{
  g_autoptr (GError) error = NULL;
  Queues *queues = g_new0 (Queues, 1);

  queues->there = mp_queue_new (0, &error);
  queues->back = queues->there != NULL ? mp_queue_new (0, &error) : NULL;
  if (queues->back == NULL)
    bench_fail (error->message);
  return queues;
}

static gpointer
spin_set_up (const BenchOptions *options)
{
  return queues_new ();
}

static gpointer
sleep_set_up (const BenchOptions *options)
{
  Queues *queues = queues_new ();

  g_object_set (queues->there, "spin", 0, NULL);
  g_object_set (queues->back, "spin", 0, NULL);
  return queues;
}

static void
put (MpQueue      *queue,
     const guint8 *buffer,
     gsize         size)
{
  if (!mp_queue_put_data (queue, buffer, size, -1, NULL, NULL))
    bench_fail ("put");
}

static void
trip_produce (gpointer   user_data,
              BenchSide *side)
{
  Queues            *queues = user_data;
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);
  g_autofree guint8 *echo = g_malloc0 (size);

  while (bench_fill (side, buffer))
    {
      put (queues->there, buffer, size);
      if (!side->has_ended)
        bench_check_echo (buffer, echo,
                          mp_queue_get_into (queues->back, echo, size, -1, NULL, NULL), size);
    }
}

static void
trip_consume (gpointer   user_data,
              BenchSide *side)
{
  Queues            *queues = user_data;
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (bench_check (side, buffer,
                      mp_queue_get_into (queues->there, buffer, size, -1, NULL, NULL)))
    put (queues->back, buffer, size);
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram spin = { spin_set_up, NULL, trip_produce, trip_consume };
  static const BenchProgram sleep = { sleep_set_up, NULL, trip_produce, trip_consume };
  static const BenchMode    modes[] = { { "spin", &spin }, { "sleep", &sleep }, { NULL } };

  return bench_main (argc, argv, modes);
}
