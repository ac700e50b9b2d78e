/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Forks while threads send and receive on one connection in both directions: whatever those were in
 * the middle of, a child can send and close, or is refused, and the parent's messages arrive once,
 * whole and in order.
 *
 * Two processes may send at the same time only if their messages are written by one call each, so a
 * child sends nothing while the parent sends large ones. */

#include "config.h"

#include "test-fork.h"

#include <mproc-glib/mproc-glib.h>

#define N_ROUNDS      100
#define N_LONG_ROUNDS 5000

/* Large messages are larger than what a socket holds, so that forks happen inside of them. */
#define LARGE_SIZE  (600 * 1024)
#define SMALL_SIZE  64
#define LARGE_EVERY 8

/* Longer than a child takes. */
#define ALARM_SECONDS 120

/* The number of a message that a child has sent. */
#define OF_CHILD G_MAXUINT64

/* Messages in one direction. */
typedef struct
{
  MpConnection *from;
  MpConnection *to;
  gboolean      has_large;
  gint         *stops;
  gint          n_sent;
  gint          n_received;
  gint          n_of_children;
  gint          n_expected; /* of children; -1: not known yet */
} Lane;

typedef struct
{
  MpConnection *ends[2];
  Lane          lanes[2];
  gint          stops;
} Traffic;

typedef struct
{
  const char *path;
  gboolean    has_large;
  gboolean    reads_ahead;
} Case;

static gsize
get_size (Lane   *lane,
          guint64 number)
{
  return lane->has_large && number % LARGE_EVERY == 0 ? LARGE_SIZE : SMALL_SIZE;
}

static GBytes *
make_message (guint64 number,
              gsize   size)
{
  guint8 *data = g_malloc0 (size);

  memcpy (data, &number, sizeof number);
  return g_bytes_new_take (data, size);
}

static gpointer
send_thread (gpointer data)
{
  Lane *lane = data;

  for (guint64 i = 0; !g_atomic_int_get (lane->stops); i++)
    {
      g_autoptr (GBytes) message = make_message (i, get_size (lane, i));
      g_autoptr (GError) error = NULL;

      mp_connection_send_bytes (lane->from, message, -1, NULL, &error);
      g_assert_no_error (error);
      g_atomic_int_inc (&lane->n_sent);
    }
  return NULL;
}

static gboolean
is_over (Lane *lane)
{
  return g_atomic_int_get (lane->stops) && g_atomic_int_get (&lane->n_expected) >= 0 &&
         lane->n_received == g_atomic_int_get (&lane->n_sent) &&
         lane->n_of_children == g_atomic_int_get (&lane->n_expected);
}

static gpointer
receive_thread (gpointer data)
{
  Lane *lane = data;

  while (!is_over (lane))
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) message = mp_connection_recv_bytes (lane->to, -1, 1000, NULL, &error);
      guint64 number;

      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
        continue;
      g_assert_no_error (error);
      memcpy (&number, g_bytes_get_data (message, NULL), sizeof number);
      if (number == OF_CHILD)
        {
          lane->n_of_children++;
          continue;
        }
      g_assert_cmpuint (number, ==, lane->n_received);
      g_assert_cmpuint (g_bytes_get_size (message), ==, get_size (lane, number));
      g_atomic_int_inc (&lane->n_received);
    }
  return NULL;
}

/* Sends one small message at each end, unless a large one may be under way, and closes both.
 * Returns a bit for each that was sent. */
static int
use_in_child (gpointer data)
{
  Traffic *traffic = data;
  int      sent = 0;

  alarm (ALARM_SECONDS);
  for (guint i = 0; i < G_N_ELEMENTS (traffic->ends); i++)
    {
      g_autoptr (GBytes) message = make_message (OF_CHILD, SMALL_SIZE);
      g_autoptr (GError) error = NULL;

      if (traffic->lanes[i].has_large)
        mp_connection_flush (traffic->ends[i], 0, NULL, &error);
      else if (mp_connection_send_bytes (traffic->ends[i], message, 0, NULL, &error))
        sent |= 1 << i;
      else if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED) &&
               !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
        return 100;
      mp_connection_get_fd (traffic->ends[i]);
      mp_connection_close (traffic->ends[i], NULL);
    }
  return sent;
}

static void
begin_lane (Traffic    *traffic,
            const Case *one,
            guint       from,
            GThread    *threads[2])
{
  Lane *lane = &traffic->lanes[from];

  *lane = (Lane){ .from = traffic->ends[from],
                  .to = traffic->ends[1 - from],
                  .has_large = one->has_large,
                  .stops = &traffic->stops,
                  .n_expected = -1 };
  threads[0] = g_thread_new ("send", send_thread, lane);
  threads[1] = g_thread_new ("receive", receive_thread, lane);
}

static void
test_traffic (gconstpointer data)
{
  const Case *one = data;
  guint       n_rounds = g_getenv ("MP_TEST_LONG") != NULL ? N_LONG_ROUNDS : N_ROUNDS;
  Traffic     traffic = { .stops = FALSE };
  GThread    *threads[4];
  gint        n_sent[2] = { 0, 0 };
  g_autoptr (GError) error = NULL;

  mp_pipe (TRUE, &traffic.ends[0], &traffic.ends[1], &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 2; i++)
    {
      mp_connection_set_read_ahead (traffic.ends[i], one->reads_ahead);
      begin_lane (&traffic, one, i, threads + 2 * i);
    }

  for (guint i = 0; i < n_rounds; i++)
    {
      gint before = g_atomic_int_get (&traffic.lanes[i % 2].n_received);
      int  status;

      test_wait_until (g_atomic_int_get (&traffic.lanes[i % 2].n_received) != before);
      g_assert_cmpint (waitpid (test_fork (use_in_child, &traffic), &status, 0), >, 0);
      g_assert_true (WIFEXITED (status));
      g_assert_cmpint (WEXITSTATUS (status), <, 4);
      n_sent[0] += WEXITSTATUS (status) & 1;
      n_sent[1] += WEXITSTATUS (status) >> 1;
    }

  g_atomic_int_set (&traffic.stops, TRUE);
  g_thread_join (threads[0]);
  g_thread_join (threads[2]);
  for (guint i = 0; i < 2; i++)
    g_atomic_int_set (&traffic.lanes[i].n_expected, n_sent[i]);
  g_thread_join (threads[1]);
  g_thread_join (threads[3]);
  g_test_message ("%d and %d messages, %d and %d of %u children", traffic.lanes[0].n_sent,
                  traffic.lanes[1].n_sent, n_sent[0], n_sent[1], n_rounds);
  g_assert_finalize_object (traffic.ends[0]);
  g_assert_finalize_object (traffic.ends[1]);
}

int
main (int   argc,
      char *argv[])
{
  static const Case cases[] = {
    { "/fork-traffic/small/plain", FALSE, FALSE },
    { "/fork-traffic/small/read-ahead", FALSE, TRUE },
    { "/fork-traffic/large/plain", TRUE, FALSE },
    { "/fork-traffic/large/read-ahead", TRUE, TRUE },
  };

  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].path, &cases[i], test_traffic);

  return g_test_run ();
}
