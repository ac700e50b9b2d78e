/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One way, received in a main loop: by the signal `message`, by get_async (), and by several
 * of these at once. */

#include "bench.h"

#include <mproc-glib/mproc-glib.h>

#define N_AT_ONCE 8

typedef struct
{
  GMainLoop *loop;
  BenchSide *side;
  gboolean   ended;
  guint      n_pending;
} Receiver;

static gpointer
queue_set_up (const BenchOptions *options)
{
  g_autoptr (GError) error = NULL;
  MpQueue *queue = mp_queue_new_full (options->depth, 0, &error);

  if (queue == NULL)
    bench_fail (error->message);
  return queue;
}

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
message_cb (MpQueue   *queue,
            MpMessage *message,
            Receiver  *self)
{
  g_autoptr (GBytes) bytes = mp_message_get_bytes (message, NULL);

  if (bytes == NULL)
    bench_fail ("message");
  if (!bench_check (self->side, g_bytes_get_data (bytes, NULL), (gssize) g_bytes_get_size (bytes)))
    {
      mp_queue_stop (queue);
      g_main_loop_quit (self->loop);
    }
}

static void
signal_consume (gpointer   user_data,
                BenchSide *side)
{
  Receiver self = { g_main_loop_new (NULL, FALSE), side, FALSE, 0 };

  g_signal_connect (user_data, "message", G_CALLBACK (message_cb), &self);
  mp_queue_start (user_data, G_PRIORITY_DEFAULT);
  g_main_loop_run (self.loop);
}

static void
variant_produce (gpointer   user_data,
                 BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (bench_fill (side, buffer))
    if (!mp_queue_put (user_data, g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, buffer, size, 1),
                       -1, NULL, NULL))
      bench_fail ("put");
}

static void
got_cb (GObject      *object,
        GAsyncResult *result,
        gpointer      user_data);

static void
get_one (MpQueue  *queue,
         Receiver *self)
{
  self->n_pending++;
  mp_queue_get_async (queue, G_PRIORITY_DEFAULT, NULL, got_cb, self);
}

/* There are no messages behind the marker: waiting calls end with the queue. */
static void
got_cb (GObject      *object,
        GAsyncResult *result,
        gpointer      user_data)
{
  Receiver *self = user_data;
  g_autoptr (GVariant) value = mp_queue_get_finish (MP_QUEUE (object), result, NULL);
  const guint8 *data;
  gsize         size;

  self->n_pending--;
  if (value != NULL)
    {
      data = g_variant_get_fixed_array (value, &size, 1);
      if (bench_check (self->side, data, (gssize) size))
        {
          get_one (MP_QUEUE (object), self);
          return;
        }
      self->ended = TRUE;
      mp_queue_shutdown (MP_QUEUE (object), FALSE, NULL);
    }

  if (!self->ended)
    bench_fail ("get");
  if (self->n_pending == 0)
    g_main_loop_quit (self->loop);
}

static void
consume (MpQueue   *queue,
         BenchSide *side,
         guint      n_at_once)
{
  Receiver self = { g_main_loop_new (NULL, FALSE), side, FALSE, 0 };

  for (guint i = 0; i < n_at_once; i++)
    get_one (queue, &self);
  g_main_loop_run (self.loop);
}

static void
async_consume (gpointer   user_data,
               BenchSide *side)
{
  consume (user_data, side, 1);
}

static void
several_consume (gpointer   user_data,
                 BenchSide *side)
{
  consume (user_data, side, N_AT_ONCE);
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram signal = { queue_set_up, NULL, data_produce, signal_consume };
  static const BenchProgram async = { queue_set_up, NULL, variant_produce, async_consume };
  static const BenchProgram several = { queue_set_up, NULL, variant_produce, several_consume };
  static const BenchMode    modes[] = {
       { "signal", &signal }, { "async", &async }, { "several", &several }, { NULL }
  };

  return bench_main (argc, argv, modes);
}
