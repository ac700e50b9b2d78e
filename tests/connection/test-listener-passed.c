/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <fcntl.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMEOUT (20 * G_USEC_PER_SEC)

/* A socket file for each test, and what listens on it as systemd would. */
typedef struct
{
  char *folder;
  char *path;
  int   fd;
  char *address;
} Passed;

static void
passed_setup (Passed       *self,
              gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  struct sockaddr_un un = { .sun_family = AF_UNIX };

  self->folder = g_dir_make_tmp ("mproc-glib-passed-XXXXXX", &error);
  g_assert_no_error (error);
  self->path = g_build_filename (self->folder, "socket", NULL);
  g_strlcpy (un.sun_path, self->path, sizeof un.sun_path);

  self->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (self->fd, (struct sockaddr *) &un, sizeof un), ==, 0);
  g_assert_cmpint (listen (self->fd, 8), ==, 0);
  self->address = g_strdup_printf ("fd:%d", self->fd);
}

static void
passed_teardown (Passed       *self,
                 gconstpointer data)
{
  close (self->fd);
  g_assert_cmpint (unlink (self->path), ==, 0);
  rmdir (self->folder);
  g_free (self->folder);
  g_free (self->path);
  g_free (self->address);
}

static gpointer
run_client (gpointer address)
{
  g_autoptr (GBytes) key = g_bytes_new_static ("secret", 6);
  g_autoptr (GError) error = NULL;
  g_autoptr (MpConnection) connection = mp_connect (address, key, TIMEOUT, NULL, &error);

  g_assert_no_error (error);
  mp_connection_send (connection, g_variant_new_string ("hello"), TIMEOUT, NULL, &error);
  g_assert_no_error (error);
  return NULL;
}

/* Lets a client with the key in at the address of @listener. */
static void
serve_one (MpListener *listener)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *address = mp_listener_get_address (listener);
  g_autoptr (GThread) client = g_thread_new ("client", run_client, address);
  g_autoptr (MpConnection) connection = mp_listener_accept (listener, TIMEOUT, NULL, &error);
  g_autoptr (GVariant) value = NULL;

  g_assert_no_error (error);
  value = mp_connection_recv (connection, TIMEOUT, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, "hello");
  g_thread_join (g_steal_pointer (&client));
}

static MpListener *
listen_at (const char *address)
{
  g_autoptr (GBytes) key = g_bytes_new_static ("secret", 6);
  g_autoptr (GError) error = NULL;
  MpListener *listener = mp_listener_new (address, key, &error);

  g_assert_no_error (error);
  return listener;
}

static void
test_unix (Passed       *self,
           gconstpointer data)
{
  g_autofree char *expected = g_strconcat ("unix:", self->path, NULL);

  /* A second listener continues where the first one has ended: the socket and its file stay. */
  for (int i = 0; i < 2; i++)
    {
      MpListener      *listener = listen_at (self->address);
      g_autofree char *address = mp_listener_get_address (listener);

      g_assert_cmpstr (address, ==, expected);
      serve_one (listener);
      g_assert_finalize_object (listener);
      g_assert_cmpint (fcntl (self->fd, F_GETFD), !=, -1);
      g_assert_true (g_file_test (self->path, G_FILE_TEST_EXISTS));
    }
}

static void
test_tcp (void)
{
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int                fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_autofree char   *passed = g_strdup_printf ("fd:%d", fd);
  g_autofree char   *address = NULL;
  MpListener        *listener;

  g_assert_cmpint (bind (fd, (struct sockaddr *) &in, sizeof in), ==, 0);
  g_assert_cmpint (listen (fd, 8), ==, 0);

  listener = listen_at (passed);
  address = mp_listener_get_address (listener);
  g_assert_true (g_str_has_prefix (address, "tcp:127.0.0.1:"));
  serve_one (listener);
  g_assert_finalize_object (listener);
  close (fd);
}

static void
assert_refused (int          fd,
                GIOErrorEnum code)
{
  g_autofree char *address = g_strdup_printf ("fd:%d", fd);
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_listener_new (address, NULL, &error));
  g_assert_error (error, G_IO_ERROR, (int) code);
}

/* What does not listen is refused, and left as it is. */
static void
test_refused (void)
{
  int idle = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int datagrams = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int ends[2];

  g_assert_cmpint (pipe (ends), ==, 0);
  assert_refused (idle, G_IO_ERROR_INVALID_ARGUMENT);
  assert_refused (datagrams, G_IO_ERROR_INVALID_ARGUMENT);
  assert_refused (ends[0], G_IO_ERROR_INVALID_ARGUMENT);
  assert_refused (G_MAXINT, G_IO_ERROR_FAILED);

  g_assert_cmpint (fcntl (idle, F_GETFL) & O_NONBLOCK, ==, 0);
  close (idle);
  close (datagrams);
  close (ends[0]);
  close (ends[1]);
}

static void
test_connect (Passed       *self,
              gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_connect (self->address, NULL, TIMEOUT, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/listener-passed/unix", Passed, NULL, passed_setup, test_unix, passed_teardown);
  g_test_add_func ("/listener-passed/tcp", test_tcp);
  g_test_add_func ("/listener-passed/refused", test_refused);
  g_test_add ("/listener-passed/connect", Passed, NULL, passed_setup, test_connect,
              passed_teardown);

  return g_test_run ();
}
