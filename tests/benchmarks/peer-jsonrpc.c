/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* jsonrpc-glib: notifications and calls with a string of the payload's length, as JSON and, if both
 * ends support it, as GVariant. */

#include "bench-socket.h"

#include <jsonrpc-glib.h>

typedef struct
{
  GMainLoop *loop;
  BenchSide *side;
  guint8    *buffer;
} Peer;

static gpointer
json_open (gpointer   user_data,
           BenchSide *side)
{
  g_autoptr (GIOStream) stream = bench_socket_open_stream (user_data, side);

  return jsonrpc_client_new (stream);
}

static gpointer
variant_open (gpointer   user_data,
              BenchSide *side)
{
  JsonrpcClient *client = json_open (user_data, side);

  jsonrpc_client_set_use_gvariant (client, TRUE);
  return client;
}

/* The number of the message is sent along with a string that makes up its length. */
static GVariant *
wrap (const guint8 *buffer,
      const char   *text)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "id", "x", (gint64) bench_word (buffer));
  g_variant_dict_insert (&dict, "text", "s", text);
  return g_variant_dict_end (&dict);
}

static void
unwrap (GVariant *parameters,
        guint8   *buffer,
        gsize     size)
{
  const char *text;
  gint64      number;

  if (!g_variant_lookup (parameters, "id", "x", &number) ||
      !g_variant_lookup (parameters, "text", "&s", &text) || strlen (text) != size - 8)
    bench_fail ("another message");

  bench_stamp (buffer, size, (guint64) number);
}

/* --- Notifications -------------------------------------------------------------------------- */

static void
notify_produce (gpointer   user_data,
                BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);
  g_autofree char   *text = g_strnfill (size - 8, 'x');

  while (bench_fill (side, buffer))
    {
      if (!jsonrpc_client_send_notification (user_data, "item", wrap (buffer, text), NULL, NULL))
        bench_fail ("send");
    }
}

static void
notification_cb (JsonrpcClient *client,
                 const char    *method,
                 GVariant      *parameters,
                 Peer          *self)
{
  gsize size = self->side->options->size;

  unwrap (parameters, self->buffer, size);
  if (!bench_check (self->side, self->buffer, (gssize) size))
    g_main_loop_quit (self->loop);
}

static void
notify_consume (gpointer   user_data,
                BenchSide *side)
{
  g_autofree guint8 *buffer = g_malloc0 (side->options->size);
  Peer               peer = { g_main_loop_new (NULL, FALSE), side, buffer };

  g_signal_connect (user_data, "notification", G_CALLBACK (notification_cb), &peer);
  jsonrpc_client_start_listening (user_data);
  g_main_loop_run (peer.loop);
}

/* --- Calls ---------------------------------------------------------------------------------- */

static void
returned_cb (GObject      *object,
             GAsyncResult *result,
             gpointer      user_data)
{
  Peer              *self = user_data;
  JsonrpcClient     *client = JSONRPC_CLIENT (object);
  gsize              size = self->side->options->size;
  g_autofree char   *text = g_strnfill (size - 8, 'x');
  g_autofree guint8 *echo = g_malloc0 (size);

  if (result != NULL)
    {
      g_autoptr (GVariant) value = NULL;

      if (!jsonrpc_client_call_finish (client, result, &value, NULL))
        bench_fail ("call");
      unwrap (value, echo, size);
      if (bench_word (echo) != BENCH_MARKER)
        bench_check_echo (self->buffer, echo, (gssize) size, size);
    }
  if (bench_fill (self->side, self->buffer))
    jsonrpc_client_call_async (client, "echo", wrap (self->buffer, text), NULL, returned_cb, self);
  else
    g_main_loop_quit (self->loop);
}

static void
call_produce (gpointer   user_data,
              BenchSide *side)
{
  g_autofree guint8 *buffer = g_malloc0 (side->options->size);
  Peer               peer = { g_main_loop_new (NULL, FALSE), side, buffer };

  jsonrpc_client_start_listening (user_data);
  returned_cb (user_data, NULL, &peer);
  g_main_loop_run (peer.loop);
}

/* Quit when the last answer was sent. */
static void
last_replied_cb (GObject      *object,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  g_main_loop_quit (((Peer *) user_data)->loop);
}

static gboolean
called_cb (JsonrpcClient *client,
           const char    *method,
           GVariant      *id,
           GVariant      *parameters,
           Peer          *self)
{
  gsize size = self->side->options->size;

  unwrap (parameters, self->buffer, size);
  jsonrpc_client_reply_async (client, id, parameters, NULL,
                              bench_check (self->side, self->buffer, (gssize) size)
                                ? NULL
                                : last_replied_cb,
                              self);
  return TRUE;
}

static void
call_consume (gpointer   user_data,
              BenchSide *side)
{
  g_autofree guint8 *buffer = g_malloc0 (side->options->size);
  Peer               peer = { g_main_loop_new (NULL, FALSE), side, buffer };

  g_signal_connect (user_data, "handle-call", G_CALLBACK (called_cb), &peer);
  jsonrpc_client_start_listening (user_data);
  g_main_loop_run (peer.loop);
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram json = { bench_socket_set_up, json_open, notify_produce,
                                     notify_consume };
  static const BenchProgram variant = { bench_socket_set_up, variant_open, notify_produce,
                                        notify_consume };
  static const BenchProgram call = { bench_socket_set_up, json_open, call_produce, call_consume };
  static const BenchProgram call_variant = { bench_socket_set_up, variant_open, call_produce,
                                             call_consume };
  static const BenchMode    modes[] = { { "json", &json },
                                        { "variant", &variant },
                                        { "call", &call },
                                        { "call-variant", &call_variant },
                                        { NULL } };

  return bench_main (argc, argv, modes);
}
