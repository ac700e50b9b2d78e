/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* jsonrpc-glib: notifications with a string of the payload's length, as JSON and, where both
 * ends are willing, as GVariant. */

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

/* The number of the message goes beside a string that makes up its length. */
static void
notify_produce (gpointer   user_data,
                BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);
  g_autofree char   *text = g_strnfill (size - 8, 'x');

  while (bench_fill (side, buffer))
    {
      GVariantDict dict;

      g_variant_dict_init (&dict, NULL);
      g_variant_dict_insert (&dict, "id", "x", (gint64) bench_word (buffer));
      g_variant_dict_insert (&dict, "text", "s", text);
      if (!jsonrpc_client_send_notification (user_data, "item", g_variant_dict_end (&dict),
                                             NULL, NULL))
        bench_fail ("send");
    }
}

static void
notification_cb (JsonrpcClient *client,
                 const char    *method,
                 GVariant      *parameters,
                 Peer          *self)
{
  gsize       size = self->side->options->size;
  const char *text;
  gint64      number;

  if (!g_variant_lookup (parameters, "id", "x", &number) ||
      !g_variant_lookup (parameters, "text", "&s", &text) || strlen (text) != size - 8)
    bench_fail ("another message");

  bench_stamp (self->buffer, size, (guint64) number);
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

int
main (int    argc,
      char **argv)
{
  static const BenchProgram json = { bench_socket_set_up, json_open, notify_produce,
                                     notify_consume };
  static const BenchProgram variant = { bench_socket_set_up, variant_open, notify_produce,
                                        notify_consume };
  static const BenchMode    modes[] = { { "json", &json }, { "variant", &variant }, { NULL } };

  return bench_main (argc, argv, modes);
}
