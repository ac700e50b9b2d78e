/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test-fork.h"

/* All combinations of what the peer does, where in a message it does it, and how the message is
 * received: the receiver gets the right error, and loses no later data. */

#define LARGE 0x20000

/* How much of a message has arrived, and how much is still to come. */
typedef struct
{
  const char *name;
  const char *bytes;
  gsize       length;
  const char *rest;
  gsize       rest_length;
  gsize       n_zeros;
  gsize       message_length;
} State;

#define STATE(name, bytes, rest, n_zeros, message_length)                         \
  {                                                                               \
    name, bytes, sizeof bytes - 1, rest, sizeof rest - 1, n_zeros, message_length \
  }

static const State states[] = {
  STATE ("nothing", "", "\0\0\0\5hello", 0, 5),
  STATE ("header", "\0\0", "\0\5hello", 0, 5),
  STATE ("after-header", "\0\0\0\5", "hello", 0, 5),
  STATE ("after-escape", "\377\377\377\377", "\0\0\0\0\0\0\0\5hello", 0, 5),
  STATE ("long-header", "\377\377\377\377\0\0\0", "\0\0\0\0\5hello", 0, 5),
  STATE ("after-long-header", "\377\377\377\377\0\0\0\0\0\0\0\5", "hello", 0, 5),
  STATE ("payload", "\0\0\0\5he", "llo", 0, 5),
  STATE ("large-payload", "\0\2\0\0hello", "", LARGE - 5, LARGE),
};

typedef struct
{
  MpConnection *connection;
  int           peer;
  pid_t         child;
} Fixture;

typedef struct
{
  const char *name;

  /* Makes the peer do it, and returns the error that the receiver is to get; FALSE if the receiver
   * has to stop by itself. */
  gboolean (*happen) (Fixture     *fixture,
                      const State *state,
                      GError     **expected);
} Event;

/* Receives; with @stop, only for a moment. */
typedef struct
{
  const char *name;
  GBytes *(*receive) (Fixture *fixture,
                      gboolean stop,
                      GError **error);
} Way;

typedef struct
{
  const State *state;
  const Event *event;
  const Way   *way;
} Case;

static void
write_all (int         fd,
           const char *bytes,
           gsize       length)
{
  g_assert_cmpint (write (fd, bytes, length), ==, length);
}

static void
close_peer (Fixture *fixture)
{
  close (fixture->peer);
  fixture->peer = -1;
}

static void
set_gone (const State *state,
          GError     **expected)
{
  int code = state->length == 0 ? MP_ERROR_END_OF_STREAM : MP_ERROR_TRUNCATED;

  g_set_error_literal (expected, MP_ERROR, code, "");
}

static gboolean
closes (Fixture     *fixture,
        const State *state,
        GError     **expected)
{
  close_peer (fixture);
  set_gone (state, expected);
  return TRUE;
}

static int
hold (gpointer data)
{
  pause ();
  return 0;
}

/* The last descriptor of the peer is in a process that is killed. */
static gboolean
dies (Fixture     *fixture,
      const State *state,
      GError     **expected)
{
  pid_t child = test_fork (hold, NULL);

  close_peer (fixture);
  test_kill (child);
  set_gone (state, expected);
  return TRUE;
}

/* The kernel resets the connection if the peer closes it without having read all data. */
static gboolean
resets (Fixture     *fixture,
        const State *state,
        GError     **expected)
{
  g_assert_true (mp_connection_send_data (fixture->connection, NULL, 0, -1, NULL, NULL));
  close_peer (fixture);
  g_set_error_literal (expected, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, "");
  return TRUE;
}

static gboolean
is_silent (Fixture     *fixture,
           const State *state,
           GError     **expected)
{
  return FALSE;
}

static GBytes *
receive_blocking (Fixture *fixture,
                  gboolean stop,
                  GError **error)
{
  return mp_connection_recv_bytes (fixture->connection, -1, stop ? 2000 : TEST_TIMEOUT_US, NULL,
                                   error);
}

static GBytes *
receive_into (Fixture *fixture,
              gboolean stop,
              GError **error)
{
  g_autofree guint8 *buffer = g_malloc (LARGE);
  gssize             length = mp_connection_recv_into (fixture->connection, buffer, LARGE, 0,
                                           stop ? 2000 : TEST_TIMEOUT_US, NULL, error);

  return length >= 0 ? g_bytes_new_take (g_steal_pointer (&buffer), (gsize) length) : NULL;
}

static void
done_cb (GObject      *object,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_set_object ((GAsyncResult **) user_data, result);
}

static GBytes *
receive_async (Fixture *fixture,
               gboolean stop,
               GError **error)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;

  mp_connection_recv_bytes_async (fixture->connection, -1, G_PRIORITY_DEFAULT, cancellable, done_cb,
                                  &result);
  if (stop)
    {
      test_drain_context ();
      g_assert_null (result);
      g_cancellable_cancel (cancellable);
    }
  test_iterate_until (result != NULL);
  return mp_connection_recv_bytes_finish (fixture->connection, result, error);
}

static void
message_cb (MpConnection *connection,
            MpMessage    *message,
            gpointer      user_data)
{
  *(GBytes **) user_data = mp_message_get_bytes (message, NULL);
}

static void
closed_cb (MpConnection *connection,
           const GError *reason,
           gpointer      user_data)
{
  *(GError **) user_data = g_error_copy (reason);
}

static GBytes *
receive_by_signal (Fixture *fixture,
                   gboolean stop,
                   GError **error)
{
  GBytes *bytes = NULL;
  GError *reason = NULL;
  gulong  message, end;

  message = g_signal_connect (fixture->connection, "message", G_CALLBACK (message_cb), &bytes);
  end = g_signal_connect (fixture->connection, "closed", G_CALLBACK (closed_cb), &reason);
  mp_connection_start (fixture->connection, G_PRIORITY_DEFAULT_IDLE);
  if (stop)
    test_drain_context ();
  else
    test_iterate_until (bytes != NULL || reason != NULL);
  mp_connection_stop (fixture->connection);
  g_signal_handler_disconnect (fixture->connection, message);
  g_signal_handler_disconnect (fixture->connection, end);

  if (reason == NULL)
    return bytes != NULL ? bytes : receive_blocking (fixture, stop, error);

  g_assert_true (mp_connection_get_closed (fixture->connection));
  g_propagate_error (error, reason);
  return NULL;
}

static const Event events[] = {
  { "closes", closes },
  { "dies", dies },
  { "resets", resets },
  { "is-silent", is_silent },
};

static const Way ways[] = {
  { "blocking", receive_blocking },
  { "into", receive_into },
  { "async", receive_async },
  { "signal", receive_by_signal },
};

static void
set_up (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  fixture->connection = mp_connection_new_for_fd (fds[0], TRUE, TRUE, &error);
  g_assert_no_error (error);
  mp_connection_set_format (fixture->connection, MP_FORMAT_BYTES);
  fixture->peer = fds[1];
}

static gpointer
write_rest (gpointer data)
{
  const State     *state = ((gpointer *) data)[1];
  Fixture         *fixture = ((gpointer *) data)[0];
  g_autofree char *zeros = g_malloc0 (state->n_zeros);

  write_all (fixture->peer, state->rest, state->rest_length);
  write_all (fixture->peer, zeros, state->n_zeros);
  return NULL;
}

/* The message is received completely after the interrupted wait. */
static void
check_goes_on (Fixture    *fixture,
               const Case *test)
{
  gpointer data[] = { fixture, (gpointer) test->state };
  GThread *thread = g_thread_new ("peer", write_rest, data);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = test->way->receive (fixture, FALSE, &error);
  gsize       length;
  const char *payload = g_bytes_get_data (bytes, &length);

  g_assert_no_error (error);
  g_assert_cmpuint (length, ==, test->state->message_length);
  g_assert_cmpmem (payload, 5, "hello", 5);
  g_thread_join (thread);
}

static void
test_case (gconstpointer data)
{
  const Case *test = data;
  g_autoptr (GError) expected = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;
  Fixture fixture = {
    0,
  };
  gboolean ends;

  set_up (&fixture);
  write_all (fixture.peer, test->state->bytes, test->state->length);
  ends = test->event->happen (&fixture, test->state, &expected);

  bytes = test->way->receive (&fixture, !ends, &error);
  g_assert_null (bytes);
  if (ends)
    {
      g_assert_error (error, expected->domain, expected->code);
    }
  else
    {
      g_assert_true (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ||
                     g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
      check_goes_on (&fixture, test);
      close (fixture.peer);
    }

  g_assert_finalize_object (fixture.connection);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize s = 0; s < G_N_ELEMENTS (states); s++)
    for (gsize e = 0; e < G_N_ELEMENTS (events); e++)
      for (gsize w = 0; w < G_N_ELEMENTS (ways); w++)
        {
          Case             test = { &states[s], &events[e], &ways[w] };
          g_autofree char *path = g_strdup_printf ("/connection-states/%s/%s/%s", states[s].name,
                                                   events[e].name, ways[w].name);

          g_test_add_data_func_full (path, g_memdup2 (&test, sizeof test), test_case, g_free);
        }

  return g_test_run ();
}
