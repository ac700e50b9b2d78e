/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client-thread.h"
#include "test-fork.h"

#define KEY "secret_key"

static MpListener *
make_listener (void)
{
  g_autoptr (GError) error = NULL;
  MpListener *listener = mp_listener_new ("unix:", NULL, &error);

  g_assert_no_error (error);
  return listener;
}

static void
test_nobody_there (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *address = NULL;
  MpListener      *listener = mp_listener_new ("tcp:localhost:0", NULL, &error);

  g_assert_no_error (error);
  address = mp_listener_get_address (listener);
  g_assert_finalize_object (listener);

  g_assert_null (mp_connect (address, NULL, TIMEOUT, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  g_clear_error (&error);
  g_assert_null (mp_connect ("unix:/does/not/exist", NULL, TIMEOUT, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (mp_connect ("nonsense", NULL, TIMEOUT, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

static void
accepted_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      data)
{
  MpConnection **accepted = data;

  *accepted = mp_listener_accept_finish (MP_LISTENER (source), result, NULL);
}

/* A handshake whose two ends are continued in turn, by one thread. */
static void
test_in_parts (void)
{
  g_autoptr (GBytes) key = g_bytes_new_static (KEY, strlen (KEY));
  MpListener *listener = mp_listener_new ("unix:", key, NULL);
  g_autoptr (MpConnector) connector = client_make_connector (listener, KEY);
  g_autoptr (MpConnection) connection = NULL;
  g_autoptr (MpConnection) accepted = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_connector_try_open (connector, 0, &error));
  g_assert_no_error (error);
  mp_listener_accept_async (listener, G_PRIORITY_DEFAULT, NULL, accepted_cb, &accepted);
  test_wait_until ((connection != NULL ||
                    (connection = mp_connector_try_open (connector, 0, &error)) != NULL ||
                    g_main_context_iteration (NULL, FALSE)) &&
                   connection != NULL);
  g_assert_no_error (error);
  test_iterate_until (accepted != NULL);

  /* One that is begun and not finished. */
  g_assert_null (mp_connector_try_open (connector, 1000, &error));
  g_assert_no_error (error);
  g_assert_finalize_object (listener);
}

/* The error ends what was begun. */
static void
test_in_parts_failure (void)
{
  MpListener *listener = make_listener ();
  g_autoptr (MpConnector) connector = client_make_connector (listener, KEY);
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_connector_try_open (connector, 1000, &error));
  g_assert_no_error (error);
  g_assert_finalize_object (listener);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_null (mp_connector_try_open (connector, -1, &error));
      g_assert_nonnull (error);
      g_clear_error (&error);
    }
}

/* When the kernel's backlog is full, the client waits for its turn. */
static void
test_full_backlog (void)
{
  MpListener *listener = g_object_new (MP_TYPE_LISTENER, "address", "unix:", "backlog", 1, NULL);
  g_autoptr (GPtrArray) waiting = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (MpConnector) connector = NULL;
  g_autoptr (MpConnection) accepted = NULL;
  g_autoptr (GError) error = NULL;
  MpConnection *connection;
  Client        client = {
           NULL,
  };
  GThread *thread;

  g_assert_true (mp_listener_listen (listener, NULL));
  connector = client_make_connector (listener, NULL);
  connection = mp_connector_open (connector, TIMEOUT, NULL, &error);
  g_assert_no_error (error);
  while (connection != NULL)
    {
      g_ptr_array_add (waiting, connection);
      connection = mp_connector_open (connector, 10000, NULL, &error);
    }
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);

  client.connector = connector;
  thread = g_thread_new ("client", run_client, &client);
  accepted = mp_listener_accept (listener, TIMEOUT, NULL, &error);
  g_assert_no_error (error);
  g_thread_join (thread);
  g_assert_no_error (client.error);

  g_assert_finalize_object (client.connection);
  g_assert_finalize_object (listener);
}

static void
test_cancel (void)
{
  MpListener *listener = make_listener ();
  g_autoptr (MpConnector) connector = client_make_connector (listener, KEY);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_null (mp_connector_open (connector, TIMEOUT, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  g_assert_finalize_object (listener);
}

/* A malicious listener, which sends any bytes to a client that has the key. */
typedef struct
{
  const char *name;
  const char *bytes;
  gsize       length;
  gboolean    leaves;
  const char *said;
} Listener;

#define LISTENER(name, bytes, leaves, said)       \
  {                                               \
    name, bytes, sizeof (bytes) - 1, leaves, said \
  }
#define CHALLENGE "\0\0\0\73#CHALLENGE#{sha256}0123456789012345678901234567890123456789"
#define WELCOME   "\0\0\0\11#WELCOME#"

static const Listener listeners[] = {
  LISTENER ("silent-inside-a-challenge", "\0\0\0\73#CHAL", FALSE, "the listener has no key"),
  LISTENER ("leaves", "", TRUE, "the listener has no key"),
  LISTENER ("garbage", "HTTP/1.1 400 Bad Request\r\n", FALSE, "does not do the handshake"),
  LISTENER ("application-data", "\0\0\0\5hello", FALSE, "probably it has no key"),
  LISTENER ("half-a-challenge", "\0\0\0\73#CHAL", TRUE, "closed the connection"),
  LISTENER ("legacy", "\0\0\0\37#CHALLENGE#01234567890123456789", FALSE, "MD5"),
  LISTENER ("no-verdict", CHALLENGE, FALSE, "another key"),
  LISTENER ("leaves-before-verdict", CHALLENGE, TRUE, "another key"),
  LISTENER ("failure", CHALLENGE "\0\0\0\11#FAILURE#", FALSE, "rejected"),
  LISTENER ("no-answer", CHALLENGE WELCOME, FALSE, "in time"),
  LISTENER ("wrong-answer",
            CHALLENGE WELCOME "\0\0\0\50{sha256}01234567890123456789012345678901",
            FALSE,
            "another key"),
  LISTENER ("welcome-at-once", WELCOME, FALSE, "something else than a challenge"),
};

static void
test_listener (gconstpointer data)
{
  const Listener    *row = data;
  g_autofree char   *name = g_strdup_printf ("mproc-glib-test-%d", getpid ());
  g_autofree char   *address = g_strconcat ("unix-abstract:", name, NULL);
  struct sockaddr_un un = { .sun_family = AF_UNIX };
  g_autoptr (GBytes) key = g_bytes_new_static (KEY, strlen (KEY));
  g_autoptr (MpConnector) connector = mp_connector_new (address, key);
  Client   client = { connector, NULL, NULL };
  int      fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;
  GThread *thread;

  g_object_set (connector, "handshake-timeout", G_GINT64_CONSTANT (100000), NULL);
  memcpy (un.sun_path + 1, name, strlen (name));
  g_assert_no_errno (bind (fd, (struct sockaddr *) &un, sizeof (sa_family_t) + 1 + strlen (name)));
  g_assert_no_errno (listen (fd, 1));

  thread = g_thread_new ("client", run_client, &client);
  peer = accept (fd, NULL, NULL);
  g_assert_cmpint (send (peer, row->bytes, row->length, MSG_NOSIGNAL), ==, row->length);
  if (row->leaves)
    shutdown (peer, SHUT_WR);
  g_thread_join (thread);
  close (peer);
  close (fd);

  g_assert_null (client.connection);
  g_assert_error (client.error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED);
  g_test_message ("%s", client.error->message);
  g_assert_nonnull (strstr (client.error->message, row->said));
  g_clear_error (&client.error);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/connector/nobody-there", test_nobody_there);
  g_test_add_func ("/connector/in-parts/done", test_in_parts);
  g_test_add_func ("/connector/in-parts/failure", test_in_parts_failure);
  g_test_add_func ("/connector/full-backlog", test_full_backlog);
  g_test_add_func ("/connector/cancel", test_cancel);

  for (gsize i = 0; i < G_N_ELEMENTS (listeners); i++)
    {
      g_autofree char *path = g_strdup_printf ("/connector/listener/%s", listeners[i].name);

      g_test_add_data_func (path, &listeners[i], test_listener);
    }

  return g_test_run ();
}
