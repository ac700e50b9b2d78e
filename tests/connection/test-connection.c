/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "test-usage.h"

#include <mproc-glib/mproc-glib.h>

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* A connection, and the other end as a plain socket, which can write any bytes. */
typedef struct
{
  MpConnection *connection;
  int           peer;
} Fixture;

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  fixture->connection = mp_connection_new_for_fd (fds[0], TRUE, TRUE, &error);
  g_assert_no_error (error);
  fixture->peer = fds[1];
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  if (fixture->peer >= 0)
    close (fixture->peer);
  g_assert_finalize_object (fixture->connection);
}

static void
peer_writes (Fixture    *fixture,
             const void *data,
             gsize       length)
{
  g_assert_cmpint (write (fixture->peer, data, length), ==, length);
}

static void
peer_closes (Fixture *fixture)
{
  close (fixture->peer);
  fixture->peer = -1;
}

#define PEER_WRITES(fixture, string) peer_writes (fixture, string, sizeof string - 1)

static void
assert_receives (Fixture    *fixture,
                 const char *expected,
                 gsize       expected_length)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *data = NULL;
  gsize              length;

  data = mp_connection_recv_data (fixture->connection, 10 * G_USEC_PER_SEC, NULL, &length, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (data, length, expected, expected_length);
}

#define ASSERT_RECEIVES(fixture, string) assert_receives (fixture, string, sizeof string - 1)

static void
assert_fails (Fixture *fixture,
              GQuark   domain,
              int      code)
{
  g_autoptr (GError) error = NULL;
  gsize length;

  g_assert_null (
    mp_connection_recv_data (fixture->connection, 10 * G_USEC_PER_SEC, NULL, &length, &error));
  g_assert_error (error, domain, code);
}

static void
test_framing (Fixture      *fixture,
              gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  char bytes[16];

  mp_connection_send_data (fixture->connection, (const guint8 *) "abc", 3, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (read (fixture->peer, bytes, sizeof bytes), ==, 7);
  g_assert_cmpmem (bytes, 7, "\0\0\0\3abc", 7);

  mp_connection_send_data (fixture->connection, NULL, 0, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (read (fixture->peer, bytes, sizeof bytes), ==, 4);
  g_assert_cmpmem (bytes, 4, "\0\0\0\0", 4);
}

static void
test_receive (Fixture      *fixture,
              gconstpointer data)
{
  PEER_WRITES (fixture, "\0\0\0\3abc"
                        "\0\0\0\0"
                        "\377\377\377\377\0\0\0\0\0\0\0\2de"
                        "\0\0\0\1f");

  ASSERT_RECEIVES (fixture, "abc");
  ASSERT_RECEIVES (fixture, "");
  ASSERT_RECEIVES (fixture, "de");
  ASSERT_RECEIVES (fixture, "f");
}

static void
test_receive_nothing (Fixture      *fixture,
                      gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  gsize length;

  g_assert_null (mp_connection_try_recv_bytes (fixture->connection, -1, &error));
  g_assert_no_error (error);
  g_assert_null (mp_connection_recv_data (fixture->connection, 0, NULL, &length, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_assert_null (mp_connection_recv_data (fixture->connection, 1000, NULL, &length, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

/* A receive that times out in the middle of a message is continued by the next call. */
static void
test_receive_in_pieces (Fixture      *fixture,
                        gconstpointer data)
{
  static const char whole[] = "\0\0\0\5hello";

  for (gsize i = 0; i + 1 < sizeof whole - 1; i++)
    {
      g_autoptr (GError) error = NULL;
      gsize length;

      peer_writes (fixture, whole + i, 1);
      g_assert_null (mp_connection_recv_data (fixture->connection, 1, NULL, &length, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
    }

  PEER_WRITES (fixture, "o");
  ASSERT_RECEIVES (fixture, "hello");
}

static void
test_cancel_in_message (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  gsize length;

  PEER_WRITES (fixture, "\0\0\0\5he");
  g_cancellable_cancel (cancellable);
  g_assert_null (mp_connection_recv_data (fixture->connection, -1, cancellable, &length, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  PEER_WRITES (fixture, "llo");
  ASSERT_RECEIVES (fixture, "hello");
}

static void
test_end_of_stream (Fixture      *fixture,
                    gconstpointer data)
{
  PEER_WRITES (fixture, "\0\0\0\1x");
  peer_closes (fixture);

  ASSERT_RECEIVES (fixture, "x");
  assert_fails (fixture, MP_ERROR, MP_ERROR_END_OF_STREAM);
  assert_fails (fixture, MP_ERROR, MP_ERROR_END_OF_STREAM);
}

typedef struct
{
  const char *name;
  const char *bytes;
  gsize       length;
} Beginning;

/* The peer closes at each position inside a message. */
static const Beginning beginnings[] = {
  { "header", "\0\0", 2 },
  { "after-header", "\0\0\0\5", 4 },
  { "long-header", "\377\377\377\377\0\0", 6 },
  { "after-escape", "\377\377\377\377", 4 },
  { "payload", "\0\0\0\5hel", 7 },
  { "large-payload", "\0\2\0\0hello", 9 },
};

static void
test_truncated (Fixture      *fixture,
                gconstpointer data)
{
  const Beginning *beginning = data;

  peer_writes (fixture, beginning->bytes, beginning->length);
  peer_closes (fixture);

  assert_fails (fixture, MP_ERROR, MP_ERROR_TRUNCATED);
  assert_fails (fixture, MP_ERROR, MP_ERROR_TRUNCATED);
}

static const Beginning malformed[] = {
  { "minus-two", "\377\377\377\376", 4 },
  { "most-negative", "\200\0\0\0", 4 },
  { "two-to-63", "\377\377\377\377\200\0\0\0\0\0\0\0", 12 },
};

static void
test_malformed (Fixture      *fixture,
                gconstpointer data)
{
  const Beginning *beginning = data;

  peer_writes (fixture, beginning->bytes, beginning->length);

  assert_fails (fixture, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
  g_assert_true (mp_connection_get_closed (fixture->connection));
  assert_fails (fixture, MP_ERROR, MP_ERROR_CLOSED);
}

/* Like Python's recv_bytes (maxlength). */
static void
test_maximum (Fixture      *fixture,
              gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;

  PEER_WRITES (fixture, "\0\0\0\3abc"
                        "\0\0\0\4abcd");
  bytes = mp_connection_recv_bytes (fixture->connection, 3, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_bytes_get_size (bytes), ==, 3);

  g_assert_null (mp_connection_recv_bytes (fixture->connection, 3, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_TOO_LARGE);
  g_assert_false (mp_connection_get_readable (fixture->connection));
  g_assert_false (mp_connection_get_closed (fixture->connection));
  assert_fails (fixture, MP_ERROR, MP_ERROR_NOT_READABLE);

  g_clear_error (&error);
  mp_connection_send_data (fixture->connection, (const guint8 *) "x", 1, -1, NULL, &error);
  g_assert_no_error (error);
}

/* An empty message is not a value, and the next message is not lost. */
static void
test_empty_value (Fixture      *fixture,
                  gconstpointer data)
{
  static const MpFormat formats[] = { MP_FORMAT_GVARIANT, MP_FORMAT_JSON, MP_FORMAT_PICKLE };

  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_autoptr (GError) error = NULL;

      mp_connection_set_format (fixture->connection, formats[i]);
      PEER_WRITES (fixture, "\0\0\0\0"
                            "\0\0\0\1x");
      g_assert_null (mp_connection_recv (fixture->connection, -1, NULL, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
      ASSERT_RECEIVES (fixture, "x");
    }
}

static void
test_maximum_one_way (void)
{
  g_autoptr (MpConnection) reader = NULL;
  g_autoptr (MpConnection) writer = NULL;
  g_autoptr (GError) error = NULL;

  mp_pipe (FALSE, &reader, &writer, &error);
  g_assert_no_error (error);
  mp_connection_send_data (writer, (const guint8 *) "abcd", 4, -1, NULL, &error);
  g_assert_no_error (error);

  g_assert_null (mp_connection_recv_bytes (reader, 3, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_TOO_LARGE);
  g_assert_true (mp_connection_get_closed (reader));
}

static void
test_max_message_size (Fixture      *fixture,
                       gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_object_set (fixture->connection, "max-message-size", G_GUINT64_CONSTANT (3), NULL);
  g_assert_false (
    mp_connection_send_data (fixture->connection, (const guint8 *) "abcd", 4, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_TOO_LARGE);

  /* 4 GiB are refused when only the length has arrived. */
  PEER_WRITES (fixture, "\377\377\377\377\0\0\0\1\0\0\0\0");
  assert_fails (fixture, MP_ERROR, MP_ERROR_TOO_LARGE);
}

static void
test_recv_into (Fixture      *fixture,
                gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  guint8 buffer[8] = "........";
  gssize n;

  PEER_WRITES (fixture, "\0\0\0\4abcd"
                        "\0\0\0\7hello, ");
  n = mp_connection_recv_into (fixture->connection, buffer, sizeof buffer, 2, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (n, ==, 4);
  g_assert_cmpmem (buffer, 8, "..abcd..", 8);

  n = mp_connection_recv_into (fixture->connection, buffer, sizeof buffer, 2, -1, NULL, &error);
  g_assert_error (error, MP_ERROR, MP_ERROR_BUFFER_TOO_SHORT);
  g_assert_cmpint (n, ==, -1);
  ASSERT_RECEIVES (fixture, "hello, ");
}

static void
test_recv_into_nothing (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  PEER_WRITES (fixture, "\0\0\0\0"
                        "\0\0\0\1x");
  g_assert_cmpint (mp_connection_recv_into (fixture->connection, NULL, 0, 0, -1, NULL, &error), ==,
                   0);
  g_assert_no_error (error);
  g_assert_cmpint (mp_connection_recv_into (fixture->connection, NULL, 0, 0, -1, NULL, &error), ==,
                   -1);
  g_assert_error (error, MP_ERROR, MP_ERROR_BUFFER_TOO_SHORT);
  ASSERT_RECEIVES (fixture, "x");
}

#define LARGE (3 * 1024 * 1024 + 17)

static void
fill (guint8 *data,
      gsize   length)
{
  for (gsize i = 0; i < length; i++)
    data[i] = (guint8) (i * 7 + i / 251);
}

static gpointer
send_large (gpointer data)
{
  MpConnection      *connection = data;
  g_autofree guint8 *large = g_malloc (LARGE);
  g_autoptr (GError) error = NULL;

  fill (large, LARGE);
  for (int i = 0; i < 3; i++)
    {
      mp_connection_send_data (connection, large, LARGE, -1, NULL, &error);
      g_assert_no_error (error);
      mp_connection_send_data (connection, (const guint8 *) "small", 5, -1, NULL, &error);
      g_assert_no_error (error);
    }
  return NULL;
}

/* Large messages are received directly into the buffer, small ones between them through the
 * read-ahead buffer; short waits test the way back, too. */
static void
test_large (gconstpointer data)
{
  gint64 timeout_us = GPOINTER_TO_INT (data);
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  g_autofree guint8 *expected = g_malloc (LARGE);
  g_autofree guint8 *buffer = g_malloc (LARGE);
  GThread           *thread;

  mp_pipe (TRUE, &first, &second, NULL);
  fill (expected, LARGE);
  thread = g_thread_new ("sender", send_large, first);

  for (int i = 0; i < 6; i++)
    {
      g_autoptr (GError) error = NULL;
      gssize n;

      do
        {
          g_clear_error (&error);
          n = mp_connection_recv_into (second, buffer, LARGE, 0, timeout_us, NULL, &error);
        }
      while (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
      g_assert_no_error (error);

      if (i % 2 == 0)
        g_assert_cmpmem (buffer, n, expected, LARGE);
      else
        g_assert_cmpmem (buffer, n, "small", 5);
    }

  g_thread_join (thread);
}

static void
test_send_timeout (Fixture      *fixture,
                   gconstpointer data)
{
  g_autofree guint8 *large = g_malloc0 (LARGE);
  g_autofree guint8 *there = g_malloc (LARGE + 4);
  g_autoptr (GError) error = NULL;
  gsize n = 0;

  /* The first one was begun, so it counts; the second one was not. */
  g_assert_true (mp_connection_send_data (fixture->connection, large, LARGE, 1000, NULL, &error));
  g_assert_no_error (error);
  g_assert_false (mp_connection_send_data (fixture->connection, large, 1, 1000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);

  while (n < LARGE + 4)
    {
      gssize piece = read (fixture->peer, there + n, LARGE + 4 - n);

      g_assert_cmpint (piece, >, 0);
      n += piece;
      mp_connection_recv_data (fixture->connection, 1, NULL, &(gsize){ 0 }, NULL);
    }

  mp_connection_send_data (fixture->connection, (const guint8 *) "next", 4, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (read (fixture->peer, there, LARGE), ==, 8);
  g_assert_cmpmem (there, 8, "\0\0\0\4next", 8);
}

static void
test_closed (Fixture      *fixture,
             gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (mp_connection_close (fixture->connection, &error));
  g_assert_no_error (error);
  g_assert_true (mp_connection_close (fixture->connection, &error));
  g_assert_no_error (error);

  g_assert_true (mp_connection_get_closed (fixture->connection));
  g_assert_cmpint (mp_connection_get_fd (fixture->connection), ==, -1);
  assert_fails (fixture, MP_ERROR, MP_ERROR_CLOSED);
  g_assert_false (
    mp_connection_send (fixture->connection, g_variant_new_int32 (1), -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_clear_error (&error);
  g_assert_false (mp_connection_poll (fixture->connection, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
}

/* Time may pass between two readings of the clock: a timeout of 0 must not become infinite. */
static void
test_flush_without_waiting (Fixture      *fixture,
                            gconstpointer data)
{
  g_autofree guint8 *large = g_malloc0 (LARGE);
  const guint        n = test_is_under_valgrind () ? 100 : 100000;
  g_autoptr (GError) error = NULL;

  g_assert_true (mp_connection_send_data (fixture->connection, large, LARGE, 0, NULL, &error));
  g_assert_no_error (error);
  for (guint i = 0; i < n; i++)
    {
      g_assert_false (mp_connection_flush (fixture->connection, 0, NULL, &error));
      g_assert_no_error (error);
    }
}

/* A caller that has sent something spins for the answer before it sleeps, with the same results. */
static void
test_await_answer (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  gsize  length = 1;
  gint64 start;

  for (guint i = 0; i < 20; i++)
    {
      g_assert_true (
        mp_connection_send_data (fixture->connection, (guint8 *) "ask", 3, -1, NULL, &error));
      start = g_get_monotonic_time ();
      g_assert_null (mp_connection_recv_data (fixture->connection, 30, NULL, &length, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      g_assert_cmpint (g_get_monotonic_time () - start, >=, 30);
      g_clear_error (&error);

      PEER_WRITES (fixture, "\0\0\0\6answer");
      ASSERT_RECEIVES (fixture, "answer");
    }

  g_assert_true (
    mp_connection_send_data (fixture->connection, (guint8 *) "ask", 3, -1, NULL, &error));
  g_assert_no_errno (shutdown (fixture->peer, SHUT_WR));
  g_assert_null (mp_connection_recv_data (fixture->connection, -1, NULL, &length, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_END_OF_STREAM);
}

static gpointer
close_later (gpointer data)
{
  MpConnection *connection = data;

  g_usleep (1000);
  mp_connection_close (connection, NULL);
  return NULL;
}

static void
test_close_wakes (Fixture      *fixture,
                  gconstpointer data)
{
  GThread *thread = g_thread_new ("closer", close_later, fixture->connection);

  assert_fails (fixture, MP_ERROR, MP_ERROR_CLOSED);
  g_thread_join (thread);
}

static void
test_poll (Fixture      *fixture,
           gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (mp_connection_poll (fixture->connection, 0, NULL, &error));
  g_assert_false (mp_connection_poll (fixture->connection, 1000, NULL, &error));
  g_assert_no_error (error);

  /* Three messages arrive with one read, and the descriptor does not show two of them. */
  PEER_WRITES (fixture, "\0\0\0\0"
                        "\0\0\0\1a"
                        "\0\0\0\1b");
  g_assert_true (mp_connection_poll (fixture->connection, -1, NULL, &error));
  ASSERT_RECEIVES (fixture, "");
  g_assert_true (mp_connection_poll (fixture->connection, 0, NULL, &error));
  ASSERT_RECEIVES (fixture, "a");
  g_assert_true (mp_connection_poll (fixture->connection, 0, NULL, &error));
  ASSERT_RECEIVES (fixture, "b");
  g_assert_false (mp_connection_poll (fixture->connection, 0, NULL, &error));
  g_assert_no_error (error);

  peer_closes (fixture);
  g_assert_true (mp_connection_poll (fixture->connection, -1, NULL, &error));
  g_assert_no_error (error);
}

static void
ignore_signal (int signum)
{
}

static void
test_interrupted (Fixture      *fixture,
                  gconstpointer data)
{
  static const struct itimerval soon = { { 0, 2000 }, { 0, 2000 } }, never = { { 0, 0 }, { 0, 0 } };
  struct sigaction              action = { .sa_handler = ignore_signal };
  g_autoptr (GError) error = NULL;
  gsize  length;
  gint64 before;

  g_assert_no_errno (sigaction (SIGALRM, &action, NULL));
  g_assert_no_errno (setitimer (ITIMER_REAL, &soon, NULL));

  /* One returns at once, the other one waits to its end. */
  g_assert_false (mp_waitable_wait (MP_WAITABLE (fixture->connection), MP_CONDITION_READABLE,
                                    MP_WAIT_FLAGS_INTERRUPTIBLE, -1, NULL, &error));
  g_assert_no_error (error);
  before = g_get_monotonic_time ();
  g_assert_null (mp_connection_recv_data (fixture->connection, 20000, NULL, &length, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (g_get_monotonic_time () - before, >=, 20000);

  g_assert_no_errno (setitimer (ITIMER_REAL, &never, NULL));
}

static void
test_waitable (Fixture      *fixture,
               gconstpointer data)
{
  MpWaitable             *objects[] = { MP_WAITABLE (fixture->connection) };
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (GError) error = NULL;
  gsize n;

  PEER_WRITES (fixture, "\0\0\0\1a"
                        "\0\0\0\1b");
  ASSERT_RECEIVES (fixture, "a");

  ready = mp_wait (objects, 1, MP_WAIT_FLAGS_NONE, 0, NULL, &n, &error);
  g_assert_no_error (error);
  g_assert_cmpint (n, ==, 1);
  g_assert_true (ready[0] == objects[0]);
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
  gint64 deadline = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;

  while (*result == NULL && g_get_monotonic_time () < deadline)
    g_main_context_iteration (NULL, g_main_context_pending (NULL));
  g_assert_nonnull (*result);
}

static void
test_async (void)
{
  MpConnection *first, *second;
  g_autoptr (GAsyncResult) sent = NULL;
  g_autoptr (GAsyncResult) received = NULL;
  g_autoptr (GAsyncResult) received_later = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GBytes) bytes = NULL;

  mp_pipe (TRUE, &first, &second, &error);
  g_assert_no_error (error);

  mp_connection_recv_async (second, 0, NULL, result_cb, &received);
  mp_connection_recv_bytes_async (second, -1, 0, NULL, result_cb, &received_later);
  mp_connection_send_async (first, g_variant_new_string ("one"), 0, NULL, result_cb, &sent);
  iterate_until (&sent);
  g_assert_true (mp_connection_send_finish (first, sent, &error));
  g_assert_no_error (error);
  iterate_until (&received);
  value = mp_connection_recv_finish (second, received, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, "one");
  g_assert_null (received_later);

  mp_connection_send_data (first, (const guint8 *) "two", 3, -1, NULL, &error);
  g_assert_no_error (error);
  iterate_until (&received_later);
  bytes = mp_connection_recv_bytes_finish (second, received_later, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "two", 3);

  g_clear_object (&received);
  g_clear_object (&received_later);
  g_clear_object (&sent);
  g_assert_finalize_object (first);
  g_assert_finalize_object (second);
}

static void
test_async_cancel (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) cancelled = NULL;
  g_autoptr (GAsyncResult) received = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;

  mp_connection_recv_bytes_async (fixture->connection, -1, 0, cancellable, result_cb, &cancelled);
  mp_connection_recv_bytes_async (fixture->connection, -1, 0, NULL, result_cb, &received);
  g_cancellable_cancel (cancellable);
  iterate_until (&cancelled);
  g_assert_null (mp_connection_recv_bytes_finish (fixture->connection, cancelled, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);

  PEER_WRITES (fixture, "\0\0\0\3abc");
  iterate_until (&received);
  bytes = mp_connection_recv_bytes_finish (fixture->connection, received, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_bytes_get_size (bytes), ==, 3);
}

/* The queue of outgoing messages is bounded, and is sent in order when the peer makes room. */
static void
test_async_bound (Fixture      *fixture,
                  gconstpointer data)
{
  g_autofree guint8 *large = g_malloc0 (LARGE);
  g_autoptr (GBytes) bytes = g_bytes_new (large, LARGE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GAsyncResult *results[8] = {
    NULL,
  };
  gsize n_read = 0;
  int   n_sent = 0;

  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    mp_connection_send_bytes_async (fixture->connection, bytes, 0, i == 1 ? cancellable : NULL,
                                    result_cb, &results[i]);

  /* 16 MiB hold five of them. */
  iterate_until (&results[7]);
  iterate_until (&results[5]);
  for (guint i = 5; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (mp_connection_send_bytes_finish (fixture->connection, results[i], &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_FULL);
    }

  g_assert_null (results[1]);
  g_cancellable_cancel (cancellable);
  iterate_until (&results[1]);

  while (n_read < 4 * (LARGE + 4))
    {
      gssize n = recv (fixture->peer, large, LARGE, MSG_DONTWAIT);

      n_read += MAX (0, n);
      g_main_context_iteration (NULL, FALSE);
    }

  for (guint i = 0; i < 5; i++)
    {
      iterate_until (&results[i]);
      n_sent += mp_connection_send_bytes_finish (fixture->connection, results[i], NULL);
    }
  g_assert_cmpint (n_sent, ==, 4);
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    g_object_unref (results[i]);
  g_assert_cmpint (recv (fixture->peer, large, LARGE, MSG_DONTWAIT), ==, -1);
}

static void
message_cb (MpConnection *connection,
            MpMessage    *message,
            gpointer      user_data)
{
  GString *log = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = mp_message_get_variant (message, &error);

  g_assert_no_error (error);
  g_string_append (log, g_variant_get_string (value, NULL));
}

static void
closed_cb (MpConnection *connection,
           const GError *reason,
           gpointer      user_data)
{
  g_string_append (user_data, "closed");
}

static void
iterate_until_log (GString    *log,
                   const char *expected)
{
  gint64 deadline = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;

  while (!g_str_equal (log->str, expected) && g_get_monotonic_time () < deadline)
    g_main_context_iteration (NULL, g_main_context_pending (NULL));
  g_assert_cmpstr (log->str, ==, expected);
}

static void
test_signals (void)
{
  MpConnection *first, *second;
  g_autoptr (GString) log = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  mp_pipe (TRUE, &first, &second, &error);
  g_assert_no_error (error);
  g_signal_connect (second, "message", G_CALLBACK (message_cb), log);
  g_signal_connect (second, "closed", G_CALLBACK (closed_cb), log);
  mp_connection_start (second, G_PRIORITY_DEFAULT_IDLE);
  mp_connection_start (second, G_PRIORITY_DEFAULT_IDLE);

  mp_connection_send (first, g_variant_new_string ("a"), -1, NULL, &error);
  mp_connection_send (first, g_variant_new_string ("b"), -1, NULL, &error);
  g_assert_no_error (error);
  iterate_until_log (log, "ab");

  mp_connection_send (first, g_variant_new_string ("c"), -1, NULL, &error);
  g_assert_finalize_object (first);
  iterate_until_log (log, "abcclosed");

  mp_connection_close (second, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (log->str, ==, "abcclosed");
  g_assert_finalize_object (second);
}

static void
notify_cb (MpConnection *connection,
           GParamSpec   *pspec,
           gpointer      user_data)
{
  g_assert_true (mp_connection_get_closed (connection));
  g_string_append (user_data, "notified");
}

static void
reason_cb (MpConnection *connection,
           const GError *reason,
           gpointer      user_data)
{
  g_assert_true (mp_connection_get_closed (connection));
  if (g_error_matches (reason, MP_ERROR, MP_ERROR_END_OF_STREAM))
    g_string_append (user_data, " gone");
  else if (g_error_matches (reason, MP_ERROR, MP_ERROR_INVALID_MESSAGE))
    g_string_append (user_data, " malformed");
  else
    g_string_append (user_data, " asked");
}

/* The property and the signal agree, whichever end closes. */
static void
test_closed_by_peer (void)
{
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  g_autoptr (GString) log = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  mp_pipe (TRUE, &first, &second, &error);
  g_assert_no_error (error);
  g_signal_connect (second, "message", G_CALLBACK (message_cb), log);
  g_signal_connect (second, "notify::closed", G_CALLBACK (notify_cb), log);
  g_signal_connect (second, "closed", G_CALLBACK (reason_cb), log);
  mp_connection_start (second, G_PRIORITY_DEFAULT_IDLE);
  mp_connection_close (first, &error);
  iterate_until_log (log, "notified gone");

  g_assert_false (mp_connection_send (second, g_variant_new_string ("a"), -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
}

static void
test_closed_by_nonsense (void)
{
  g_autoptr (MpConnection) connection = NULL;
  g_autoptr (GString) log = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  connection = mp_connection_new_for_fd (fds[0], TRUE, TRUE, &error);
  g_assert_no_error (error);
  g_signal_connect (connection, "notify::closed", G_CALLBACK (notify_cb), log);
  g_signal_connect (connection, "closed", G_CALLBACK (reason_cb), log);
  g_assert_cmpint (write (fds[1], "\377\377\377\376", 4), ==, 4);

  g_assert_null (mp_connection_recv (connection, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
  g_assert_cmpstr (log->str, ==, "notified malformed");
  close (fds[1]);
}

/* Messages without a handler are not taken, and are emitted once there is one. */
static void
test_start_without_handler (void)
{
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  g_autoptr (GString) log = g_string_new (NULL);
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;
  gulong handler;

  mp_pipe (TRUE, &first, &second, &error);
  mp_connection_start (second, G_PRIORITY_DEFAULT_IDLE);
  mp_connection_send (first, g_variant_new_string ("a"), -1, NULL, &error);
  mp_connection_send (first, g_variant_new_string ("b"), -1, NULL, &error);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  value = mp_connection_recv (second, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, "a");

  handler = g_signal_connect (second, "message", G_CALLBACK (message_cb), log);
  iterate_until_log (log, "b");
  g_signal_handler_disconnect (second, handler);
  mp_connection_send (first, g_variant_new_string ("c"), -1, NULL, &error);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_true (mp_connection_poll (second, 0, NULL, &error));
  g_signal_connect (second, "message", G_CALLBACK (message_cb), log);
  iterate_until_log (log, "bc");
  mp_connection_stop (second);
}

static void
dawdle_cb (MpConnection *connection,
           MpMessage    *message,
           gpointer      user_data)
{
  gint64 end = g_get_monotonic_time () + 1000;

  while (g_get_monotonic_time () < end)
    continue;
  (*(guint *) user_data)++;
}

/* Slow handlers do not delay other sources for a hundred messages. */
static void
test_start_turn (void)
{
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  guint n_messages = 0;

  mp_pipe (TRUE, &first, &second, NULL);
  g_signal_connect (second, "message", G_CALLBACK (dawdle_cb), &n_messages);
  mp_connection_start (second, G_PRIORITY_DEFAULT_IDLE);
  for (guint i = 0; i < 50; i++)
    mp_connection_send (first, g_variant_new_uint32 (i), -1, NULL, NULL);
  while (n_messages == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (n_messages, <=, 3);
  mp_connection_stop (second);
}

static void
test_stop (void)
{
  MpConnection *first, *second;
  g_autoptr (GString) log = g_string_new (NULL);
  g_autoptr (GVariant) value = NULL;

  mp_pipe (TRUE, &first, &second, NULL);
  g_signal_connect (second, "message", G_CALLBACK (message_cb), log);
  g_signal_connect (second, "message", G_CALLBACK (mp_connection_stop), NULL);
  mp_connection_start (second, G_PRIORITY_DEFAULT_IDLE);

  mp_connection_send (first, g_variant_new_string ("a"), -1, NULL, NULL);
  mp_connection_send (first, g_variant_new_string ("b"), -1, NULL, NULL);
  iterate_until_log (log, "a");
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpstr (log->str, ==, "a");

  value = mp_connection_try_recv (second, NULL);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, "b");

  g_assert_finalize_object (first);
  g_assert_finalize_object (second);
}

static gboolean
count_cb (gpointer user_data)
{
  (*(int *) user_data)++;
  return G_SOURCE_CONTINUE;
}

static void
test_source (Fixture      *fixture,
             gconstpointer data)
{
  g_autoptr (GSource) source = mp_connection_create_source (fixture->connection, NULL);
  int n = 0;

  g_source_set_callback (source, count_cb, &n, NULL);
  g_source_attach (source, NULL);
  g_main_context_iteration (NULL, FALSE);
  g_assert_cmpint (n, ==, 0);

  PEER_WRITES (fixture, "\0\0\0\1a"
                        "\0\0\0\1b");
  ASSERT_RECEIVES (fixture, "a");

  /* Nothing is left in the kernel, one message is left here. */
  g_main_context_iteration (NULL, FALSE);
  g_assert_cmpint (n, ==, 1);
  ASSERT_RECEIVES (fixture, "b");
  g_main_context_iteration (NULL, FALSE);
  g_assert_cmpint (n, ==, 1);

  mp_connection_close (fixture->connection, NULL);
  g_main_context_iteration (NULL, FALSE);
  g_assert_cmpint (n, ==, 2);
  g_source_destroy (source);
}

static MpMessage *
message_with_fds (guint n)
{
  MpMessage *message = mp_message_new_variant (g_variant_new_string ("with"));
  g_autoptr (GUnixFDList) fd_list = g_unix_fd_list_new ();

  for (guint i = 0; i < n; i++)
    g_assert_cmpint (g_unix_fd_list_append (fd_list, 1, NULL), ==, i);
  mp_message_set_fd_list (message, fd_list);
  return message;
}

static void
test_descriptors (void)
{
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  g_autoptr (MpMessage) message = message_with_fds (16);
  g_autoptr (MpMessage) received = NULL;
  g_autoptr (MpMessage) without = NULL;
  g_autoptr (GError) error = NULL;
  const int *fds;
  int        n, before;

  mp_pipe (TRUE, &first, &second, &error);
  g_assert_no_error (error);
  g_assert_false (mp_connection_poll (second, 1, NULL, &error));
  before = test_count_fds ();

  /* Each message has its own descriptors, even if several are read together. */
  mp_connection_send_message (first, message, -1, NULL, &error);
  mp_connection_send (first, g_variant_new_string ("without"), -1, NULL, &error);
  mp_connection_send_message (first, message, -1, NULL, &error);
  g_assert_no_error (error);

  received = mp_connection_recv_message (second, -1, NULL, &error);
  g_assert_no_error (error);
  fds = g_unix_fd_list_peek_fds (mp_message_get_fd_list (received), &n);
  g_assert_cmpint (n, ==, 16);
  g_assert_cmpint (fcntl (fds[15], F_GETFD), ==, FD_CLOEXEC);
  g_clear_pointer (&received, mp_message_unref);

  without = mp_connection_recv_message (second, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (mp_message_get_fd_list (without));

  /* The last descriptors are not taken. */
  g_variant_unref (mp_connection_recv (second, -1, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (test_count_fds (), ==, before);
}

static void
test_too_many_descriptors (void)
{
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  g_autoptr (MpMessage) message = message_with_fds (17);
  g_autoptr (GError) error = NULL;

  mp_pipe (TRUE, &first, &second, &error);
  g_assert_no_error (error);
  g_assert_false (mp_connection_send_message (first, message, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_TOO_LARGE);
}

/* If a peer sends too many descriptors, at once or one by one, none is left open. */
static void
test_descriptor_flood (Fixture      *fixture,
                       gconstpointer data)
{
  gsize n_each = GPOINTER_TO_SIZE (data);
  union
  {
    struct cmsghdr header;
    char           space[CMSG_SPACE (32 * sizeof (int))];
  } control = { {
    0,
  } };
  char          byte = 0;
  struct iovec  vector = { &byte, 1 };
  struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control };
  int           before = test_count_fds ();

  message.msg_controllen = CMSG_SPACE (n_each * sizeof (int));
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN (n_each * sizeof (int));
  for (gsize i = 0; i < n_each; i++)
    ((int *) CMSG_DATA (&control.header))[i] = 1;

  /* A long message, one byte at a time. */
  PEER_WRITES (fixture, "\0\0\1\0");
  for (int i = 0; i < 100; i++)
    g_assert_cmpint (sendmsg (fixture->peer, &message, 0), ==, 1);

  assert_fails (fixture, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
  g_assert_true (mp_connection_get_closed (fixture->connection));
  g_assert_finalize_object (g_steal_pointer (&fixture->connection));
  g_assert_cmpint (test_count_fds (), ==, before - 1);
  set_up (fixture, NULL);
}

static void
test_formats (gconstpointer data)
{
  MpFormat format = GPOINTER_TO_INT (data);
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) sent = NULL;
  g_autoptr (GVariant) received = NULL;

  mp_pipe (TRUE, &first, &second, &error);
  g_assert_no_error (error);
  mp_connection_set_format (first, format);
  mp_connection_set_format (second, format);

  if (format == MP_FORMAT_BYTES)
    sent = g_variant_ref_sink (
      g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, "a\0b", 3, TRUE, NULL, NULL));
  else
    sent = g_variant_ref_sink (g_variant_new_parsed ("{'a': <[<int64 1>, <'two'>, <2.5>]>}"));

  mp_connection_send (first, sent, -1, NULL, &error);
  g_assert_no_error (error);
  received = mp_connection_recv (second, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpvariant (received, sent);
}

static void
test_share (Fixture      *fixture,
            gconstpointer data)
{
  g_autoptr (GUnixFDList) fd_list = g_unix_fd_list_new ();
  g_autoptr (GVariant) description = NULL;
  g_autoptr (MpShareable) again = NULL;
  g_autoptr (GError) error = NULL;

  mp_connection_set_format (fixture->connection, MP_FORMAT_BYTES);
  mp_connection_set_max_message_size (fixture->connection, 1000);
  description = mp_shareable_describe (MP_SHAREABLE (fixture->connection), fd_list, &error);
  g_assert_no_error (error);
  mp_connection_close (fixture->connection, NULL);

  again = mp_shareable_open (description, fd_list, &error);
  g_assert_no_error (error);
  g_assert_cmpint (mp_connection_get_format (MP_CONNECTION (again)), ==, MP_FORMAT_BYTES);
  g_assert_cmpint (mp_connection_get_max_message_size (MP_CONNECTION (again)), ==, 1000);

  g_set_object (&fixture->connection, MP_CONNECTION (again));
  PEER_WRITES (fixture, "\0\0\0\1a");
  ASSERT_RECEIVES (fixture, "a");
  g_clear_object (&again);
}

static void
test_share_read_ahead (Fixture      *fixture,
                       gconstpointer data)
{
  g_autoptr (GUnixFDList) fd_list = g_unix_fd_list_new ();
  g_autoptr (GVariant) description = NULL;
  g_autoptr (GError) error = NULL;

  mp_connection_set_read_ahead (fixture->connection, TRUE);
  PEER_WRITES (fixture, "\0\0\0\1a"
                        "\0\0\0\1b");
  ASSERT_RECEIVES (fixture, "a");
  g_assert_null (mp_shareable_describe (MP_SHAREABLE (fixture->connection), fd_list, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);

  /* The data that was read ahead is still available. */
  mp_connection_set_read_ahead (fixture->connection, FALSE);
  g_assert_cmpint (mp_connection_get_fd (fixture->connection), ==, -1);
  g_assert_null (mp_shareable_describe (MP_SHAREABLE (fixture->connection), fd_list, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  g_assert_cmpint (g_unix_fd_list_get_length (fd_list), ==, 0);

  ASSERT_RECEIVES (fixture, "b");
  g_assert_cmpint (mp_connection_get_fd (fixture->connection), >=, 0);
  description = mp_shareable_describe (MP_SHAREABLE (fixture->connection), fd_list, &error);
  g_assert_no_error (error);
}

static void
test_restore_nonsense (void)
{
  static const char *const descriptions[] = {
    "('MpConnection', <1>)",
    "('MpConnection', <(handle 0, true, true, uint32 0, uint64 1000, 1)>)",
    "('MpConnection', <(handle 1, true, true, uint32 0, uint64 1000)>)",
    "('MpConnection', <(handle -1, true, true, uint32 0, uint64 1000)>)",
    "('MpConnection', <(handle 0, false, false, uint32 0, uint64 1000)>)",
    "('MpConnection', <(handle 0, true, true, uint32 99, uint64 1000)>)",
    "('MpConnection', <(handle 0, true, true, uint32 0, uint64 0)>)",
    "('MpConnection', <(handle 0, true, true, uint32 0, uint64 18446744073709551615)>)",
  };
  g_autoptr (GUnixFDList) fd_list = g_unix_fd_list_new ();

  g_unix_fd_list_append (fd_list, 1, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (descriptions); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) description =
        g_variant_parse (NULL, descriptions[i], NULL, NULL, &error);

      g_assert_no_error (error);
      g_assert_null (mp_shareable_open (description, fd_list, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
    }
}

static void
test_peer (Fixture      *fixture,
           gconstpointer data)
{
  g_autoptr (GCredentials) credentials = mp_connection_get_peer_credentials (fixture->connection);

  g_assert_nonnull (credentials);
  g_assert_cmpint (g_credentials_get_unix_user (credentials, NULL), ==, getuid ());
  g_assert_cmpint (g_credentials_get_unix_pid (credentials, NULL), ==, getpid ());
}

#define N_THREADS  4
#define N_MESSAGES 500

static gpointer
send_many (gpointer data)
{
  static const gsize sizes[] = { 1, 100, 20000, 300000 };
  MpConnection      *connection = data;
  g_autofree guint8 *bytes = g_malloc (300000);

  for (int i = 0; i < N_MESSAGES; i++)
    {
      g_autoptr (GError) error = NULL;
      gsize size = sizes[i % G_N_ELEMENTS (sizes)];

      memset (bytes, i, size);
      mp_connection_send_data (connection, bytes, size, -1, NULL, &error);
      g_assert_no_error (error);
    }
  return NULL;
}

static gpointer
receive_many (gpointer data)
{
  MpConnection      *connection = data;
  g_autofree guint8 *bytes = g_malloc (300000);

  for (int i = 0; i < N_MESSAGES; i++)
    {
      g_autoptr (GError) error = NULL;
      gssize n = mp_connection_recv_into (connection, bytes, 300000, 0, -1, NULL, &error);

      g_assert_no_error (error);
      for (gssize j = 1; j < n; j++)
        g_assert_cmpint (bytes[j], ==, bytes[0]);
    }
  return NULL;
}

/* Messages of several threads are not interleaved, and each is received by one thread. */
static void
test_threads (void)
{
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  GThread *threads[2 * N_THREADS];

  mp_pipe (TRUE, &first, &second, NULL);
  for (int i = 0; i < N_THREADS; i++)
    {
      threads[2 * i] = g_thread_new ("sender", send_many, first);
      threads[2 * i + 1] = g_thread_new ("receiver", receive_many, second);
    }
  for (int i = 0; i < 2 * N_THREADS; i++)
    g_thread_join (threads[i]);
}

/* Many messages later, as many descriptors are open and as much memory is used as after the first
 * ones. */
static void
test_nothing_left (void)
{
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  const int n = test_reuses_memory () ? 100000 : 10000;
  gsize     memory = 0;
  int       fds = 0;

  mp_pipe (TRUE, &first, &second, NULL);
  for (int i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = NULL;

      if (i == n / 10)
        {
          memory = test_get_memory ();
          fds = test_count_fds ();
        }

      mp_connection_send (first, g_variant_new_int32 (i), -1, NULL, &error);
      g_assert_no_error (error);
      value = mp_connection_recv (second, -1, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpint (g_variant_get_int32 (value), ==, i);
    }

  g_assert_cmpint (test_count_fds (), ==, fds);
  if (test_reuses_memory ())
    g_assert_cmpint (test_get_memory (), <=, memory + 256 * 1024);
}

static void
test_datagrams_refused (void)
{
  g_autoptr (GError) error = NULL;
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, fds));
  g_assert_null (mp_connection_new_for_fd (fds[0], TRUE, TRUE, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  close (fds[0]);
  close (fds[1]);

  g_assert_null (mp_connection_new_for_fd (fds[0], TRUE, TRUE, &error));
  g_assert_nonnull (error);
}

#define ADD(path, function) \
  g_test_add ("/connection/" path, Fixture, NULL, set_up, function, tear_down)

static void
add_table (const char      *path,
           const Beginning *rows,
           gsize            n_rows,
           void (*function) (Fixture *, gconstpointer))
{
  for (gsize i = 0; i < n_rows; i++)
    {
      g_autofree char *full = g_strdup_printf ("/connection/%s/%s", path, rows[i].name);

      g_test_add (full, Fixture, &rows[i], set_up, function, tear_down);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("framing", test_framing);
  ADD ("receive/all-forms", test_receive);
  ADD ("receive/nothing", test_receive_nothing);
  ADD ("receive/in-pieces", test_receive_in_pieces);
  ADD ("receive/cancel-in-message", test_cancel_in_message);
  ADD ("receive/await-answer", test_await_answer);
  ADD ("flush/without-waiting", test_flush_without_waiting);
  ADD ("receive/end-of-stream", test_end_of_stream);
  add_table ("receive/truncated", beginnings, G_N_ELEMENTS (beginnings), test_truncated);
  add_table ("receive/malformed", malformed, G_N_ELEMENTS (malformed), test_malformed);
  ADD ("receive/maximum", test_maximum);
  g_test_add_func ("/connection/receive/maximum-one-way", test_maximum_one_way);
  ADD ("receive/max-message-size", test_max_message_size);
  ADD ("receive/empty-value", test_empty_value);
  ADD ("receive/into", test_recv_into);
  ADD ("receive/into-nothing", test_recv_into_nothing);
  ADD ("receive/interrupted", test_interrupted);
  g_test_add_data_func ("/connection/large", GINT_TO_POINTER (-1), test_large);
  g_test_add_data_func ("/connection/large-in-short-waits", GINT_TO_POINTER (1), test_large);
  ADD ("send/timeout", test_send_timeout);
  ADD ("close", test_closed);
  ADD ("close/wakes", test_close_wakes);
  ADD ("poll", test_poll);
  ADD ("waitable", test_waitable);
  g_test_add_func ("/connection/async", test_async);
  ADD ("async/cancel", test_async_cancel);
  ADD ("async/bound", test_async_bound);
  g_test_add_func ("/connection/signals", test_signals);
  g_test_add_func ("/connection/signals/stop", test_stop);
  g_test_add_func ("/connection/signals/closed/peer", test_closed_by_peer);
  g_test_add_func ("/connection/signals/closed/nonsense", test_closed_by_nonsense);
  g_test_add_func ("/connection/signals/start/without-handler", test_start_without_handler);
  g_test_add_func ("/connection/signals/start/turn", test_start_turn);
  ADD ("source", test_source);
  g_test_add_func ("/connection/descriptors", test_descriptors);
  g_test_add_func ("/connection/descriptors/too-many", test_too_many_descriptors);
  g_test_add ("/connection/descriptors/flood-slowly", Fixture, GSIZE_TO_POINTER (1),
              set_up, test_descriptor_flood, tear_down);
  g_test_add ("/connection/descriptors/flood", Fixture, GSIZE_TO_POINTER (32),
              set_up, test_descriptor_flood, tear_down);
  g_test_add_data_func ("/connection/format/gvariant", GINT_TO_POINTER (MP_FORMAT_GVARIANT),
                        test_formats);
  g_test_add_data_func ("/connection/format/bytes", GINT_TO_POINTER (MP_FORMAT_BYTES),
                        test_formats);
  g_test_add_data_func ("/connection/format/json", GINT_TO_POINTER (MP_FORMAT_JSON), test_formats);
  g_test_add_data_func ("/connection/format/pickle", GINT_TO_POINTER (MP_FORMAT_PICKLE),
                        test_formats);
  ADD ("share", test_share);
  ADD ("share/read-ahead", test_share_read_ahead);
  g_test_add_func ("/connection/share/nonsense", test_restore_nonsense);
  ADD ("peer-credentials", test_peer);
  g_test_add_func ("/connection/threads", test_threads);
  g_test_add_func ("/connection/nothing-left", test_nothing_left);
  g_test_add_func ("/connection/datagrams-refused", test_datagrams_refused);

  return g_test_run ();
}
