/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connections of this library in a main loop: received by the signal `message`, one way and
 * there and back; and calls. */

#include "bench.h"

#include <mproc-glib/mproc-glib.h>

typedef struct
{
  MpConnection *ends[2];
} Pipe;

typedef struct
{
  GMainLoop *loop;
  BenchSide *side;
  guint8    *buffer;
} Peer;

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
  mp_connection_set_format (pipe->ends[side->is_producer ? 0 : 1], MP_FORMAT_BYTES);
  return pipe->ends[side->is_producer ? 0 : 1];
}

static gpointer
call_open (gpointer   user_data,
           BenchSide *side)
{
  MpConnection *connection = pipe_open (user_data, side);

  mp_connection_set_format (connection, MP_FORMAT_GVARIANT);
  return connection;
}

static void
transmit (MpConnection *connection,
          const guint8 *data,
          gsize         size)
{
  if (!mp_connection_send_data (connection, data, size, -1, NULL, NULL))
    bench_fail ("send");
}

static void
run_loop (MpConnection *connection,
          BenchSide    *side,
          guint8       *buffer,
          const char   *signal,
          GCallback     callback)
{
  Peer peer = { g_main_loop_new (NULL, FALSE), side, buffer };

  g_signal_connect (connection, signal, callback, &peer);
  mp_connection_start (connection, G_PRIORITY_DEFAULT);
  g_main_loop_run (peer.loop);
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
way_message_cb (MpConnection *connection,
                MpMessage    *message,
                Peer         *self)
{
  g_autoptr (GBytes) bytes = mp_message_get_bytes (message, NULL);
  gsize         size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  if (!bench_check (self->side, data, (gssize) size))
    g_main_loop_quit (self->loop);
}

static void
way_consume (gpointer   user_data,
             BenchSide *side)
{
  run_loop (user_data, side, NULL, "message", G_CALLBACK (way_message_cb));
}

/* --- There and back -------------------------------------------------------------------------- */

static void
echo_cb (MpConnection *connection,
         MpMessage    *message,
         Peer         *self)
{
  g_autoptr (GBytes) bytes = mp_message_get_bytes (message, NULL);
  gsize         size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  if (bench_check (self->side, data, (gssize) size))
    transmit (connection, data, size);
  else
    g_main_loop_quit (self->loop);
}

static void
answer_cb (MpConnection *connection,
           MpMessage    *message,
           Peer         *self)
{
  g_autoptr (GBytes) bytes = mp_message_get_bytes (message, NULL);
  gsize         size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  bench_check_echo (self->buffer, data, (gssize) size, self->side->options->size);
  bench_fill (self->side, self->buffer);
  transmit (connection, self->buffer, size);
  if (self->side->has_ended)
    g_main_loop_quit (self->loop);
}

static void
trip_produce (gpointer   user_data,
              BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  bench_fill (side, buffer);
  transmit (user_data, buffer, size);
  run_loop (user_data, side, buffer, "message", G_CALLBACK (answer_cb));
}

static void
trip_consume (gpointer   user_data,
              BenchSide *side)
{
  run_loop (user_data, side, NULL, "message", G_CALLBACK (echo_cb));
}

/* --- Calls ---------------------------------------------------------------------------------- */

static GVariant *
wrap (const guint8 *buffer,
      gsize         size)
{
  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, buffer, size, 1);
}

static void
returned_cb (GObject      *object,
             GAsyncResult *result,
             gpointer      user_data)
{
  Peer         *self = user_data;
  MpConnection *connection = MP_CONNECTION (object);
  gsize         size = self->side->options->size;

  if (result != NULL)
    {
      g_autoptr (GVariant) value = mp_connection_call_finish (connection, result, NULL);
      gsize         length;
      const guint8 *data;

      if (value == NULL)
        bench_fail ("call");
      data = g_variant_get_fixed_array (value, &length, 1);
      bench_check_echo (self->buffer, data, (gssize) length, size);
    }
  if (bench_fill (self->side, self->buffer))
    mp_connection_call_async (connection, wrap (self->buffer, size), -1, G_PRIORITY_DEFAULT, NULL,
                              returned_cb, self);
  else
    g_main_loop_quit (self->loop);
}

static void
call_produce (gpointer   user_data,
              BenchSide *side)
{
  g_autofree guint8 *buffer = g_malloc0 (side->options->size);
  Peer               peer = { g_main_loop_new (NULL, FALSE), side, buffer };

  returned_cb (user_data, NULL, &peer);
  g_main_loop_run (peer.loop);
}

static void
called_cb (MpConnection *connection,
           MpInvocation *invocation,
           Peer         *self)
{
  g_autoptr (GVariant) value = mp_invocation_get_value (invocation, NULL);
  gsize         size;
  const guint8 *data;
  gboolean      more;

  if (value == NULL)
    bench_fail ("called");
  data = g_variant_get_fixed_array (value, &size, 1);
  more = bench_check (self->side, data, (gssize) size);

  mp_invocation_return_value (invocation, value);
  if (!more)
    {
      mp_connection_flush (connection, -1, NULL, NULL);
      g_main_loop_quit (self->loop);
    }
}

static void
call_consume (gpointer   user_data,
              BenchSide *side)
{
  run_loop (user_data, side, NULL, "called", G_CALLBACK (called_cb));
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram way = { pipe_set_up, pipe_open, way_produce, way_consume };
  static const BenchProgram trip = { pipe_set_up, pipe_open, trip_produce, trip_consume };
  static const BenchProgram call = { pipe_set_up, call_open, call_produce, call_consume };
  static const BenchMode    modes[] = { { "way", &way },
                                        { "trip", &trip },
                                        { "call", &call },
                                        { NULL } };

  return bench_main (argc, argv, modes);
}
