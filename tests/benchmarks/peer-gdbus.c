/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GDBus between two processes with no bus: signals one way, calls there and back, both in a
 * main loop. */

#include "bench-socket.h"

#define PATH      "/bench"
#define INTERFACE "org.example.Bench"

/* Signals are queued without a bound, so flush regularly to limit the memory. */
#define FLUSH_EVERY 1024

typedef struct
{
  GMainLoop *loop;
  BenchSide *side;
  guint8    *buffer;
} Peer;

static const char introspection[] =
  "<node><interface name='" INTERFACE "'><method name='Echo'>"
  "<arg type='ay' direction='in'/><arg type='ay' direction='out'/>"
  "</method></interface></node>";

static gpointer
gdbus_open (gpointer   user_data,
            BenchSide *side)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GIOStream) stream = bench_socket_open_stream (user_data, side);
  g_autofree char     *guid = side->is_producer ? NULL : g_dbus_generate_guid ();
  GDBusConnectionFlags flags = side->is_producer
                                 ? G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                 : G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER;
  GDBusConnection     *connection = g_dbus_connection_new_sync (
        stream, guid, flags | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING, NULL, NULL, &error);

  if (connection == NULL)
    bench_fail (error->message);
  return connection;
}

static GVariant *
wrap (const guint8 *buffer,
      gsize         size)
{
  GVariant *bytes = g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, buffer, size, 1);

  return g_variant_new_tuple (&bytes, 1);
}

static const guint8 *
unwrap (GVariant *parameters,
        gsize    *size)
{
  g_autoptr (GVariant) bytes = g_variant_get_child_value (parameters, 0);

  return g_variant_get_fixed_array (bytes, size, 1);
}

/* --- Signals -------------------------------------------------------------------------------- */

static void
signal_produce (gpointer   user_data,
                BenchSide *side)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);

  g_dbus_connection_start_message_processing (user_data);
  for (guint64 i = 1; bench_fill (side, buffer); i++)
    {
      g_dbus_connection_emit_signal (user_data, NULL, PATH, INTERFACE, "Item",
                                     wrap (buffer, size), NULL);
      if (i % FLUSH_EVERY == 0)
        g_dbus_connection_flush_sync (user_data, NULL, NULL);
    }
  g_dbus_connection_flush_sync (user_data, NULL, NULL);
}

static void
signal_cb (GDBusConnection *connection,
           const char      *sender,
           const char      *path,
           const char      *interface,
           const char      *name,
           GVariant        *parameters,
           gpointer         user_data)
{
  Peer         *self = user_data;
  gsize         size;
  const guint8 *data = unwrap (parameters, &size);

  if (!bench_check (self->side, data, (gssize) size))
    g_main_loop_quit (self->loop);
}

static void
signal_consume (gpointer   user_data,
                BenchSide *side)
{
  Peer peer = { g_main_loop_new (NULL, FALSE), side, NULL };

  g_dbus_connection_signal_subscribe (user_data, NULL, INTERFACE, "Item", PATH, NULL,
                                      G_DBUS_SIGNAL_FLAGS_NONE, signal_cb, &peer, NULL);
  g_dbus_connection_start_message_processing (user_data);
  g_main_loop_run (peer.loop);
}

/* --- Calls ---------------------------------------------------------------------------------- */

static void
call_cb (GObject      *object,
         GAsyncResult *result,
         gpointer      user_data)
{
  Peer            *self = user_data;
  GDBusConnection *connection = G_DBUS_CONNECTION (object);
  gsize            size = self->side->options->size;

  if (result != NULL)
    {
      g_autoptr (GVariant) reply = g_dbus_connection_call_finish (connection, result, NULL);
      gsize         length;
      const guint8 *data;

      if (reply == NULL)
        bench_fail ("call");
      data = unwrap (reply, &length);
      bench_check_echo (self->buffer, data, (gssize) length, size);
    }
  if (bench_fill (self->side, self->buffer))
    g_dbus_connection_call (connection, NULL, PATH, INTERFACE, "Echo", wrap (self->buffer, size),
                            G_VARIANT_TYPE ("(ay)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                            call_cb, self);
  else
    g_main_loop_quit (self->loop);
}

static void
call_produce (gpointer   user_data,
              BenchSide *side)
{
  g_autofree guint8 *buffer = g_malloc0 (side->options->size);
  Peer               peer = { g_main_loop_new (NULL, FALSE), side, buffer };

  g_dbus_connection_start_message_processing (user_data);
  call_cb (user_data, NULL, &peer);
  g_main_loop_run (peer.loop);
}

static void
echo_cb (GDBusConnection       *connection,
         const char            *sender,
         const char            *path,
         const char            *interface,
         const char            *method,
         GVariant              *parameters,
         GDBusMethodInvocation *invocation,
         gpointer               user_data)
{
  Peer         *self = user_data;
  gsize         size;
  const guint8 *data = unwrap (parameters, &size);
  gboolean      more = bench_check (self->side, data, (gssize) size);

  g_dbus_method_invocation_return_value (invocation, parameters);
  if (!more)
    {
      g_dbus_connection_flush_sync (connection, NULL, NULL);
      g_main_loop_quit (self->loop);
    }
}

static void
call_consume (gpointer   user_data,
              BenchSide *side)
{
  static const GDBusInterfaceVTable table = { echo_cb };
  Peer                              peer = { g_main_loop_new (NULL, FALSE), side, NULL };
  g_autoptr (GDBusNodeInfo) info = g_dbus_node_info_new_for_xml (introspection, NULL);

  g_dbus_connection_register_object (user_data, PATH, info->interfaces[0], &table, &peer,
                                     NULL, NULL);
  g_dbus_connection_start_message_processing (user_data);
  g_main_loop_run (peer.loop);
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram signal = { bench_socket_set_up, gdbus_open, signal_produce,
                                       signal_consume };
  static const BenchProgram call = { bench_socket_set_up, gdbus_open, call_produce, call_consume };
  static const BenchMode    modes[] = { { "signal", &signal }, { "call", &call }, { NULL } };

  return bench_main (argc, argv, modes);
}
