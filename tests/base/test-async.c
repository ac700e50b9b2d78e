/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Results of asynchronous calls that a program keeps must not hold sources: GLib would keep each of
 * them in the list of the main context, and each iteration would take longer.  Results of failed
 * calls must not hold descriptors either. */

#include <mproc-glib/mproc-glib.h>

#include "source-count.h"
#include "test-usage.h"

#define ROUNDS 10000

/* The number of calls for which a peer or a process has to be created each time. */
#define DEAR_ROUNDS 100

/* The number of sources that a context, a queue or a listener has during its lifetime. */
#define LASTING 8

typedef struct
{
  GPtrArray *results;
  guint      n_done;
  int        before;
  int        fds_before;
} Fixture;

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->results = g_ptr_array_new_with_free_func (g_object_unref);
  fixture->before = test_count_sources ();
  fixture->fds_before = test_count_fds ();
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  g_assert_cmpint (test_count_sources () - fixture->before, <=, LASTING);
  g_ptr_array_unref (fixture->results);
}

static void
tear_down_failed (Fixture      *fixture,
                  gconstpointer data)
{
  g_assert_cmpint (test_count_fds (), <=, fixture->fds_before + LASTING);
  tear_down (fixture, data);
}

static void
keep_cb (GObject      *object,
         GAsyncResult *result,
         gpointer      user_data)
{
  Fixture *fixture = user_data;

  g_ptr_array_add (fixture->results, g_object_ref (result));
  fixture->n_done++;
}

static void
wait_for (Fixture *fixture,
          guint    n_done)
{
  while (fixture->n_done < n_done)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_connection (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;

  mp_pipe (TRUE, &first, &second, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < ROUNDS; i++)
    {
      mp_connection_recv_async (second, 0, cancellable, keep_cb, fixture);
      g_main_context_iteration (NULL, FALSE);
      mp_connection_send_async (first, g_variant_new_uint32 (i), 0, cancellable, keep_cb, fixture);
      wait_for (fixture, 2 * (i + 1));
    }
}

static void
test_connection_cancelled (Fixture      *fixture,
                           gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;

  mp_pipe (TRUE, &first, &second, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < ROUNDS; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();

      mp_connection_recv_async (second, 0, cancellable, keep_cb, fixture);
      g_main_context_iteration (NULL, FALSE);
      g_cancellable_cancel (cancellable);
      wait_for (fixture, i + 1);
    }
}

static void
test_queue (Fixture      *fixture,
            gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (MpQueue) queue = mp_queue_new (1, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < ROUNDS; i++)
    {
      mp_queue_get_async (queue, 0, cancellable, keep_cb, fixture);
      mp_queue_put_async (queue, g_variant_new_uint32 (i), 0, cancellable, keep_cb, fixture);
      mp_queue_put_async (queue, g_variant_new_uint32 (i), 0, cancellable, keep_cb, fixture);
      wait_for (fixture, 4 * i + 3);
      mp_queue_get_async (queue, 0, cancellable, keep_cb, fixture);
      wait_for (fixture, 4 * i + 4);
    }
}

static void
test_tasks (Fixture      *fixture,
            gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (MpJoinableQueue) queue = mp_joinable_queue_new (0, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < ROUNDS; i++)
    {
      g_autoptr (MpTask) task = NULL;

      mp_joinable_queue_get_task_async (queue, 0, cancellable, keep_cb, fixture);
      mp_queue_put (MP_QUEUE (queue), g_variant_new_uint32 (i), -1, NULL, &error);
      mp_joinable_queue_join_async (queue, 0, cancellable, keep_cb, fixture);
      wait_for (fixture, 2 * i + 1);
      task = mp_joinable_queue_get_task_finish (
        queue, g_ptr_array_index (fixture->results, fixture->results->len - 1), &error);
      g_assert_no_error (error);
      mp_task_done (task, &error);
      wait_for (fixture, 2 * i + 2);
    }
}

static void
test_wait (Fixture      *fixture,
           gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  MpWaitable *objects[1];

  mp_pipe (TRUE, &first, &second, &error);
  objects[0] = MP_WAITABLE (second);
  for (guint i = 0; i < ROUNDS; i++)
    {
      g_autoptr (GVariant) value = NULL;

      mp_wait_async (objects, 1, -1, 0, cancellable, keep_cb, fixture);
      g_main_context_iteration (NULL, FALSE);
      mp_connection_send (first, g_variant_new_uint32 (i), -1, NULL, &error);
      wait_for (fixture, i + 1);
      value = mp_connection_recv (second, -1, NULL, &error);
      g_assert_no_error (error);
    }
}

static void
test_wait_cancelled (Fixture      *fixture,
                     gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  MpWaitable *objects[1];

  mp_pipe (TRUE, &first, &second, &error);
  g_assert_no_error (error);
  objects[0] = MP_WAITABLE (second);
  for (guint i = 0; i < DEAR_ROUNDS; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();

      mp_wait_async (objects, 1, -1, 0, cancellable, keep_cb, fixture);
      g_main_context_iteration (NULL, FALSE);
      g_cancellable_cancel (cancellable);
      wait_for (fixture, i + 1);
    }
}

/* Each is cancelled during its handshake, while the socket is open. */
static void
test_connector_cancelled (Fixture      *fixture,
                          gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) key = g_bytes_new_static ("secret", 6);
  g_autoptr (MpListener) listener = mp_listener_new ("unix:", NULL, &error);
  g_autoptr (MpConnector) connector = NULL;
  g_autofree char *address = NULL;

  g_assert_no_error (error);
  address = mp_listener_get_address (listener);
  connector = mp_connector_new (address, key);
  for (guint i = 0; i < DEAR_ROUNDS; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();

      mp_connector_open_async (connector, 0, cancellable, keep_cb, fixture);
      g_main_context_iteration (NULL, FALSE);
      g_cancellable_cancel (cancellable);
      wait_for (fixture, i + 1);
    }
}

static void
test_listener (Fixture      *fixture,
               gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) key = g_bytes_new_static ("secret", 6);
  g_autoptr (MpListener) listener = mp_listener_new ("unix:", key, &error);
  g_autoptr (MpConnector) connector = NULL;
  g_autofree char *address = NULL;

  g_assert_no_error (error);
  address = mp_listener_get_address (listener);
  connector = mp_connector_new (address, key);
  for (guint i = 0; i < DEAR_ROUNDS; i++)
    {
      mp_listener_accept_async (listener, 0, cancellable, keep_cb, fixture);
      mp_connector_open_async (connector, 0, cancellable, keep_cb, fixture);
      wait_for (fixture, 2 * (i + 1));
    }
}

static void
test_process (Fixture      *fixture,
              gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  const char *const argv[] = { "true", NULL };

  for (guint i = 0; i < DEAR_ROUNDS; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MpProcess) process = mp_process_new (argv);

      mp_process_start (process, &error);
      g_assert_no_error (error);
      mp_process_join_async (process, 0, cancellable, keep_cb, fixture);
      wait_for (fixture, i + 1);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, function) \
  g_test_add ("/async/kept-results/" path, Fixture, NULL, set_up, function, tear_down)
#define ADD_FAILING(path, function) \
  g_test_add ("/async/kept-results/" path, Fixture, NULL, set_up, function, tear_down_failed)

  ADD ("connection", test_connection);
  ADD_FAILING ("connection/cancelled", test_connection_cancelled);
  ADD ("queue", test_queue);
  ADD ("tasks", test_tasks);
  ADD ("wait", test_wait);
  ADD_FAILING ("wait/cancelled", test_wait_cancelled);
  ADD_FAILING ("connector/cancelled", test_connector_cancelled);
  ADD ("listener", test_listener);
  ADD ("process", test_process);
  return g_test_run ();
}
