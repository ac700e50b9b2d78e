/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connections of this library: one way with blocking calls, one way with asynchronous sends
 * that are written together, and there and back. */

#include "bench.h"

#include <mproc-glib/mproc-glib.h>

/* The maximum number and size of asynchronous sends in progress. */
#define MAX_UNDER_WAY       256
#define MAX_UNDER_WAY_BYTES (1 << 20)

typedef struct
{
  MpConnection *ends[2];
} Pipe;

static gpointer
pipe_set_up (const BenchOptions *options)
{
  g_autoptr (GError) error = NULL;
  Pipe *pipe = g_new0 (Pipe, 1);

  if (!mp_pipe (TRUE, &pipe->ends[0], &pipe->ends[1], &error))
    bench_fail (error->message);
  return pipe;
}

static gpointer
pipe_open (gpointer   user_data,
           BenchSide *side)
{
  Pipe *pipe = user_data;

  g_object_unref (pipe->ends[side->is_producer ? 1 : 0]);
  return pipe->ends[side->is_producer ? 0 : 1];
}

static gpointer
pipe_open_ahead (gpointer   user_data,
                 BenchSide *side)
{
  MpConnection *connection = pipe_open (user_data, side);

  mp_connection_set_read_ahead (connection, TRUE);
  return connection;
}

/* --- One way ---------------------------------------------------------------------------- */

static void
transmit (MpConnection *connection,
          const guint8 *buffer,
          gsize         size)
{
  if (!mp_connection_send_data (connection, buffer, size, -1, NULL, NULL))
    bench_fail ("send");
}

static gssize
receive (MpConnection *connection,
         guint8       *buffer,
         gsize         size)
{
  return mp_connection_recv_into (connection, buffer, size, 0, -1, NULL, NULL);
}

static void
way_produce (gpointer   user_data,
             BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (bench_fill (side, buffer))
    transmit (user_data, buffer, size);
}

static void
way_consume (gpointer   user_data,
             BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (bench_check (side, buffer, receive (user_data, buffer, size)))
    ;
}

/* --- One way, asynchronous sends ----------------------------------------------------------- */

static void
sent_cb (GObject      *object,
         GAsyncResult *result,
         gpointer      user_data)
{
  guint *n_under_way = user_data;

  if (!mp_connection_send_bytes_finish (MP_CONNECTION (object), result, NULL))
    bench_fail ("send");
  (*n_under_way)--;
}

static void
async_produce (gpointer   user_data,
               BenchSide *side)
{
  gsize              size = side->options->size;
  guint              limit = (guint) CLAMP (MAX_UNDER_WAY_BYTES / size, 2, MAX_UNDER_WAY);
  g_autofree guint8 *buffer = g_malloc0 (size);
  guint              n_under_way = 0;

  while (bench_fill (side, buffer))
    {
      g_autoptr (GBytes) bytes = g_bytes_new (buffer, size);

      mp_connection_send_bytes_async (user_data, bytes, G_PRIORITY_DEFAULT, NULL, sent_cb,
                                      &n_under_way);
      n_under_way++;
      while (n_under_way >= limit)
        g_main_context_iteration (NULL, TRUE);
    }
  while (n_under_way > 0)
    g_main_context_iteration (NULL, TRUE);
}

/* --- There and back -------------------------------------------------------------------------- */

static void
trip_produce (gpointer   user_data,
              BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);
  g_autofree guint8 *echo = g_malloc0 (size);

  while (bench_fill (side, buffer))
    {
      transmit (user_data, buffer, size);
      if (!side->has_ended)
        bench_check_echo (buffer, echo, receive (user_data, echo, size), size);
    }
}

static void
trip_consume (gpointer   user_data,
              BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  while (bench_check (side, buffer, receive (user_data, buffer, size)))
    transmit (user_data, buffer, size);
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram ahead = { pipe_set_up, pipe_open_ahead, way_produce, way_consume };
  static const BenchProgram trip_ahead = { pipe_set_up, pipe_open_ahead, trip_produce,
                                           trip_consume };
  static const BenchProgram way = { pipe_set_up, pipe_open, way_produce, way_consume };
  static const BenchProgram async = { pipe_set_up, pipe_open, async_produce, way_consume };
  static const BenchProgram trip = { pipe_set_up, pipe_open, trip_produce, trip_consume };
  static const BenchMode    modes[] = {
       { "way", &way },
       { "ahead", &ahead },
       { "async", &async },
       { "trip", &trip },
       { "trip-ahead", &trip_ahead },
       { NULL }
  };

  return bench_main (argc, argv, modes);
}
