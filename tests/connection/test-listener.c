/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "test-usage.h"

#include <mproc-glib/mproc-glib.h>

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY "secret_key"

static MpListener *
listen_at (const char *address,
           const char *key)
{
  g_autoptr (GBytes) auth_key = key != NULL ? g_bytes_new (key, strlen (key)) : NULL;
  g_autoptr (GError) error = NULL;
  MpListener *listener = mp_listener_new (address, auth_key, &error);

  g_assert_no_error (error);
  return listener;
}

/* A peer that connects and sends nothing by itself. */
static int
connect_bare (MpListener *listener)
{
  g_autofree char   *address = mp_listener_get_address (listener);
  struct sockaddr_un un = { .sun_family = AF_UNIX };
  int                fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_true (g_str_has_prefix (address, "unix:"));
  g_strlcpy (un.sun_path, address + 5, sizeof un.sun_path);
  g_assert_no_errno (connect (fd, (struct sockaddr *) &un, sizeof un));
  return fd;
}

static gpointer
open_in_thread (gpointer data)
{
  g_autoptr (GBytes) key = g_bytes_new_static (KEY, strlen (KEY));
  g_autoptr (GError) error = NULL;
  MpConnection *connection = mp_connect (data, key, 20 * G_USEC_PER_SEC, NULL, &error);

  g_assert_no_error (error);
  return connection;
}

static void
assert_talk (MpConnection *one,
             MpConnection *other)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;

  mp_connection_send (one, g_variant_new_string ("hello"), -1, NULL, &error);
  g_assert_no_error (error);
  value = mp_connection_recv (other, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, "hello");
}

static void
test_accept (gconstpointer data)
{
  MpListener      *listener = listen_at (data, KEY);
  g_autofree char *address = mp_listener_get_address (listener);
  g_autofree char *last = NULL;
  g_autoptr (GError) error = NULL;
  GThread      *thread = g_thread_new ("client", open_in_thread, address);
  MpConnection *accepted, *opened;

  g_assert_null (mp_listener_get_last_accepted (listener));
  accepted = mp_listener_accept (listener, 20 * G_USEC_PER_SEC, NULL, &error);
  g_assert_no_error (error);
  opened = g_thread_join (thread);
  assert_talk (accepted, opened);
  assert_talk (opened, accepted);

  last = mp_listener_get_last_accepted (listener);
  g_assert_cmpstr (last, ==, mp_connection_get_peer_address (accepted));
  g_assert_cmpstr (address, ==, mp_connection_get_peer_address (opened));

  g_assert_finalize_object (listener);
  assert_talk (opened, accepted);
  g_assert_finalize_object (accepted);
  g_assert_finalize_object (opened);
}

static void
test_no_key (void)
{
  MpListener      *listener = listen_at ("unix:", NULL);
  g_autofree char *address = mp_listener_get_address (listener);
  g_autoptr (GError) error = NULL;
  g_autoptr (MpConnection) opened = mp_connect (address, NULL, -1, NULL, &error);
  g_autoptr (MpConnection) accepted = NULL;

  g_assert_no_error (error);
  accepted = mp_listener_try_accept (listener, &error);
  g_assert_no_error (error);
  assert_talk (opened, accepted);
  g_assert_null (mp_listener_try_accept (listener, &error));
  g_assert_no_error (error);

  g_assert_finalize_object (listener);
}

static void
test_private_directory (void)
{
  MpListener      *listener = listen_at ("unix:", NULL);
  g_autofree char *address = mp_listener_get_address (listener);
  g_autofree char *directory = g_path_get_dirname (address + 5);
  struct stat      status;

  g_assert_no_errno (stat (directory, &status));
  g_assert_cmpint (status.st_mode & 07777, ==, 0700);
  mp_listener_close (listener);
  g_assert_false (g_file_test (directory, G_FILE_TEST_EXISTS));

  g_assert_finalize_object (listener);
}

typedef struct
{
  char *directory;
  char *path;
  char *address;
} Place;

static void
place_set_up (Place        *place,
              gconstpointer data)
{
  place->directory = g_dir_make_tmp ("mproc-test-XXXXXX", NULL);
  place->path = g_build_filename (place->directory, "s", NULL);
  place->address = g_strconcat ("unix:", place->path, NULL);
}

static void
place_tear_down (Place        *place,
                 gconstpointer data)
{
  g_unlink (place->path);
  g_assert_no_errno (g_rmdir (place->directory));
  g_free (place->directory);
  g_free (place->path);
  g_free (place->address);
}

static void
test_path (Place        *place,
           gconstpointer data)
{
  MpListener      *listener = listen_at (place->address, NULL);
  g_autofree char *address = mp_listener_get_address (listener);
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (address, ==, place->address);
  g_assert_true (g_file_test (place->path, G_FILE_TEST_EXISTS));

  /* The address is in use, and stays in use. */
  g_assert_null (mp_listener_new (place->address, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  g_assert_true (g_file_test (place->path, G_FILE_TEST_EXISTS));

  g_assert_finalize_object (listener);
  g_assert_false (g_file_test (place->path, G_FILE_TEST_EXISTS));
}

static void
test_stale_path (Place        *place,
                 gconstpointer data)
{
  struct sockaddr_un un = { .sun_family = AF_UNIX };
  int                fd = socket (AF_UNIX, SOCK_STREAM, 0);
  MpListener        *listener;

  g_strlcpy (un.sun_path, place->path, sizeof un.sun_path);
  g_assert_no_errno (bind (fd, (struct sockaddr *) &un, sizeof un));
  close (fd);

  listener = listen_at (place->address, NULL);
  g_assert_finalize_object (listener);
}

/* A file that is not a socket is not removed. */
static void
test_other_file (Place        *place,
                 gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (place->path, "data", -1, NULL);
  g_assert_null (mp_listener_new (place->address, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  g_assert_true (g_file_test (place->path, G_FILE_TEST_EXISTS));
}

/* A child that inherited the listener does not remove the file, even when it closes the listener.
 */
static void
test_fork (Place        *place,
           gconstpointer data)
{
  MpListener *listener = listen_at (place->address, NULL);
  pid_t       pid = fork ();
  int         status;

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      mp_listener_close (listener);
      _exit (0);
    }

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  g_assert_true (g_file_test (place->path, G_FILE_TEST_EXISTS));
  g_assert_finalize_object (listener);
}

static void
test_addresses_refused (void)
{
  static const char *const addresses[] = {
    "",
    "/tmp/x",
    "unix-abstract:",
    "tcp:localhost",
    "tcp:localhost:70000",
    "tcp:::1:80",
    "http://x",
    "tcp:localhost:x",
  };
  g_autofree char *name = g_strnfill (108, 'x');
  g_autofree char *too_long = g_strconcat ("unix:/", name, NULL);
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      g_autoptr (GError) refused = NULL;

      g_assert_null (mp_listener_new (addresses[i], NULL, &refused));
      g_assert_error (refused, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
    }

  g_assert_null (mp_listener_new (too_long, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG);
}

static void
test_timeout (void)
{
  MpListener *listener = listen_at ("unix:", NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_listener_accept (listener, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_assert_null (mp_listener_accept (listener, 1000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_cancellable_cancel (cancellable);
  g_assert_null (mp_listener_accept (listener, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  g_assert_finalize_object (listener);
}

static gpointer
close_in_thread (gpointer data)
{
  g_usleep (1000);
  mp_listener_close (data);
  return NULL;
}

static void
test_close_wakes (void)
{
  MpListener *listener = listen_at ("unix:", NULL);
  GThread    *thread = g_thread_new ("closer", close_in_thread, listener);
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_listener_accept (listener, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_clear_error (&error);
  g_thread_join (thread);

  mp_listener_close (listener);
  g_assert_null (mp_listener_try_accept (listener, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_assert_cmpint (mp_listener_get_fd (listener), ==, -1);
  g_assert_finalize_object (listener);
}

typedef struct
{
  GString *log;
  int      n_failed;
} Log;

static void
failed_cb (MpListener *listener,
           const char *address,
           GError     *error,
           gpointer    user_data)
{
  Log *log = user_data;

  g_assert_error (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED);
  g_string_append_printf (log->log, "%s\n", error->message);
  log->n_failed++;
}

static void
accept_until_failed (MpListener *listener,
                     Log        *log,
                     int         n)
{
  gint64 deadline = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;

  while (log->n_failed < n && g_get_monotonic_time () < deadline)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (mp_listener_accept (listener, 1000, NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
    }
  g_assert_cmpint (log->n_failed, ==, n);
}

/* A peer without the key, and the expected text of the error. */
typedef struct
{
  const char *name;
  const char *bytes;
  gsize       length;
  gboolean    leaves;
  const char *said;
} BadPeer;

#define BAD_PEER(name, bytes, leaves, said)       \
  {                                               \
    name, bytes, sizeof (bytes) - 1, leaves, said \
  }

static const BadPeer bad_peers[] = {
  BAD_PEER ("silent", "", FALSE, "in time: probably it has no key"),
  BAD_PEER ("leaves", "", TRUE, "probably it has no key"),
  BAD_PEER ("half-a-header", "\0\0", FALSE, "in time"),
  BAD_PEER ("half-a-header-and-leaves", "\0\0", TRUE, "closed the connection"),
  BAD_PEER ("half-a-message", "\0\0\0\50{sha256}", FALSE, "in time"),
  BAD_PEER ("garbage", "GET / HTTP/1.1\r\n\r\n", FALSE, "does not do the handshake"),
  BAD_PEER ("negative-length", "\377\377\377\376", FALSE, "does not do the handshake"),
  BAD_PEER ("long-message", "\0\0\1\1", FALSE, "does not do the handshake"),
  BAD_PEER ("huge-message",
            "\377\377\377\377\177\377\377\377\377\377\377\377",
            FALSE,
            "does not do the handshake"),
  BAD_PEER ("application-data", "\0\0\0\5hello", FALSE, "probably it has no key"),
  BAD_PEER ("md5",
            "\0\0\0\20"
            "0123456789abcdef",
            FALSE,
            "MD5"),
  BAD_PEER ("wrong-mac", "\0\0\0\50{sha256}01234567890123456789012345678901", FALSE, "another key"),
  BAD_PEER ("empty", "\0\0\0\0", FALSE, "probably it has no key"),
};

static void
test_bad_peer (gconstpointer data)
{
  const BadPeer *bad_peer = data;
  g_autoptr (GBytes) key = g_bytes_new_static (KEY, strlen (KEY));
  MpListener *listener = g_object_new (MP_TYPE_LISTENER, "address", "unix:", "auth-key", key,
                                       "handshake-timeout", G_GINT64_CONSTANT (50000), NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  Log log = { text, 0 };
  int peer, before;

  g_signal_connect (listener, "handshake-failed", G_CALLBACK (failed_cb), &log);
  g_assert_true (mp_listener_listen (listener, NULL));
  before = test_count_fds ();
  peer = connect_bare (listener);
  g_assert_cmpint (write (peer, bad_peer->bytes, bad_peer->length), ==, bad_peer->length);
  if (bad_peer->leaves)
    close (peer);

  accept_until_failed (listener, &log, 1);
  g_assert_nonnull (strstr (text->str, bad_peer->said));
  if (!bad_peer->leaves)
    close (peer);
  g_assert_cmpint (test_count_fds (), ==, before);

  g_assert_finalize_object (listener);
}

/* Lets the listener run until the peer has @length bytes to read, and reads them. */
static void
read_from_listener (MpListener *listener,
                    int         peer,
                    guint8     *bytes,
                    gsize       length)
{
  gint64 deadline = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;

  while (recv (peer, bytes, length, MSG_PEEK | MSG_DONTWAIT) < (gssize) length)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_assert_null (mp_listener_accept (listener, 1000, NULL, NULL));
    }
  g_assert_cmpint (recv (peer, bytes, length, 0), ==, length);
}

#define CHALLENGE_SIZE 63
#define ANSWER_SIZE    44
#define VERDICT_SIZE   13

/* Answers the challenge with the right key. */
static void
answer_challenge (MpListener *listener,
                  int         peer)
{
  guint8 challenge[CHALLENGE_SIZE], welcome[VERDICT_SIZE];
  guint8 answer[ANSWER_SIZE] = "\0\0\0\50{sha256}";
  g_autoptr (GHmac) hmac = g_hmac_new (G_CHECKSUM_SHA256, (const guint8 *) KEY, strlen (KEY));
  gsize length = 32;

  read_from_listener (listener, peer, challenge, sizeof challenge);
  g_hmac_update (hmac, challenge + 15, sizeof challenge - 15);
  g_hmac_get_digest (hmac, answer + 12, &length);
  g_assert_cmpint (write (peer, answer, sizeof answer), ==, sizeof answer);

  read_from_listener (listener, peer, welcome, sizeof welcome);
  g_assert_cmpmem (welcome, sizeof welcome, "\0\0\0\11#WELCOME#", VERDICT_SIZE);
}

static void
challenge_listener (MpListener *listener,
                    int         peer)
{
  static const char challenge[] =
    "\0\0\0\73#CHALLENGE#{sha256}0123456789012345678901234567890123456789";
  guint8 answer[ANSWER_SIZE];

  g_assert_cmpint (write (peer, challenge, CHALLENGE_SIZE), ==, CHALLENGE_SIZE);
  read_from_listener (listener, peer, answer, sizeof answer);
}

/* Peers that have the key, and stop or send garbage instead of their own challenge or of the result
 * for the listener's answer. */
static const BadPeer without_challenge[] = {
  BAD_PEER ("silent", "", FALSE, "in time"),
  BAD_PEER ("leaves", "", TRUE, "closed the connection"),
  BAD_PEER ("half-a-header", "\0\0", FALSE, "in time"),
  BAD_PEER ("half-a-challenge-and-leaves", "\0\0\0\73#CHALL", TRUE, "closed the connection"),
  BAD_PEER ("garbage", "GET / HTTP/1.1\r\n\r\n", FALSE, "does not do the handshake"),
  BAD_PEER ("negative-length", "\377\377\377\376", FALSE, "does not do the handshake"),
  BAD_PEER ("application-data", "\0\0\0\5hello", FALSE, "something else than a challenge"),
  BAD_PEER ("short-challenge", "\0\0\0\14#CHALLENGE#x", FALSE, "too short"),
};

static const BadPeer without_result[] = {
  BAD_PEER ("silent", "", FALSE, "in time"),
  BAD_PEER ("leaves", "", TRUE, "closed the connection"),
  BAD_PEER ("half-a-result", "\0\0\0\11#WELC", FALSE, "in time"),
  BAD_PEER ("half-a-result-and-leaves", "\0\0\0\11#WELC", TRUE, "closed the connection"),
  BAD_PEER ("garbage", "GET / HTTP/1.1\r\n\r\n", FALSE, "does not do the handshake"),
  BAD_PEER ("failure", "\0\0\0\11#FAILURE#", FALSE, "rejected"),
  BAD_PEER ("application-data", "\0\0\0\5hello", FALSE, "rejected"),
  BAD_PEER ("long-message", "\0\0\1\1", FALSE, "does not do the handshake"),
};

/* Runs the handshake of a peer that has the key, up to the point where it stops. */
static void
check_half_way (const BadPeer *bad_peer,
                gboolean       challenges)
{
  g_autoptr (GBytes) key = g_bytes_new_static (KEY, strlen (KEY));
  MpListener *listener = g_object_new (MP_TYPE_LISTENER, "address", "unix:", "auth-key", key,
                                       "handshake-timeout", (gint64) G_USEC_PER_SEC / 2, NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  Log log = { text, 0 };
  int peer, before;

  g_signal_connect (listener, "handshake-failed", G_CALLBACK (failed_cb), &log);
  g_assert_true (mp_listener_listen (listener, NULL));
  before = test_count_fds ();
  peer = connect_bare (listener);
  answer_challenge (listener, peer);
  if (challenges)
    challenge_listener (listener, peer);

  g_assert_cmpint (write (peer, bad_peer->bytes, bad_peer->length), ==, bad_peer->length);
  if (bad_peer->leaves)
    close (peer);
  accept_until_failed (listener, &log, 1);
  g_assert_nonnull (strstr (text->str, bad_peer->said));
  if (!bad_peer->leaves)
    close (peer);
  g_assert_cmpint (test_count_fds (), ==, before);

  g_assert_finalize_object (listener);
}

static void
test_without_challenge (gconstpointer data)
{
  check_half_way (data, FALSE);
}

static void
test_without_result (gconstpointer data)
{
  check_half_way (data, TRUE);
}

static void
result_cb (GObject      *object,
           GAsyncResult *result,
           gpointer      user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static void
iterate_until (GAsyncResult **result)
{
  gint64 deadline = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;

  while (*result == NULL && g_get_monotonic_time () < deadline)
    g_main_context_iteration (g_main_context_get_thread_default (), FALSE);
  g_assert_nonnull (*result);
}

static void
test_wrong_key (void)
{
  MpListener      *listener = listen_at ("unix:", "another key");
  g_autofree char *address = mp_listener_get_address (listener);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GBytes) key = g_bytes_new_static (KEY, strlen (KEY));
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Log log = { text, 0 };

  g_signal_connect (listener, "handshake-failed", G_CALLBACK (failed_cb), &log);
  mp_listener_start (listener, G_PRIORITY_DEFAULT);
  mp_connect_async (address, key, 0, NULL, result_cb, &result);
  iterate_until (&result);

  g_assert_null (mp_connect_finish (result, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED);
  g_assert_nonnull (strstr (error->message, "another key"));
  g_assert_cmpint (log.n_failed, ==, 1);

  mp_listener_close (listener);
  g_assert_finalize_object (listener);
}

/* Only one side has a key: the other one waits for a challenge in vain. */
static void
test_key_on_one_side (void)
{
  MpListener      *listener = listen_at ("unix:", NULL);
  g_autofree char *address = mp_listener_get_address (listener);
  g_autoptr (GBytes) key = g_bytes_new_static (KEY, strlen (KEY));
  g_autoptr (MpConnector) connector = mp_connector_new (address, key);
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_connector_open (connector, 20000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_nonnull (strstr (error->message, "has no key"));

  g_assert_finalize_object (listener);
}

static gpointer
open_thread (gpointer connector)
{
  return mp_connector_open (connector, 20 * G_USEC_PER_SEC, NULL, NULL);
}

/* The timeout of the handshake begins when the listener begins it. */
static void
test_busy (void)
{
  MpListener      *listener = listen_at ("unix:", KEY);
  g_autofree char *address = mp_listener_get_address (listener);
  g_autoptr (GBytes) key = g_bytes_new_static (KEY, strlen (KEY));
  g_autoptr (MpConnector) connector = mp_connector_new (address, key);
  g_autoptr (MpConnector) other = mp_connector_new (address, key);
  g_autoptr (MpConnection) opened = NULL;
  g_autoptr (MpConnection) accepted = NULL;
  g_autoptr (GError) error = NULL;
  GThread *thread;

  g_object_set (connector, "handshake-timeout", (gint64) G_USEC_PER_SEC, NULL);
  thread = g_thread_new ("client", open_thread, connector);

  /* Longer than the timeout of the handshake, which the listener does not begin. */
  g_assert_null (mp_connector_open (other, 1100 * 1000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);

  while (accepted == NULL)
    accepted = mp_listener_accept (listener, 20 * G_USEC_PER_SEC, NULL, &error);
  g_assert_no_error (error);
  opened = g_thread_join (thread);
  g_assert_nonnull (opened);
  g_assert_finalize_object (listener);
}

static void
incoming_cb (MpListener   *listener,
             MpConnection *connection,
             gpointer      user_data)
{
  g_set_object ((MpConnection **) user_data, connection);
}

/* Everything in another thread, with a main context of its own. */
static gpointer
run_in_own_context (gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  MpListener      *listener = listen_at (data, KEY);
  g_autofree char *address = mp_listener_get_address (listener);
  g_autoptr (GBytes) key = g_bytes_new_static (KEY, strlen (KEY));
  g_autoptr (GAsyncResult) opened = NULL;
  g_autoptr (GAsyncResult) accepted = NULL;
  g_autoptr (GAsyncResult) opened_too = NULL;
  g_autoptr (MpConnection) incoming = NULL;
  g_autoptr (MpConnection) one = NULL;
  g_autoptr (MpConnection) other = NULL;
  g_autoptr (MpConnection) third = NULL;

  g_main_context_push_thread_default (context);
  mp_listener_accept_async (listener, 0, NULL, result_cb, &accepted);
  mp_connect_async (address, key, 0, NULL, result_cb, &opened);
  iterate_until (&opened);
  iterate_until (&accepted);
  one = mp_connect_finish (opened, NULL);
  other = mp_listener_accept_finish (listener, accepted, NULL);
  assert_talk (one, other);

  g_signal_connect (listener, "incoming", G_CALLBACK (incoming_cb), &incoming);
  mp_listener_start (listener, G_PRIORITY_DEFAULT);
  mp_connect_async (address, key, 0, NULL, result_cb, &opened_too);
  iterate_until (&opened_too);
  while (incoming == NULL)
    g_main_context_iteration (context, TRUE);
  third = mp_connect_finish (opened_too, NULL);
  assert_talk (third, incoming);

  mp_listener_close (listener);
  g_main_context_pop_thread_default (context);
  g_clear_object (&accepted);
  g_assert_finalize_object (listener);
  return NULL;
}

static void
test_own_context (gconstpointer data)
{
  g_thread_join (g_thread_new ("worker", run_in_own_context, (gpointer) data));
}

static void
test_async_cancel (void)
{
  MpListener *listener = listen_at ("unix:", KEY);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GAsyncResult) closed = NULL;
  g_autoptr (GError) error = NULL;

  mp_listener_accept_async (listener, 0, cancellable, result_cb, &result);
  mp_listener_accept_async (listener, 0, NULL, result_cb, &closed);
  g_cancellable_cancel (cancellable);
  iterate_until (&result);
  g_assert_null (mp_listener_accept_finish (listener, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);

  mp_listener_close (listener);
  iterate_until (&closed);
  g_assert_null (mp_listener_accept_finish (listener, closed, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);

  g_clear_object (&result);
  g_clear_object (&closed);
  g_assert_finalize_object (listener);
}

/* A further peer evicts the oldest pending handshake. */
static void
test_max_pending (void)
{
  g_autoptr (GBytes) key = g_bytes_new_static (KEY, strlen (KEY));
  MpListener *listener = g_object_new (MP_TYPE_LISTENER, "address", "unix:", "auth-key", key,
                                       "max-pending", 3, NULL);
  g_autoptr (GString) text = g_string_new (NULL);
  Log  log = { text, 0 };
  int  peers[5];
  char byte;

  g_assert_true (mp_listener_listen (listener, NULL));
  g_signal_connect (listener, "handshake-failed", G_CALLBACK (failed_cb), &log);
  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = connect_bare (listener);
  accept_until_failed (listener, &log, 2);
  g_assert_nonnull (strstr (text->str, "the oldest"));

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    {
      char challenge[63];

      g_assert_cmpint (recv (peers[i], challenge, sizeof challenge, MSG_WAITALL), ==, 63);
      g_assert_cmpint (recv (peers[i], &byte, 1, MSG_DONTWAIT), ==, i < 2 ? 0 : -1);
      close (peers[i]);
    }
  g_assert_finalize_object (listener);
}

#define N_PEERS 1000

static void
raise_descriptor_limit (void)
{
  struct rlimit limit;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  limit.rlim_cur = limit.rlim_max;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
}

/* A process with many peers that never authenticate: all connect, and some send a byte from time to
 * time, until the process is killed. */
static pid_t
send_bad_peers (MpListener *listener,
                gboolean    chatty,
                int         ready)
{
  pid_t pid = fork ();
  int   fds[N_PEERS];

  g_assert_cmpint (pid, >=, 0);
  if (pid > 0)
    return pid;

  for (int i = 0; i < N_PEERS; i++)
    fds[i] = connect_bare (listener);
  if (write (ready, "x", 1) != 1)
    _exit (1);
  for (;;)
    {
      g_poll (NULL, 0, 100);
      for (int i = 0; chatty && i < N_PEERS; i++)
        (void) !send (fds[i], "\0", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

/* A client with the key is accepted soon, however many handshakes of other peers are in progress.
 */
static void
test_crowd (gconstpointer data)
{
  g_autoptr (GBytes) key = g_bytes_new_static (KEY, strlen (KEY));
  MpListener      *listener = g_object_new (MP_TYPE_LISTENER, "address", "unix:", "auth-key", key,
                                            "backlog", 4096, "max-pending", 4096, NULL);
  g_autofree char *address = mp_listener_get_address (listener);
  int              ready[2], status;
  pid_t            pid;
  char             byte;

  raise_descriptor_limit ();
  g_assert_true (mp_listener_listen (listener, NULL));
  g_free (address);
  address = mp_listener_get_address (listener);
  g_assert_no_errno (pipe (ready));
  pid = send_bad_peers (listener, GPOINTER_TO_INT (data), ready[1]);
  g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);

  for (int i = 0; i < 5; i++)
    {
      g_autoptr (MpConnection) accepted = NULL;
      g_autoptr (MpConnection) opened = NULL;
      g_autoptr (GError) error = NULL;
      gint64   before = g_get_monotonic_time ();
      GThread *thread = g_thread_new ("client", open_in_thread, address);

      accepted = mp_listener_accept (listener, 20 * G_USEC_PER_SEC, NULL, &error);
      g_assert_no_error (error);
      opened = g_thread_join (thread);
      assert_talk (opened, accepted);
      g_test_message ("got in after %" G_GINT64_FORMAT " us", g_get_monotonic_time () - before);
      /* If the listener waited for the other peers, it would wait for their timeout of ten seconds.
       * The actual time depends on the load of the machine. */
      g_assert_cmpint (g_get_monotonic_time () - before, <, 5 * G_USEC_PER_SEC);
    }

  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  close (ready[0]);
  close (ready[1]);
  g_assert_finalize_object (listener);
}

/* A thousand failed handshakes leave no memory or descriptors behind. */
static void
test_nothing_left (void)
{
  MpListener *listener = listen_at ("unix:", KEY);
  g_autoptr (GString) text = g_string_new (NULL);
  Log   log = { text, 0 };
  gsize memory = 0;
  int   fds = 0;

  g_signal_connect (listener, "handshake-failed", G_CALLBACK (failed_cb), &log);
  for (int i = 0; i < 2 * N_PEERS; i++)
    {
      int peer = connect_bare (listener);

      g_assert_cmpint (write (peer, "\0\0\0\5hello", 9), ==, 9);
      accept_until_failed (listener, &log, i + 1);
      close (peer);
      g_string_truncate (text, 0);
      if (i == N_PEERS)
        {
          memory = test_get_memory ();
          fds = test_count_fds ();
        }
    }

  g_assert_cmpint (test_count_fds (), ==, fds);
  if (test_reuses_memory ())
    g_assert_cmpint (test_get_memory (), <=, memory + 256 * 1024);
  g_assert_finalize_object (listener);
}

/* Without free descriptors no peer is accepted, and as soon as there are some again, all are. */
static void
test_no_descriptors (void)
{
  MpListener *listener = listen_at ("unix:", NULL);
  int         peer = connect_bare (listener);
  g_autoptr (MpConnection) accepted = NULL;
  g_autoptr (GArray) hoard = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GError) error = NULL;
  struct rlimit before, few;
  int           fd;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &before));
  few = before;
  few.rlim_cur = 64;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &few));
  while ((fd = dup (0)) >= 0)
    g_array_append_val (hoard, fd);

  g_assert_null (mp_listener_accept (listener, 120000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);

  for (guint i = 0; i < hoard->len; i++)
    close (g_array_index (hoard, int, i));
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &before));
  accepted = mp_listener_accept (listener, 20 * G_USEC_PER_SEC, NULL, &error);
  g_assert_no_error (error);

  close (peer);
  g_assert_finalize_object (listener);
}

/* The kernel reports the user of a peer; only root can test that. */
static void
test_same_user (gconstpointer data)
{
  gboolean         same_user_only = GPOINTER_TO_INT (data);
  g_autofree char *name = g_strdup_printf ("unix-abstract:mproc-glib-user-%d", getpid ());
  g_autoptr (MpListener) listener = NULL;
  g_autoptr (MpConnection) accepted = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  Log   log = { text, 0 };
  int   status;
  pid_t pid;

  if (geteuid () != 0)
    {
      g_test_skip ("only root can be somebody else");
      return;
    }

  listener =
    g_object_new (MP_TYPE_LISTENER, "address", name, "same-user-only", same_user_only, NULL);
  g_signal_connect (listener, "handshake-failed", G_CALLBACK (failed_cb), &log);
  g_assert_true (mp_listener_listen (listener, NULL));
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      g_autoptr (MpConnection) opened = NULL;

      if (setuid (65534) < 0)
        _exit (1);
      opened = mp_connect (name, NULL, 20 * G_USEC_PER_SEC, NULL, NULL);
      _exit (opened != NULL && mp_connection_poll (opened, 20 * G_USEC_PER_SEC, NULL, NULL) ? 0
                                                                                            : 2);
    }

  while (accepted == NULL && log.n_failed == 0)
    accepted = mp_listener_accept (listener, 10000, NULL, NULL);
  g_assert_true ((accepted == NULL) == same_user_only);
  g_assert_true ((strstr (text->str, "65534") != NULL) == same_user_only);

  g_clear_object (&accepted);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

static void
test_waitable (void)
{
  MpListener             *listener = listen_at ("unix:", KEY);
  g_autofree char        *address = mp_listener_get_address (listener);
  MpWaitable             *objects[] = { MP_WAITABLE (listener) };
  GThread                *thread = g_thread_new ("client", open_in_thread, address);
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (MpConnection) accepted = NULL;
  g_autoptr (MpConnection) opened = NULL;
  g_autoptr (GError) error = NULL;
  gsize n;

  ready = mp_wait (objects, 1, MP_WAIT_FLAGS_NONE, 20 * G_USEC_PER_SEC, NULL, &n, &error);
  g_assert_no_error (error);
  g_assert_cmpint (n, ==, 1);
  accepted = mp_listener_try_accept (listener, &error);
  g_assert_nonnull (accepted);
  opened = g_thread_join (thread);

  g_assert_finalize_object (listener);
}

#define ADD(path, function) \
  g_test_add ("/listener/" path, Place, NULL, place_set_up, function, place_tear_down)

static void
add_bad_peers (const char    *where,
               const BadPeer *table,
               gsize          n,
               GTestDataFunc  func)
{
  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *path = g_strdup_printf ("/listener/%s/%s", where, table[i].name);

      g_test_add_data_func (path, &table[i], func);
    }
}

/* The socket file of a killed process must not be in the cache directory. */
static void
test_not_in_cache (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpListener) listener = mp_listener_new ("unix:", NULL, &error);
  g_autofree char *address = NULL;

  g_assert_no_error (error);
  address = mp_listener_get_address (listener);
  g_assert_null (strstr (address, g_get_user_cache_dir ()));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/listener/accept/unix", "unix:", test_accept);
  g_test_add_data_func ("/listener/accept/abstract", "unix-abstract:mproc-glib-test", test_accept);
  g_test_add_data_func ("/listener/accept/tcp", "tcp:localhost:0", test_accept);
  g_test_add_data_func ("/listener/accept/tcp6", "tcp:[::1]:0", test_accept);
  g_test_add_func ("/listener/accept/no-key", test_no_key);
  g_test_add_func ("/listener/accept/timeout", test_timeout);
  g_test_add_func ("/listener/close/wakes", test_close_wakes);
  g_test_add_func ("/listener/address/private-directory", test_private_directory);
  ADD ("address/path", test_path);
  ADD ("address/stale", test_stale_path);
  ADD ("address/other-file", test_other_file);
  ADD ("address/fork", test_fork);
  g_test_add_func ("/listener/address/refused", test_addresses_refused);

  add_bad_peers ("bad-peer", bad_peers, G_N_ELEMENTS (bad_peers), test_bad_peer);
  add_bad_peers ("without-challenge", without_challenge, G_N_ELEMENTS (without_challenge),
                 test_without_challenge);
  add_bad_peers ("without-result", without_result, G_N_ELEMENTS (without_result),
                 test_without_result);

  g_test_add_func ("/listener/wrong-key", test_wrong_key);
  g_test_add_func ("/listener/key-on-one-side", test_key_on_one_side);
  g_test_add_func ("/listener/busy", test_busy);
  g_test_add_data_func ("/listener/own-context/unix", "unix:", test_own_context);
  g_test_add_data_func ("/listener/own-context/tcp", "tcp:127.0.0.1:0", test_own_context);
  g_test_add_func ("/listener/async/cancel", test_async_cancel);
  g_test_add_func ("/listener/waitable", test_waitable);
  g_test_add_data_func ("/listener/same-user-only/on", GINT_TO_POINTER (TRUE), test_same_user);
  g_test_add_data_func ("/listener/same-user-only/off", GINT_TO_POINTER (FALSE), test_same_user);
  g_test_add_func ("/listener/attack/max-pending", test_max_pending);
  g_test_add_data_func ("/listener/attack/silent", GINT_TO_POINTER (FALSE), test_crowd);
  g_test_add_data_func ("/listener/attack/chatty", GINT_TO_POINTER (TRUE), test_crowd);
  g_test_add_func ("/listener/attack/nothing-left", test_nothing_left);
  g_test_add_func ("/listener/attack/no-descriptors", test_no_descriptors);

  g_test_add_func ("/listener/not-in-cache", test_not_in_cache);
  return g_test_run ();
}
