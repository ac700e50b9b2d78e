/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Threads that close what others send on, and cancellations before anything is dispatched. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "test-fork.h"

#define N_ROUNDS   2000
#define LARGE_SIZE (1024 * 1024)

typedef struct
{
  MpConnection *own;
  MpConnection *peer;
} Pair;

static void
pair_init (Pair *pair)
{
  g_autoptr (GError) error = NULL;

  mp_pipe (TRUE, &pair->own, &pair->peer, &error);
  g_assert_no_error (error);
}

static void
pair_clear (Pair *pair)
{
  g_assert_finalize_object (pair->own);
  g_assert_finalize_object (pair->peer);
}

/* --- Closing --------------------------------------------------------------------------------- */

static gpointer
send_in_thread (gpointer connection)
{
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (LARGE_SIZE), LARGE_SIZE);
  g_autoptr (GError) error = NULL;

  g_assert_false (mp_connection_send_bytes (connection, bytes, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  return NULL;
}

/* At any moment of a send that waits for room. */
static void
test_close_in_send (void)
{
  for (guint i = 0; i < N_ROUNDS; i++)
    {
      Pair     pair;
      GThread *thread;

      pair_init (&pair);
      thread = g_thread_new ("send", send_in_thread, pair.own);
      /* In every other round a part of the message is on its way. */
      if (i % 2 != 0)
        g_assert_true (mp_connection_poll (pair.peer, -1, NULL, NULL));
      for (guint n = 0; n < i % 50; n++)
        g_thread_yield ();
      mp_connection_close (pair.own, NULL);
      g_thread_join (thread);
      pair_clear (&pair);
    }
}

/* A part of the message is sent, and the rest is left to a later flush. */
static void
test_close_before_flush (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (LARGE_SIZE), LARGE_SIZE);
  g_autoptr (GError) error = NULL;
  Pair pair;

  pair_init (&pair);
  g_assert_true (mp_connection_send_bytes (pair.own, bytes, 0, NULL, NULL));
  g_assert_true (mp_connection_close (pair.own, NULL));
  g_assert_false (mp_connection_flush (pair.own, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  pair_clear (&pair);
}

static gpointer
flush_in_thread (gpointer connection)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (mp_connection_flush (connection, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  return NULL;
}

/* What close () drops was not sent, also for a flush that has begun. */
static void
test_close_in_flush (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (LARGE_SIZE), LARGE_SIZE);

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      Pair     pair;
      GThread *thread;

      pair_init (&pair);
      g_assert_true (mp_connection_send_bytes (pair.own, bytes, 0, NULL, NULL));
      thread = g_thread_new ("flush", flush_in_thread, pair.own);
      for (guint n = 0; n < i % 50; n++)
        g_thread_yield ();
      mp_connection_close (pair.own, NULL);
      g_thread_join (thread);
      pair_clear (&pair);
    }
}

static gpointer
close_in_thread (gpointer connection)
{
  mp_connection_close (connection, NULL);
  return NULL;
}

static void
sent_cb (GObject      *connection,
         GAsyncResult *result,
         gpointer      user_data)
{
  mp_connection_send_finish (MP_CONNECTION (connection), result, NULL);
  ++*(guint *) user_data;
}

/* A task that is begun while another thread closes ends. */
static void
test_close_in_send_async (void)
{
  for (guint i = 0; i < N_ROUNDS; i++)
    {
      guint    n_sent = 0;
      Pair     pair;
      GThread *thread;

      pair_init (&pair);
      thread = g_thread_new ("close", close_in_thread, pair.own);
      for (guint n = 0; n < 10; n++)
        mp_connection_send_async (pair.own, g_variant_new_uint32 (n), G_PRIORITY_DEFAULT, NULL,
                                  sent_cb, &n_sent);
      g_thread_join (thread);
      test_iterate_until (n_sent == 10);
      pair_clear (&pair);
    }
}

/* --- Cancelling ------------------------------------------------------------------------------ */

typedef struct
{
  guint   n_done;
  guint   n_cancelled;
  guint32 sum;
} Results;

static void
received_cb (GObject      *connection,
             GAsyncResult *result,
             gpointer      user_data)
{
  Results *results = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = mp_connection_recv_finish (MP_CONNECTION (connection), result,
                                                          &error);

  if (value != NULL)
    {
      results->n_done++;
      results->sum += g_variant_get_uint32 (value);
      return;
    }
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  results->n_cancelled++;
}

/* Of ten receives, every other one is cancelled before the main loop runs.  The five messages are
 * for the others. */
static void
test_cancelled_receives (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Results results = { 0 };
  Pair    pair;

  pair_init (&pair);
  for (guint i = 0; i < 10; i++)
    mp_connection_recv_async (pair.peer, G_PRIORITY_DEFAULT, i % 2 == 1 ? cancellable : NULL,
                              received_cb, &results);
  g_cancellable_cancel (cancellable);
  for (guint i = 0; i < 5; i++)
    g_assert_true (mp_connection_send (pair.own, g_variant_new_uint32 (1 << i), -1, NULL, NULL));
  test_iterate_until (results.n_done + results.n_cancelled == 10);
  g_assert_cmpuint (results.n_done, ==, 5);
  g_assert_cmpuint (results.sum, ==, 31);
  pair_clear (&pair);
}

static void
maybe_sent_cb (GObject      *connection,
               GAsyncResult *result,
               gpointer      user_data)
{
  Results *results = user_data;
  g_autoptr (GError) error = NULL;

  if (mp_connection_send_finish (MP_CONNECTION (connection), result, &error))
    {
      results->n_done++;
      return;
    }
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  results->n_cancelled++;
}

/* The same for sends, whose messages leave together. */
static void
test_cancelled_sends (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Results results = { 0 };
  guint32 sum = 0;
  Pair    pair;

  pair_init (&pair);
  for (guint i = 0; i < 10; i++)
    mp_connection_send_async (pair.own, g_variant_new_uint32 (1 << i), G_PRIORITY_HIGH,
                              i % 2 == 1 ? cancellable : NULL, maybe_sent_cb, &results);
  g_cancellable_cancel (cancellable);
  test_iterate_until (results.n_done + results.n_cancelled == 10);
  g_assert_cmpuint (results.n_done, ==, 5);
  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (GVariant) value = mp_connection_recv (pair.peer, 0, NULL, &error);

      g_assert_no_error (error);
      sum += g_variant_get_uint32 (value);
    }
  g_assert_cmpuint (sum, ==, 1 + 4 + 16 + 64 + 256);
  g_assert_null (mp_connection_recv (pair.peer, 0, NULL, NULL));
  pair_clear (&pair);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/connection-races/close/send", test_close_in_send);
  g_test_add_func ("/connection-races/close/before-flush", test_close_before_flush);
  g_test_add_func ("/connection-races/close/flush", test_close_in_flush);
  g_test_add_func ("/connection-races/close/send-async", test_close_in_send_async);
  g_test_add_func ("/connection-races/cancelled/receives", test_cancelled_receives);
  g_test_add_func ("/connection-races/cancelled/sends", test_cancelled_sends);

  return g_test_run ();
}
