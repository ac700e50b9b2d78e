/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "queue/numbers.h"
#include "test-fork.h"
#include "test-server.h"

/* Main loops and servers that do not answer.  The server is stopped, and it is the main loop that
 * lets it continue: a call that waited for the server would never return, or fail at its
 * timeout. */

/* How often the main loop runs while the server is stopped and all calls are under way. */
#define N_TURNS 50

typedef struct
{
  TestServer *server;
  MpQueue    *queue;
  guint       n_begun;
  guint       n_ended;
  guint       n_turns;
  guint       n_at_turns[N_TURNS + 1]; /* how many calls had ended */
} Run;

static TestServer *server;

static MpQueue *
open_queue (const char *name)
{
  g_autofree char *uri = test_server_make_uri (server, name, "&mode=joinable&timeout=100");
  g_autoptr (GError) error = NULL;
  MpQueue *queue = mp_queue_open (uri, NULL, &error);

  g_assert_no_error (error);
  return queue;
}

static MpMessage *
make_message (gint64 value)
{
  return mp_message_new_variant (g_variant_new_int64 (value));
}

static GPtrArray *
make_messages (guint n)
{
  GPtrArray *messages = g_ptr_array_new_with_free_func ((GDestroyNotify) mp_message_unref);

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (messages, make_message (i));
  return messages;
}

/* --- Calls --------------------------------------------------------------------------------- */

static void
put_many_cb (GObject      *object,
             GAsyncResult *result,
             gpointer      user_data)
{
  Run  *run = user_data;
  guint n_put;
  g_autoptr (GError) error = NULL;

  mp_queue_put_many_finish (run->queue, result, &n_put, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_put, ==, 10);
  run->n_ended++;
}

static void
get_many_cb (GObject      *object,
             GAsyncResult *result,
             gpointer      user_data)
{
  Run *run = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) messages = mp_queue_get_many_finish (run->queue, result, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (messages->len, >, 0);
  run->n_ended++;
}

static void
get_tasks_cb (GObject      *object,
              GAsyncResult *result,
              gpointer      user_data)
{
  Run  *run = user_data;
  gsize n;
  g_autoptr (GError) error = NULL;
  g_autofree MpTask **tasks = mp_joinable_queue_get_tasks_finish (MP_JOINABLE_QUEUE (run->queue),
                                                                  result, &n, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (n, >, 0);
  for (gsize i = 0; i < n; i++)
    g_object_unref (tasks[i]);
  run->n_ended++;
}

static void
finish_tasks_cb (GObject      *object,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  Run *run = user_data;
  g_autoptr (GError) error = NULL;

  mp_joinable_queue_finish_tasks_finish (MP_JOINABLE_QUEUE (run->queue), result, &error);
  g_assert_no_error (error);
  run->n_ended++;
}

static void
done_cb (GObject      *object,
         GAsyncResult *result,
         gpointer      user_data)
{
  Run *run = user_data;
  g_autoptr (GError) error = NULL;

  mp_task_done_finish (MP_TASK (object), result, &error);
  g_assert_no_error (error);
  run->n_ended++;
}

static void
retry_cb (GObject      *object,
          GAsyncResult *result,
          gpointer      user_data)
{
  Run *run = user_data;
  g_autoptr (GError) error = NULL;

  mp_task_retry_finish (MP_TASK (object), result, &error);
  g_assert_no_error (error);
  run->n_ended++;
}

static void
oldest_done_cb (GObject      *object,
                GAsyncResult *result,
                gpointer      user_data)
{
  Run *run = user_data;
  g_autoptr (GError) error = NULL;

  mp_joinable_queue_task_done_finish (MP_JOINABLE_QUEUE (object), result, &error);
  g_assert_no_error (error);
  run->n_ended++;
}

static void
clear_cb (GObject      *object,
          GAsyncResult *result,
          gpointer      user_data)
{
  Run *run = user_data;
  g_autoptr (GError) error = NULL;

  mp_queue_clear_finish (run->queue, result, &error);
  g_assert_no_error (error);
  run->n_ended++;
}

static void
shutdown_cb (GObject      *object,
             GAsyncResult *result,
             gpointer      user_data)
{
  Run *run = user_data;
  g_autoptr (GError) error = NULL;

  mp_queue_shutdown_finish (run->queue, result, &error);
  g_assert_no_error (error);
  run->n_ended++;
}

/* --- A server that is stopped --------------------------------------------------------------- */

/* Counts the turns of the main loop, and lets the server continue after some. */
static gboolean
turn_cb (gpointer user_data)
{
  Run *run = user_data;

  run->n_at_turns[run->n_turns++] = run->n_ended;
  if (run->n_turns < N_TURNS)
    return G_SOURCE_CONTINUE;
  kill (run->server->pid, SIGCONT);
  return G_SOURCE_REMOVE;
}

static MpTask *
get_task (Run *run)
{
  g_autoptr (GError) error = NULL;
  MpTask *task = mp_joinable_queue_get_task (MP_JOINABLE_QUEUE (run->queue), TEST_TIMEOUT_US, NULL,
                                             &error);

  g_assert_no_error (error);
  return task;
}

static void
begin_all (Run    *run,
           MpTask *tasks[4])
{
  MpJoinableQueue *queue = MP_JOINABLE_QUEUE (run->queue);
  g_autoptr (GPtrArray) messages = make_messages (10);

  mp_queue_put_many_async (run->queue, messages, 0, NULL, put_many_cb, run);
  mp_queue_get_many_async (run->queue, 3, 0, NULL, get_many_cb, run);
  mp_joinable_queue_get_tasks_async (queue, 3, 0, NULL, get_tasks_cb, run);
  mp_task_done_async (tasks[0], 0, NULL, done_cb, run);
  mp_task_retry_async (tasks[1], 0, NULL, retry_cb, run);
  mp_joinable_queue_finish_tasks_async (queue, tasks + 2, 2, 0, NULL, finish_tasks_cb, run);
  mp_joinable_queue_task_done_async (queue, 0, NULL, oldest_done_cb, run);
  mp_queue_clear_async (run->queue, 0, NULL, clear_cb, run);
  mp_queue_shutdown_async (run->queue, FALSE, 0, NULL, shutdown_cb, run);
  run->n_begun = 9;
}

/* While the server is stopped, every call returns at once, and so does dropping a task. */
static void
test_stopped (void)
{
  Run     run = { .server = server, .queue = open_queue ("stopped") };
  MpTask *tasks[4], *dropped;

  for (int i = 0; i < 20; i++)
    put_int (run.queue, i);
  for (guint i = 0; i < G_N_ELEMENTS (tasks); i++)
    tasks[i] = get_task (&run);
  dropped = get_task (&run);
  get_int (run.queue);

  kill (server->pid, SIGSTOP);
  begin_all (&run, tasks);
  g_assert_finalize_object (dropped);
  g_idle_add (turn_cb, &run);
  test_iterate_until (run.n_ended == run.n_begun);
  g_assert_cmpuint (run.n_turns, ==, N_TURNS);
  g_assert_cmpuint (run.n_at_turns[N_TURNS - 1], ==, 0);

  for (guint i = 0; i < G_N_ELEMENTS (tasks); i++)
    g_assert_finalize_object (tasks[i]);
  g_assert_finalize_object (run.queue);
}

/* --- Errors ---------------------------------------------------------------------------------- */

typedef struct
{
  GError *error;
  guint   n_put;
  gint64  n_cleared;
} Outcome;

static void
failed_done_cb (GObject      *object,
                GAsyncResult *result,
                gpointer      user_data)
{
  Outcome *outcome = user_data;

  g_assert_false (mp_task_done_finish (MP_TASK (object), result, &outcome->error));
}

static void
failed_clear_cb (GObject      *object,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  Outcome *outcome = user_data;

  outcome->n_cleared = mp_queue_clear_finish (MP_QUEUE (object), result, &outcome->error);
}

/* A call that has no timeout of its own ends after the one of the address; a cancelled one at
 * once.  The connection is usable afterwards. */
static void
test_no_answer (void)
{
  g_autofree char *uri = test_server_make_uri (server, "late", "&mode=joinable&timeout=0.5");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  MpQueue *queue = mp_queue_open (uri, NULL, NULL);
  Run      run = { .server = server, .queue = queue };
  Outcome  outcome = { 0 };
  MpTask  *task;

  put_int (queue, 1);
  task = get_task (&run);
  kill (server->pid, SIGSTOP);
  mp_queue_clear_async (queue, 0, NULL, failed_clear_cb, &outcome);
  test_iterate_until (outcome.error != NULL);
  g_assert_error (outcome.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (outcome.n_cleared, ==, -1);
  g_clear_error (&outcome.error);

  mp_task_done_async (task, 0, cancellable, failed_done_cb, &outcome);
  g_cancellable_cancel (cancellable);
  test_iterate_until (outcome.error != NULL);
  g_assert_error (outcome.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&outcome.error);

  kill (server->pid, SIGCONT);
  put_int (queue, 2);
  g_assert_cmpint (get_int (queue), ==, 2);
  g_assert_finalize_object (task);
  g_assert_finalize_object (queue);
}

/* --- Offers ---------------------------------------------------------------------------------- */

static int
sleep_in_get (gpointer data)
{
  g_autofree char *uri = test_server_make_uri (server, "offers", "&mode=joinable");
  g_autoptr (MpQueue) queue = mp_queue_open (uri, NULL, NULL);
  g_autoptr (MpTask) task = NULL;
  int fd = GPOINTER_TO_INT (data);

  if (write (fd, "r", 1) != 1)
    return 1;
  task = mp_joinable_queue_get_task (MP_JOINABLE_QUEUE (queue), TEST_TIMEOUT_US, NULL, NULL);
  return task != NULL && mp_task_done (task, NULL) ? 0 : 2;
}

static gboolean
has_waiters (guint n)
{
  g_autofree char *reply = test_server_command (server, "ZCARD mp1:{offers}:i");
  g_autofree char *expected = g_strdup_printf (":%u", n);

  return g_str_has_prefix (reply, expected);
}

/* A process that is stopped while it waits is given a message; another one gets that nevertheless,
 * and the process waits on when it continues. */
static void
test_offer_to_stopped (void)
{
  MpQueue *queue = open_queue ("offers");
  int      fds[2];
  char     byte;
  pid_t    child;

  g_assert_cmpint (pipe (fds), ==, 0);
  child = test_fork (sleep_in_get, GINT_TO_POINTER (fds[1]));
  g_assert_cmpint (read (fds[0], &byte, 1), ==, 1);
  test_wait_until (has_waiters (1));
  kill (child, SIGSTOP);

  put_int (queue, 1);
  g_assert_cmpint (get_int (queue), ==, 1);
  g_assert_true (mp_joinable_queue_task_done (MP_JOINABLE_QUEUE (queue), NULL));
  kill (child, SIGCONT);
  put_int (queue, 2);
  test_wait_child (child, 0);
  g_assert_true (mp_joinable_queue_join (MP_JOINABLE_QUEUE (queue), TEST_TIMEOUT_US, NULL, NULL));
  close (fds[0]);
  close (fds[1]);
  g_assert_finalize_object (queue);
}

static void
add_tests (void)
{
  g_test_add_func ("/redis-async/stopped", test_stopped);
  g_test_add_func ("/redis-async/no-answer", test_no_answer);
  g_test_add_func ("/redis-async/offer-to-stopped", test_offer_to_stopped);
}

int
main (int    argc,
      char **argv)
{
  return test_server_run_tests (argc, argv, &server, add_tests);
}
