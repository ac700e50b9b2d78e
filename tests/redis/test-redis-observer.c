/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "test-server.h"

#include <signal.h>

/* Monitors of queues on a server.  What commands show of it is tested in Python. */

static TestServer *server;

static MpQueueMonitor *
make_monitor (const char *name,
              const char *parameters)
{
  g_autofree char *uri = test_server_make_uri (server, name, parameters);
  g_autoptr (GError) error = NULL;
  MpQueueMonitor *monitor = mp_queue_monitor_new_for_uri (uri, &error);

  g_assert_no_error (error);
  return monitor;
}

/* A joinable queue with three tasks. */
static MpJoinableQueue *
make_queue (const char *name)
{
  g_autofree char *uri = test_server_make_uri (server, name, "");
  g_autoptr (GError) error = NULL;
  MpJoinableQueue *queue = mp_joinable_queue_open (uri, NULL, &error);

  g_assert_no_error (error);
  for (int i = 0; i < 3; i++)
    mp_queue_put (MP_QUEUE (queue), g_variant_new_int32 (i), -1, NULL, &error);
  g_assert_no_error (error);
  return queue;
}

static guint
get_size (MpQueueMonitor *monitor)
{
  guint size;

  g_object_get (monitor, "size", &size, NULL);
  return size;
}

static void
count_cb (GObject    *object,
          GParamSpec *pspec,
          gpointer    user_data)
{
  (*(guint *) user_data)++;
}

/* Nothing is known before the first sample, and what becomes known is notified. */
static void
test_sample (void)
{
  g_autoptr (MpJoinableQueue) queue = make_queue ("sample");
  g_autoptr (MpTask) task = mp_joinable_queue_get_task (queue, -1, NULL, NULL);
  MpQueueMonitor *monitor = make_monitor ("sample", "");
  g_autoptr (MpQueueMonitor) other = NULL;
  g_autoptr (GVariant) processes = NULL;
  g_autoptr (GVariant) tasks = NULL;
  g_autoptr (GError) error = NULL;
  guint64 id, other_id;
  guint   n_ids = 0, n_sizes = 0;

  g_assert_false (mp_queue_monitor_knows (monitor, "size"));
  g_assert_true (mp_queue_monitor_knows (monitor, "name"));
  g_signal_connect (monitor, "notify::id", G_CALLBACK (count_cb), &n_ids);
  g_signal_connect (monitor, "notify::size", G_CALLBACK (count_cb), &n_sizes);
  for (int i = 0; i < 3; i++)
    g_assert_true (mp_queue_monitor_refresh (monitor, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n_ids, ==, 1);
  g_assert_cmpuint (n_sizes, ==, 1);
  g_assert_cmpuint (get_size (monitor), ==, 2);
  g_assert_true (mp_queue_monitor_knows (monitor, "size"));
  g_assert_false (mp_queue_monitor_knows (monitor, "memory"));
  processes = mp_queue_monitor_list_processes (monitor, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (processes), ==, 1);
  tasks = mp_queue_monitor_list_tasks (monitor, 10);
  g_assert_cmpuint (g_variant_n_children (tasks), ==, 1);

  /* By the object it is the same queue. */
  other = mp_queue_monitor_new_for_queue (MP_SHAREABLE (queue), &error);
  g_assert_no_error (error);
  g_assert_true (mp_queue_monitor_refresh (other, &error));
  g_object_get (monitor, "id", &id, NULL);
  g_object_get (other, "id", &other_id, NULL);
  g_assert_cmpuint (id, ==, other_id);

  g_assert_true (mp_task_done (task, NULL));
  g_assert_finalize_object (monitor);
}

static void
test_peek (void)
{
  g_autoptr (MpJoinableQueue) queue = make_queue ("peek");
  g_autoptr (MpQueueMonitor) monitor = make_monitor ("peek", "");
  g_autoptr (GPtrArray) messages = NULL;
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GError) error = NULL;
  guint64 next;

  g_assert_nonnull (queue);
  messages = mp_queue_monitor_peek (monitor, 1, 10, &next, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (messages->len, ==, 2);
  g_assert_cmpuint (next, ==, 3);
  none = mp_queue_monitor_peek (monitor, G_MAXUINT64, 10, &next, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (none->len, ==, 0);
  g_assert_cmpuint (next, ==, 3);
  g_assert_null (mp_queue_monitor_peek_task (monitor, 1, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

/* --- Without waiting ------------------------------------------------------------------------ */

typedef struct
{
  guint   n_refreshed;
  guint   n_failed;
  guint   n_messages;
  GError *error;
} Results;

static void
refreshed_cb (GObject      *monitor,
              GAsyncResult *result,
              gpointer      user_data)
{
  Results *results = user_data;

  g_clear_error (&results->error);
  if (mp_queue_monitor_refresh_finish (MP_QUEUE_MONITOR (monitor), result, &results->error))
    results->n_refreshed++;
  else
    results->n_failed++;
}

static void
peeked_cb (GObject      *monitor,
           GAsyncResult *result,
           gpointer      user_data)
{
  Results *results = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) messages =
    mp_queue_monitor_peek_finish (MP_QUEUE_MONITOR (monitor), result, NULL, &error);

  g_assert_no_error (error);
  results->n_messages += messages->len;
}

static void
iterate_until (const guint *count,
               guint        wanted)
{
  while (*count < wanted)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_async (void)
{
  g_autoptr (MpJoinableQueue) queue = make_queue ("async");
  g_autoptr (MpQueueMonitor) monitor = make_monitor ("async", "");
  Results results = { 0 };

  g_assert_nonnull (queue);
  mp_queue_monitor_refresh_async (monitor, G_PRIORITY_DEFAULT, NULL, refreshed_cb, &results);
  g_assert_cmpuint (results.n_refreshed, ==, 0);
  mp_queue_monitor_refresh_async (monitor, G_PRIORITY_DEFAULT, NULL, refreshed_cb, &results);
  iterate_until (&results.n_failed, 1);
  iterate_until (&results.n_refreshed, 1);
  mp_queue_monitor_peek_async (monitor, 0, 10, G_PRIORITY_DEFAULT, NULL, peeked_cb, &results);
  iterate_until (&results.n_messages, 3);
  g_assert_cmpuint (get_size (monitor), ==, 3);
  g_clear_error (&results.error);
}

/* A server that is stopped does not stop the main loop; the call ends at its deadline, or when it
 * is cancelled, and a late answer is not taken for another one. */
static void
test_stopped_server (void)
{
  g_autoptr (MpJoinableQueue) queue = make_queue ("stopped");
  g_autoptr (MpQueueMonitor) monitor = make_monitor ("stopped", "&timeout=0.1");
  g_autoptr (MpQueueMonitor) patient = make_monitor ("stopped", "");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Results results = { 0 };

  g_assert_nonnull (queue);
  g_assert_true (mp_queue_monitor_refresh (patient, &error));
  kill (server->pid, SIGSTOP);

  mp_queue_monitor_refresh_async (monitor, G_PRIORITY_DEFAULT, NULL, refreshed_cb, &results);
  iterate_until (&results.n_failed, 1);
  g_assert_error (results.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  mp_queue_monitor_refresh_async (patient, G_PRIORITY_DEFAULT, cancellable, refreshed_cb,
                                  &results);
  g_cancellable_cancel (cancellable);
  iterate_until (&results.n_failed, 2);
  g_assert_error (results.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  mp_queue_monitor_peek_async (patient, 0, 10, G_PRIORITY_DEFAULT, NULL, peeked_cb, &results);

  kill (server->pid, SIGCONT);
  g_clear_error (&results.error);
  iterate_until (&results.n_messages, 3);
  while (!mp_queue_monitor_refresh (monitor, NULL))
    continue;
  g_assert_true (mp_queue_monitor_refresh (patient, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (get_size (monitor), ==, 3);
}

/* A monitor may go while its question is under way, and others share its connection. */
static void
test_shared_connection (void)
{
  g_autoptr (MpJoinableQueue) one = make_queue ("shared-1");
  g_autoptr (MpJoinableQueue) two = make_queue ("shared-2");
  g_autofree char *uri = g_strdup_printf ("redis+unix://%s", server->path);
  g_autoptr (GPtrArray) monitors = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Results results = { 0 };

  g_assert_true (one != NULL && two != NULL);
  monitors = mp_queue_monitor_find_on_server (uri, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (monitors->len, >=, 2);
  for (guint turn = 0; turn < 10; turn++)
    {
      const guint before = results.n_refreshed;

      for (guint i = 0; i < monitors->len; i++)
        mp_queue_monitor_refresh_async (g_ptr_array_index (monitors, i), G_PRIORITY_DEFAULT, NULL,
                                        refreshed_cb, &results);
      iterate_until (&results.n_refreshed, before + monitors->len);
    }
  mp_queue_monitor_refresh_async (g_ptr_array_index (monitors, 0), G_PRIORITY_DEFAULT, cancellable,
                                  refreshed_cb, &results);
  g_cancellable_cancel (cancellable);
  iterate_until (&results.n_failed, 1);
  g_ptr_array_remove_index (monitors, 0);
  for (guint i = 0; i < monitors->len; i++)
    g_assert_true (mp_queue_monitor_refresh (g_ptr_array_index (monitors, i), &error));
  g_assert_no_error (error);
  g_clear_error (&results.error);
}

/* --- What is refused ------------------------------------------------------------------------ */

static void
test_refused (void)
{
  g_autofree char *missing = test_server_make_uri (server, "missing", "");
  g_autoptr (MpQueueMonitor) monitor = make_monitor ("missing", "");
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (mp_queue_monitor_refresh (monitor, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  none = mp_queue_monitor_find_on_server (missing, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (none->len, ==, 0);

  g_assert_null (mp_queue_monitor_new_for_uri ("ftp://host/?name=q", &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  g_assert_null (mp_queue_monitor_find_on_server ("local:tasks", NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  g_assert_null (mp_queue_monitor_new_for_uri ("local:no-such-queue", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static void
add_tests (void)
{
  g_test_add_func ("/redis-observer/sample", test_sample);
  g_test_add_func ("/redis-observer/peek", test_peek);
  g_test_add_func ("/redis-observer/async", test_async);
  g_test_add_func ("/redis-observer/stopped-server", test_stopped_server);
  g_test_add_func ("/redis-observer/shared-connection", test_shared_connection);
  g_test_add_func ("/redis-observer/refused", test_refused);
}

int
main (int   argc,
      char *argv[])
{
  return test_server_run_tests (argc, argv, &server, add_tests);
}
