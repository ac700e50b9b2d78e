/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client-thread.h"
#include "test-fork.h"

#define KEY "secret_key"

static GTlsCertificate *
load_certificate (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "tls", "localhost.pem", NULL);
  g_autoptr (GError) error = NULL;
  GTlsCertificate *certificate = g_tls_certificate_new_from_file (path, &error);

  g_assert_no_error (error);
  return certificate;
}

static MpListener *
make_listener (const char *key)
{
  g_autoptr (GBytes) auth_key = key != NULL ? g_bytes_new (key, strlen (key)) : NULL;
  g_autoptr (GTlsCertificate) certificate = load_certificate ();
  g_autoptr (GError) error = NULL;
  MpListener *listener = g_object_new (MP_TYPE_LISTENER, "address", "tls:localhost:0",
                                       "auth-key", auth_key, "tls-certificate", certificate,
                                       "handshake-timeout", (gint64) TIMEOUT, NULL);

  mp_listener_listen (listener, &error);
  g_assert_no_error (error);
  return listener;
}

static MpConnector *
make_connector (MpListener *listener,
                const char *key,
                gboolean    trusting)
{
  MpConnector *connector = client_make_connector (listener, key);

  g_object_set (connector, "handshake-timeout", (gint64) TIMEOUT, NULL);
  if (trusting)
    {
      g_autofree char *path = g_test_build_filename (G_TEST_DIST, "tls", "localhost.pem", NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (GTlsDatabase) database = g_tls_file_database_new (path, &error);

      g_assert_no_error (error);
      g_object_set (connector, "tls-database", database, NULL);
    }
  return connector;
}

static gboolean
skip_without_tls (void)
{
  if (g_tls_backend_supports_tls (g_tls_backend_get_default ()))
    return FALSE;

  g_test_skip ("GIO has no TLS on this system");
  return TRUE;
}

static void
test_tls (gconstpointer data)
{
  const char        *key = data;
  g_autofree guint8 *large = g_malloc0 (1024 * 1024);
  g_autofree guint8 *received = NULL;
  g_autoptr (GError) error = NULL;
  Client client = {
    NULL,
  };
  MpListener   *listener;
  MpConnection *accepted;
  GThread      *thread;
  gsize         length;

  if (skip_without_tls ())
    return;

  listener = make_listener (key);
  client.connector = make_connector (listener, key, TRUE);
  thread = g_thread_new ("client", run_client, &client);
  accepted = mp_listener_accept (listener, TIMEOUT, NULL, &error);
  g_thread_join (thread);
  g_assert_no_error (client.error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (mp_connection_get_peer_address (accepted), "tls:127.0.0.1:"));

  /* A small message, another one after it, and one that does not fit into the kernel's buffers. */
  mp_connection_send (client.connection, g_variant_new_string ("one"), TIMEOUT, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (mp_connection_poll (accepted, TIMEOUT, NULL, &error));
  g_variant_unref (mp_connection_recv (accepted, TIMEOUT, NULL, &error));
  g_assert_no_error (error);
  g_assert_null (mp_connection_try_recv (accepted, &error));
  g_assert_no_error (error);

  large[1024 * 1024 - 1] = 7;
  mp_connection_send_data (client.connection, large, 1024 * 1024, 1, NULL, &error);
  g_assert_no_error (error);
  while (received == NULL)
    {
      gsize ignored;

      received = mp_connection_recv_data (accepted, 1000, NULL, &length, NULL);
      g_assert_null (mp_connection_recv_data (client.connection, 1000, NULL, &ignored, NULL));
    }
  g_assert_cmpmem (received, length, large, 1024 * 1024);

  g_assert_finalize_object (client.connection);
  g_assert_null (mp_connection_recv (accepted, TIMEOUT, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_END_OF_STREAM);
  g_assert_finalize_object (accepted);
  g_assert_finalize_object (client.connector);
  g_assert_finalize_object (listener);
}

static void
test_tls_not_trusted (void)
{
  g_autoptr (GError) error = NULL;
  Client client = {
    NULL,
  };
  MpListener *listener;
  GThread    *thread;

  if (skip_without_tls ())
    return;

  listener = make_listener (KEY);
  client.connector = make_connector (listener, KEY, FALSE);
  thread = g_thread_new ("client", run_client, &client);
  while (g_atomic_pointer_get (&client.error) == NULL)
    {
      g_clear_error (&error);
      g_assert_null (mp_listener_accept (listener, 10000, NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
    }
  g_thread_join (thread);
  g_assert_error (client.error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);

  g_clear_error (&client.error);
  g_assert_finalize_object (client.connector);
  g_assert_finalize_object (listener);
}

/* A peer that does not speak TLS is refused, and a silent one does not block others. */
static void
test_tls_bad_peers (void)
{
  g_autoptr (GError) error = NULL;
  Client client = {
    NULL,
  };
  MpListener      *listener;
  g_autofree char *address = NULL;
  g_autofree char *plain = NULL;
  g_autoptr (MpConnection) silent = NULL;
  g_autoptr (MpConnection) rude = NULL;
  g_autoptr (MpConnection) accepted = NULL;
  GThread *thread;

  if (skip_without_tls ())
    return;

  listener = make_listener (NULL);
  address = mp_listener_get_address (listener);
  plain = g_strdup_printf ("tcp:%s", address + 4);
  silent = mp_connect (plain, NULL, TIMEOUT, NULL, &error);
  g_assert_no_error (error);
  rude = mp_connect (plain, NULL, TIMEOUT, NULL, &error);
  g_assert_no_error (error);
  mp_connection_send (rude, g_variant_new_string ("hello"), TIMEOUT, NULL, &error);
  g_assert_no_error (error);

  client.connector = make_connector (listener, NULL, TRUE);
  thread = g_thread_new ("client", run_client, &client);
  accepted = mp_listener_accept (listener, TIMEOUT, NULL, &error);
  g_assert_no_error (error);
  g_thread_join (thread);
  g_assert_no_error (client.error);
  g_assert_true (mp_connection_poll (rude, TIMEOUT, NULL, &error));

  g_assert_finalize_object (client.connection);
  g_assert_finalize_object (client.connector);
  g_assert_finalize_object (listener);
}

/* Exit codes of children. */
enum
{
  AS_EXPECTED = 7,
  NO_ERROR
};

static int
use_inherited (gpointer data)
{
  MpConnection *connection = data;
  g_autoptr (GError) error = NULL;

  if (mp_connection_send (connection, g_variant_new_string ("child"), TIMEOUT, NULL, &error) ||
      !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
    return NO_ERROR;

  g_clear_error (&error);
  if (mp_connection_recv (connection, TIMEOUT, NULL, &error) != NULL ||
      !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
    return NO_ERROR;

  g_clear_error (&error);
  if (!mp_connection_close (connection, &error) || error != NULL)
    return NO_ERROR;
  g_object_run_dispose (G_OBJECT (connection));
  return AS_EXPECTED;
}

static int
open_in_child (gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (mp_connector_open (data, TIMEOUT, NULL, &error) != NULL)
    return NO_ERROR;
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED) ? AS_EXPECTED : NO_ERROR;
}

static int
accept_in_child (gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (mp_listener_accept (data, TIMEOUT, NULL, &error) != NULL)
    return NO_ERROR;
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED) ? AS_EXPECTED : NO_ERROR;
}

static int
resolve_in_child (gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpConnection) connection = NULL;

  /* The lookup ends, with whatever error: names under "invalid" have no address. */
  connection = mp_connect ("tcp:mproc-glib.invalid:1", NULL, TIMEOUT, NULL, &error);
  return connection == NULL && error != NULL ? AS_EXPECTED : NO_ERROR;
}

/* A forked child cannot use TLS, and does not disturb its parent's connection. */
static void
test_tls_fork (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpConnection) accepted = NULL;
  g_autoptr (GVariant) value = NULL;
  Client client = {
    NULL,
  };
  MpListener *listener;
  GThread    *thread;

  if (skip_without_tls ())
    return;

  listener = make_listener (KEY);
  client.connector = make_connector (listener, KEY, TRUE);
  thread = g_thread_new ("client", run_client, &client);
  accepted = mp_listener_accept (listener, TIMEOUT, NULL, &error);
  g_thread_join (thread);
  g_assert_no_error (error);
  g_assert_no_error (client.error);

  test_wait_child (test_fork (use_inherited, client.connection), AS_EXPECTED);
  test_wait_child (test_fork (open_in_child, client.connector), AS_EXPECTED);
  test_wait_child (test_fork (accept_in_child, listener), AS_EXPECTED);
  test_wait_child (test_fork (resolve_in_child, NULL), AS_EXPECTED);

  mp_connection_send (client.connection, g_variant_new_string ("parent"), TIMEOUT, NULL, &error);
  g_assert_no_error (error);
  value = mp_connection_recv (accepted, TIMEOUT, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, "parent");

  g_assert_finalize_object (client.connection);
  g_assert_finalize_object (client.connector);
  g_assert_finalize_object (listener);
}

/* --- How long the handshake may take --------------------------------------------------------- */

/* A timeout that GSocket would round up to a second. */
#define SHORT_US (20 * 1000)

/* Longer than the handshake takes on the slowest machine. */
#define BUSY_HANDSHAKE_US (3 * G_USEC_PER_SEC)

static MpConnector *
make_hasty_connector (MpListener *listener,
                      gint64      handshake_timeout_us)
{
  MpConnector *connector = make_connector (listener, NULL, TRUE);

  g_object_set (connector, "handshake-timeout", handshake_timeout_us, NULL);
  return connector;
}

/* A listener that accepts no peer: the call times out, however long a handshake may take. */
static void
test_tls_silent (void)
{
  MpListener  *listener;
  MpConnector *connector;
  gint64       before;
  g_autoptr (GError) error = NULL;

  if (skip_without_tls ())
    return;

  listener = make_listener (NULL);
  connector = make_hasty_connector (listener, TIMEOUT);
  before = g_get_monotonic_time ();
  g_assert_null (mp_connector_open (connector, SHORT_US, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (g_get_monotonic_time () - before, <, TIMEOUT / 2);
  g_assert_finalize_object (connector);
  g_assert_finalize_object (listener);
}

/* One that is busy for longer than a handshake may take: that time has not begun. */
static void
test_tls_busy (void)
{
  Client client = {
    NULL,
  };
  MpListener   *listener;
  MpConnection *accepted;
  GThread      *thread;
  gint64        busy_until;
  g_autoptr (GError) error = NULL;

  if (skip_without_tls ())
    return;

  listener = make_listener (NULL);
  client.connector = make_hasty_connector (listener, BUSY_HANDSHAKE_US);
  busy_until = g_get_monotonic_time () + BUSY_HANDSHAKE_US + 2 * G_USEC_PER_SEC;
  thread = g_thread_new ("client", run_client, &client);
  test_wait_until (g_get_monotonic_time () > busy_until);
  accepted = mp_listener_accept (listener, TIMEOUT, NULL, &error);
  g_thread_join (thread);
  g_assert_no_error (client.error);
  g_assert_no_error (error);

  g_assert_finalize_object (client.connection);
  g_assert_finalize_object (accepted);
  g_assert_finalize_object (client.connector);
  g_assert_finalize_object (listener);
}

/* One that begins the handshake and goes no further. */
static void
test_tls_stops (void)
{
  Client client = {
    NULL,
  };
  g_autoptr (GSocketListener) listener = NULL;
  g_autoptr (GSocketConnection) accepted = NULL;
  g_autofree char *address = NULL;
  guint16          port;
  GThread         *thread;
  g_autoptr (GError) error = NULL;

  if (skip_without_tls ())
    return;

  listener = g_socket_listener_new ();
  port = g_socket_listener_add_any_inet_port (listener, NULL, &error);
  g_assert_no_error (error);
  address = g_strdup_printf ("tls:127.0.0.1:%u", port);
  client.connector = mp_connector_new (address, NULL);
  g_object_set (client.connector, "handshake-timeout", (gint64) SHORT_US, NULL);
  thread = g_thread_new ("client", run_client, &client);
  accepted = g_socket_listener_accept (listener, NULL, NULL, &error);
  g_assert_no_error (error);

  /* The head of a record that never comes. */
  g_output_stream_write (g_io_stream_get_output_stream (G_IO_STREAM (accepted)), "\26\3\3\1\0", 5,
                         NULL, &error);
  g_assert_no_error (error);
  g_thread_join (thread);
  g_assert_null (client.connection);
  g_assert_error (client.error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED);
  g_clear_error (&client.error);
  g_assert_finalize_object (client.connector);
}

static void
test_tls_needs_certificate (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_listener_new ("tls:localhost:0", NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

int
main (int    argc,
      char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/tls/key", KEY, test_tls);
  g_test_add_data_func ("/tls/no-key", NULL, test_tls);
  g_test_add_func ("/tls/not-trusted", test_tls_not_trusted);
  g_test_add_func ("/tls/bad-peers", test_tls_bad_peers);
  g_test_add_func ("/tls/fork", test_tls_fork);
  g_test_add_func ("/tls/silent", test_tls_silent);
  g_test_add_func ("/tls/busy", test_tls_busy);
  g_test_add_func ("/tls/stops", test_tls_stops);
  g_test_add_func ("/tls/needs-certificate", test_tls_needs_certificate);

  result = g_test_run ();

#ifdef __SANITIZE_ADDRESS__
  /* The leak checker crashes on thread-local data of GnuTLS, so end without running it; each case
   * ends with the finalization of its objects. */
  fflush (NULL);
  _exit (result);
#endif

  return result;
}
