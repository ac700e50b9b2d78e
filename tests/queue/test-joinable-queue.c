/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "numbers.h"
#include "each-backend.h"
#include "test-fork.h"

static MpJoinableQueue *
make_joinable (guint max_deliveries)
{
  g_autoptr (GError) error = NULL;
  MpJoinableQueue *queue = mp_joinable_queue_new_full (0, 0, max_deliveries, &error);

  g_assert_no_error (error);
  return queue;
}

static MpTask *
get_task (MpJoinableQueue *queue,
          gint64           expected,
          guint            expected_deliveries)
{
  g_autoptr (GError) error = NULL;
  MpTask *task = mp_joinable_queue_get_task (queue, TEST_TIMEOUT_US, NULL, &error);
  g_autoptr (GVariant) value = NULL;

  g_assert_no_error (error);
  value = mp_message_get_variant (mp_task_get_message (task), &error);
  g_assert_cmpint (g_variant_get_int64 (value), ==, expected);
  g_assert_cmpuint (mp_task_get_delivery_count (task), ==, expected_deliveries);
  return task;
}

static void
task_message_cb (MpQueue   *queue,
                 MpMessage *message,
                 gpointer   user_data)
{
  (*(guint *) user_data)++;
  mp_queue_stop (queue);
}

/* Those that were got ahead of the signal and not handed out were never delivered. */
static void
test_signal_stopped (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  guint            n = 0;

  for (guint i = 0; i < 5; i++)
    put_int (queue, i);
  g_signal_connect (queue, "message", G_CALLBACK (task_message_cb), &n);
  mp_queue_start (MP_QUEUE (queue), G_PRIORITY_DEFAULT);
  test_iterate_until (n == 1);

  for (guint i = 1; i < 5; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MpTask) task = mp_joinable_queue_get_task (queue, 0, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (mp_task_get_delivery_count (task), ==, 1);
      g_assert_true (mp_task_done (task, NULL));
    }
  g_assert_true (mp_joinable_queue_task_done (queue, NULL));
  g_assert_true (mp_joinable_queue_join (queue, 0, NULL, NULL));

  test_drain_context ();
  g_assert_finalize_object (queue);
}

static void
test_task_done (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  g_autoptr (GError) error = NULL;

  g_assert_true (mp_joinable_queue_join (queue, 0, NULL, &error));
  for (int i = 0; i < 10; i++)
    put_int (queue, i);
  g_assert_cmpuint (mp_joinable_queue_get_unfinished (queue), ==, 10);
  for (int i = 0; i < 10; i++)
    g_assert_cmpint (get_int (queue), ==, i);
  g_assert_false (mp_joinable_queue_join (queue, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);

  for (int i = 0; i < 10; i++)
    {
      g_assert_true (mp_joinable_queue_task_done (queue, &error));
      g_assert_cmpuint (mp_joinable_queue_get_unfinished (queue), ==, 9 - i);
    }
  g_assert_true (mp_joinable_queue_join (queue, -1, NULL, &error));
  g_assert_cmpuint (mp_joinable_queue_get_n_done (queue), ==, 10);
  g_assert_cmpuint (mp_joinable_queue_get_n_total (queue), ==, 10);

  g_assert_false (mp_joinable_queue_task_done (queue, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_TOO_MANY_DONE);

  g_assert_finalize_object (queue);
}

static void
test_task (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  MpTask          *task;
  g_autoptr (GError) error = NULL;

  put_int (queue, 1);
  task = get_task (queue, 1, 1);
  g_assert_true (mp_task_done (task, &error));
  g_assert_no_error (error);
  g_assert_false (mp_task_done (task, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_STALE);
  g_assert_finalize_object (task);
  g_assert_cmpuint (mp_joinable_queue_get_unfinished (queue), ==, 0);

  g_assert_finalize_object (queue);
}

static void
free_tasks (MpTask **tasks,
            gsize    n)
{
  while (n > 0)
    g_object_unref (tasks[--n]);
  g_free (tasks);
}

/* Several tasks in one step; one that is finished already does not keep the others from being. */
static void
test_tasks (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  MpTask         **tasks, **rest;
  MpTask          *both[2];
  gsize            n;
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_joinable_queue_get_tasks (queue, 3, 0, NULL, &n, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_EMPTY);
  g_clear_error (&error);
  for (int i = 0; i < 5; i++)
    put_int (queue, i);
  tasks = mp_joinable_queue_get_tasks (queue, 3, TEST_TIMEOUT_US, NULL, &n, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, 3);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GVariant) value =
        mp_message_get_variant (mp_task_get_message (tasks[i]), &error);

      g_assert_cmpint (g_variant_get_int64 (value), ==, i);
    }
  g_assert_true (mp_joinable_queue_finish_tasks (queue, tasks, n, &error));
  g_assert_cmpuint (mp_joinable_queue_get_unfinished (queue), ==, 2);

  rest = mp_joinable_queue_get_tasks (queue, 64, 0, NULL, &n, &error);
  g_assert_cmpuint (n, ==, 2);
  both[0] = tasks[0];
  both[1] = rest[1];
  g_assert_false (mp_joinable_queue_finish_tasks (queue, both, 2, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_STALE);
  g_clear_error (&error);
  g_assert_true (mp_task_done (rest[0], &error));
  g_assert_true (mp_joinable_queue_join (queue, 0, NULL, &error));
  free_tasks (tasks, 3);
  free_tasks (rest, 2);
  g_assert_finalize_object (queue);
}

/* Returned and dropped tasks are redelivered ahead of newer messages. */
static void
test_retry (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  MpTask          *task;
  g_autoptr (GError) error = NULL;

  put_int (queue, 1);
  put_int (queue, 2);
  task = get_task (queue, 1, 1);
  g_assert_true (mp_task_retry (task, &error));
  g_object_unref (task);

  task = get_task (queue, 1, 2);
  g_object_unref (task);

  task = get_task (queue, 1, 3);
  g_assert_true (mp_task_done (task, &error));
  g_object_unref (task);
  task = get_task (queue, 2, 1);
  g_assert_true (mp_task_done (task, &error));
  g_object_unref (task);

  g_assert_true (mp_joinable_queue_join (queue, 0, NULL, &error));
  g_assert_finalize_object (queue);
}

static void
test_dead (void)
{
  MpJoinableQueue *queue = make_joinable (3);
  g_autoptr (GError) error = NULL;
  g_autoptr (MpMessage) dead = NULL;
  g_autoptr (GVariant) value = NULL;

  put_int (queue, 1);
  for (guint i = 1; i <= 3; i++)
    g_object_unref (get_task (queue, 1, i));

  g_assert_null (mp_joinable_queue_try_get_task (queue, &error));
  g_assert_no_error (error);
  g_assert_true (mp_joinable_queue_join (queue, 0, NULL, &error));

  dead = mp_joinable_queue_get_dead (queue, &error);
  g_assert_no_error (error);
  value = mp_message_get_variant (dead, &error);
  g_assert_cmpint (g_variant_get_int64 (value), ==, 1);
  g_assert_null (mp_joinable_queue_get_dead (queue, &error));
  g_assert_no_error (error);

  g_assert_finalize_object (queue);
}

/* Puts a message, which becomes a dead letter at its first delivery; returns its serial. */
static guint64
put_dead (MpJoinableQueue *queue,
          gint64           number)
{
  g_autoptr (MpTask) task = NULL;
  g_autoptr (GVariant) list = NULL;
  guint64 serial;

  put_int (queue, number);
  task = get_task (queue, number, 1);
  list = mp_joinable_queue_list_progress (queue);
  g_assert_cmpuint (g_variant_n_children (list), ==, 1);
  g_variant_get_child (list, 0, "(txuds)", &serial, NULL, NULL, NULL, NULL);
  return serial;
}

static void
assert_dead (MpMessage *dead,
             gint64     number)
{
  g_autoptr (GVariant) value = NULL;

  g_assert_nonnull (dead);
  value = mp_message_get_variant (dead, NULL);
  g_assert_cmpint (g_variant_get_int64 (value), ==, number);
  mp_message_unref (dead);
}

/* From the middle, the end and the beginning of the list, which stays in order. */
static void
test_dead_by_serial (void)
{
  MpJoinableQueue *queue = make_joinable (1);
  g_autoptr (GError) error = NULL;
  guint64 serials[6];

  for (guint i = 1; i <= 5; i++)
    serials[i] = put_dead (queue, i);
  assert_dead (mp_joinable_queue_get_dead_by_serial (queue, serials[3], &error), 3);
  assert_dead (mp_joinable_queue_get_dead_by_serial (queue, serials[5], &error), 5);
  assert_dead (mp_joinable_queue_get_dead_by_serial (queue, serials[1], &error), 1);
  g_assert_null (mp_joinable_queue_get_dead_by_serial (queue, serials[3], &error));
  g_assert_no_error (error);

  put_dead (queue, 6);
  assert_dead (mp_joinable_queue_get_dead (queue, &error), 2);
  assert_dead (mp_joinable_queue_get_dead (queue, &error), 4);
  assert_dead (mp_joinable_queue_get_dead (queue, &error), 6);
  g_assert_null (mp_joinable_queue_get_dead (queue, &error));
  g_assert_no_error (error);
  g_assert_true (mp_joinable_queue_join (queue, 0, NULL, &error));

  g_assert_finalize_object (queue);
}

static void
assert_requeues (MpJoinableQueue *queue,
                 gint64           serial,
                 gboolean         is_there)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (mp_joinable_queue_requeue_dead (queue, serial, &error), ==, is_there);
  g_assert_no_error (error);
}

static void
finish_task (MpJoinableQueue *queue,
             gint64           number)
{
  g_autoptr (MpTask) task = get_task (queue, number, 1);

  g_assert_true (mp_task_done (task, NULL));
}

/* They are as they were before the first delivery, and ahead of the others. */
static void
test_requeue (void)
{
  MpJoinableQueue *queue = make_joinable (1);
  g_autoptr (GError) error = NULL;
  guint64 serials[5];

  assert_requeues (queue, -1, FALSE);
  for (guint i = 1; i <= 4; i++)
    serials[i] = put_dead (queue, i);
  g_assert_null (mp_joinable_queue_try_get_task (queue, &error));
  put_int (queue, 5);
  g_assert_cmpuint (mp_joinable_queue_get_unfinished (queue), ==, 1);

  assert_requeues (queue, -1, TRUE);
  assert_requeues (queue, (gint64) serials[3], TRUE);
  assert_requeues (queue, (gint64) serials[3], FALSE);
  assert_requeues (queue, (gint64) serials[4], TRUE);
  g_assert_cmpuint (mp_joinable_queue_get_unfinished (queue), ==, 4);
  g_assert_cmpuint (mp_queue_get_size (MP_QUEUE (queue)), ==, 4);
  finish_task (queue, 1);
  finish_task (queue, 3);
  finish_task (queue, 4);
  finish_task (queue, 5);
  g_assert_true (mp_joinable_queue_join (queue, 0, NULL, &error));

  g_assert_true (mp_queue_shutdown (MP_QUEUE (queue), FALSE, &error));
  g_assert_false (mp_joinable_queue_requeue_dead (queue, -1, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_clear_error (&error);
  assert_dead (mp_joinable_queue_get_dead (queue, &error), 2);

  g_assert_finalize_object (queue);
}

/* It counts as one more message of the present batch. */
static void
test_requeue_in_batch (void)
{
  MpJoinableQueue *queue = make_joinable (1);
  g_autoptr (GError) error = NULL;

  put_dead (queue, 1);
  g_assert_null (mp_joinable_queue_try_get_task (queue, &error));
  g_assert_true (mp_joinable_queue_begin_batch (queue, &error));
  put_int (queue, 2);
  assert_requeues (queue, -1, TRUE);
  g_assert_cmpuint (mp_joinable_queue_get_n_total (queue), ==, 2);
  finish_task (queue, 1);
  g_assert_cmpuint (mp_joinable_queue_get_n_done (queue), ==, 1);
  finish_task (queue, 2);
  g_assert_cmpuint (mp_joinable_queue_get_n_done (queue), ==, 2);
  g_assert_cmpfloat (mp_joinable_queue_get_progress (queue), ==, 1);

  g_assert_finalize_object (queue);
}

static int
take_and_hang (gpointer data)
{
  MpTask *task = mp_joinable_queue_get_task (data, -1, NULL, NULL);

  g_assert_nonnull (task);
  pause ();
  return 1;
}

static void
test_killed_consumer (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < 10; i++)
    {
      pid_t   child = test_fork (take_and_hang, queue);
      MpTask *task;

      put_int (queue, i);
      test_wait_until (mp_queue_is_empty (MP_QUEUE (queue)));
      test_kill (child);

      task = get_task (queue, i, 2);
      g_assert_true (mp_task_done (task, &error));
      g_object_unref (task);
    }
  g_assert_true (mp_joinable_queue_join (queue, TEST_TIMEOUT_US, NULL, &error));

  g_assert_finalize_object (queue);
}

static void
got_task_cb (GObject      *object,
             GAsyncResult *result,
             gpointer      user_data)
{
  MpTask **task = user_data;

  *task = mp_joinable_queue_get_task_finish (MP_JOINABLE_QUEUE (object), result, NULL);
}

/* A consumer that begins to wait in a main loop after the death gets the message, too. */
static void
test_killed_before_async (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  pid_t            child = test_fork (take_and_hang, queue);
  MpTask          *task = NULL;

  put_int (queue, 1);
  test_wait_until (mp_queue_is_empty (MP_QUEUE (queue)));
  test_kill (child);

  mp_joinable_queue_get_task_async (queue, G_PRIORITY_DEFAULT, NULL, got_task_cb, &task);
  test_iterate_until (task != NULL);
  g_assert_cmpuint (mp_task_get_delivery_count (task), ==, 2);
  g_assert_true (mp_task_done (task, NULL));

  g_object_unref (task);
  g_assert_finalize_object (queue);
}

/* A forked child of a process that holds a message is another consumer. */
static int
finish_parents (gpointer data)
{
  g_autoptr (GError) error = NULL;

  return !mp_task_done (data, &error) && g_error_matches (error, MP_ERROR, MP_ERROR_STALE) ? 0 : 1;
}

static void
test_stale_in_child (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  g_autoptr (GError) error = NULL;
  MpTask *task;

  put_int (queue, 1);
  task = get_task (queue, 1, 1);
  test_wait_child (test_fork (finish_parents, task), 0);
  g_assert_true (mp_task_done (task, &error));
  g_assert_no_error (error);
  g_object_unref (task);

  g_assert_finalize_object (queue);
}

static int
work_until_closed (gpointer data)
{
  g_autoptr (GError) error = NULL;
  MpTask *task;

  while ((task = mp_joinable_queue_get_task (data, -1, NULL, &error)) != NULL)
    {
      if (!mp_task_done (task, NULL))
        return 1;
      g_object_unref (task);
    }
  return g_error_matches (error, MP_ERROR, MP_ERROR_CLOSED) ? 0 : 1;
}

static void
done_cb (GObject      *object,
         GAsyncResult *result,
         gpointer      user_data)
{
  gboolean *done = user_data;
  g_autoptr (GError) error = NULL;

  *done = mp_joinable_queue_join_finish (MP_JOINABLE_QUEUE (object), result, &error);
  g_assert_no_error (error);
}

/* Workers drain a queue that was shut down, and messages of a dead one are redelivered to the
 * others. */
static void
test_join_with_workers (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  pid_t            children[3], hanging;
  gboolean         done = FALSE;

  put_int (queue, -1);
  hanging = test_fork (take_and_hang, queue);
  test_wait_until (mp_queue_is_empty (MP_QUEUE (queue)));

  for (int i = 0; i < 1000; i++)
    put_int (queue, i);
  for (guint i = 0; i < G_N_ELEMENTS (children); i++)
    children[i] = test_fork (work_until_closed, queue);
  g_assert_true (mp_queue_shutdown (MP_QUEUE (queue), FALSE, NULL));

  test_wait_until (mp_joinable_queue_get_unfinished (queue) == 1);
  mp_joinable_queue_join_async (queue, G_PRIORITY_DEFAULT, NULL, done_cb, &done);
  test_drain_context ();
  g_assert_false (done);

  test_kill (hanging);
  test_iterate_until (done);
  for (guint i = 0; i < G_N_ELEMENTS (children); i++)
    test_wait_child (children[i], 0);

  test_drain_context ();
  g_assert_finalize_object (queue);
}

/* Messages held by consumers do not count against the bound. */
static void
test_bound (void)
{
  g_autoptr (GError) error = NULL;
  MpJoinableQueue *queue = mp_joinable_queue_new (1, &error);
  MpTask          *task;

  put_int (queue, 1);
  g_assert_false (mp_queue_try_put (MP_QUEUE (queue), g_variant_new_int64 (2), &error));
  task = get_task (queue, 1, 1);
  g_assert_true (mp_queue_is_empty (MP_QUEUE (queue)));
  put_int (queue, 2);
  g_assert_true (mp_queue_is_full (MP_QUEUE (queue)));
  g_assert_cmpuint (mp_joinable_queue_get_unfinished (queue), ==, 2);

  g_object_unref (task);
  g_assert_cmpuint (mp_queue_get_size (MP_QUEUE (queue)), ==, 2);
  g_assert_finalize_object (queue);
}

static void
test_sizes (void)
{
  static const gsize sizes[] = { 0, 1, 2048, 2049, 5000, 3 << 20 };
  MpJoinableQueue   *queue = make_joinable (0);
  g_autofree guint8 *data = g_malloc0 (3 << 20);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    g_assert_true (mp_queue_put_data (MP_QUEUE (queue), data, sizes[i], 0, NULL, &error));
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (MpTask) task = mp_joinable_queue_try_get_task (queue, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (mp_message_get_size (mp_task_get_message (task)), ==, sizes[i]);
      g_assert_true (mp_task_done (task, &error));
    }
  g_assert_true (mp_joinable_queue_join (queue, 0, NULL, &error));

  g_assert_finalize_object (queue);
}

static int
finish_oldest (gpointer data)
{
  if (get_int (data) != 1 || get_int (data) != 2)
    return 1;
  return mp_joinable_queue_task_done (data, NULL) ? 0 : 2;
}

/* Unfinished messages of a dead consumer are redelivered ahead of newer ones. */
static void
test_oldest (void)
{
  MpJoinableQueue *queue = make_joinable (0);

  for (int i = 1; i <= 3; i++)
    put_int (queue, i);
  test_wait_child (test_fork (finish_oldest, queue), 0);
  g_assert_cmpuint (mp_joinable_queue_get_unfinished (queue), ==, 2);

  for (int i = 2; i <= 3; i++)
    {
      MpTask *task = get_task (queue, i, i == 2 ? 2 : 1);

      g_assert_true (mp_task_done (task, NULL));
      g_object_unref (task);
    }
  g_assert_true (mp_joinable_queue_join (queue, 0, NULL, NULL));

  g_assert_finalize_object (queue);
}

/* Finishing a message that was redelivered meanwhile is an error, and does not affect its new
 * holder. */
static void
test_late_done (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  g_autoptr (GError) error = NULL;
  MpTask *former, *latter;

  put_int (queue, 1);
  former = get_task (queue, 1, 1);
  g_assert_true (mp_task_retry (former, &error));
  latter = get_task (queue, 1, 2);

  g_assert_false (mp_task_done (former, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_STALE);
  g_clear_error (&error);
  g_assert_false (mp_task_set_progress (former, 1, "late", &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_STALE);
  g_assert_cmpuint (mp_joinable_queue_get_unfinished (queue), ==, 1);
  g_assert_true (mp_task_done (latter, NULL));

  g_object_unref (former);
  g_object_unref (latter);
  g_assert_finalize_object (queue);
}

static int
take_and_die (gpointer data)
{
  MpTask *task = mp_joinable_queue_get_task (data, TEST_TIMEOUT_US, NULL, NULL);

  return task != NULL ? raise (SIGKILL) : 1;
}

/* A message that crashes its consumers becomes a dead letter, and join () ends. */
static void
test_poison (void)
{
  MpJoinableQueue *queue = make_joinable (3);
  g_autoptr (MpMessage) dead = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  put_int (queue, 1);
  for (int i = 0; i < 3; i++)
    {
      g_assert_cmpint (waitpid (test_fork (take_and_die, queue), &status, 0), >, 0);
      g_assert_true (WIFSIGNALED (status));
    }
  put_int (queue, 2);
  g_assert_cmpint (get_int (queue), ==, 2);
  g_assert_true (mp_joinable_queue_task_done (queue, &error));
  g_assert_true (mp_joinable_queue_join (queue, TEST_TIMEOUT_US, NULL, &error));
  dead = mp_joinable_queue_get_dead (queue, &error);
  g_assert_nonnull (dead);

  g_assert_finalize_object (queue);
}

static int
join_all (gpointer data)
{
  return mp_joinable_queue_join (data, -1, NULL, NULL) ? 0 : 1;
}

/* A blocking join also ends if a worker dies while it holds the last message. */
static void
test_join_outlives_worker (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  pid_t            hanging = test_fork (take_and_hang, queue);
  pid_t            joiner, worker;

  put_int (queue, 1);
  test_wait_until (mp_queue_is_empty (MP_QUEUE (queue)));
  joiner = test_fork (join_all, queue);
  worker = test_fork (work_until_closed, queue);
  test_wait_asleep (joiner);
  test_wait_asleep (worker);
  test_kill (hanging);
  test_wait_child (joiner, 0);

  mp_queue_shutdown (MP_QUEUE (queue), FALSE, NULL);
  test_wait_child (worker, 0);
  g_assert_finalize_object (queue);
}

static void
test_async (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  MpTask          *first = NULL, *second = NULL;
  gboolean         done = FALSE;

  put_int (queue, 1);
  mp_joinable_queue_join_async (queue, G_PRIORITY_DEFAULT, NULL, done_cb, &done);
  mp_joinable_queue_get_task_async (queue, G_PRIORITY_DEFAULT, NULL, got_task_cb, &first);
  test_iterate_until (first != NULL);
  g_object_unref (first);
  mp_joinable_queue_get_task_async (queue, G_PRIORITY_DEFAULT, NULL, got_task_cb, &second);
  test_iterate_until (second != NULL);
  g_assert_cmpuint (mp_task_get_delivery_count (second), ==, 2);
  g_assert_false (done);
  g_assert_true (mp_task_done (second, NULL));
  test_iterate_until (done);

  g_object_unref (second);
  test_drain_context ();
  g_assert_finalize_object (queue);
}

static void
closed_join_cb (GObject      *object,
                GAsyncResult *result,
                gpointer      user_data)
{
  mp_joinable_queue_join_finish (MP_JOINABLE_QUEUE (object), result, user_data);
}

/* Dropped messages are not done, whichever call dropped them. */
static void
test_dropped (void)
{
  for (guint i = 0; i < 2; i++)
    {
      MpJoinableQueue *queue = make_joinable (0);
      MpTask          *task;
      g_autoptr (GError) error = NULL;
      g_autoptr (GError) late = NULL;

      g_assert_cmpfloat (mp_joinable_queue_get_progress (queue), ==, 0);
      for (int n = 0; n < 10; n++)
        put_int (queue, n);
      get_int (queue);
      g_assert_true (mp_joinable_queue_task_done (queue, &error));
      task = get_task (queue, 1, 1);

      if (i == 0)
        g_assert_cmpint (mp_queue_clear (MP_QUEUE (queue), &error), ==, 8);
      else
        g_assert_true (mp_queue_shutdown (MP_QUEUE (queue), TRUE, &error));
      g_assert_no_error (error);
      g_assert_true (mp_queue_is_empty (MP_QUEUE (queue)));
      g_assert_cmpuint (mp_joinable_queue_get_unfinished (queue), ==, 1);
      g_assert_cmpuint (mp_joinable_queue_get_n_done (queue), ==, 1);
      g_assert_cmpuint (mp_joinable_queue_get_n_dropped (queue), ==, 8);

      mp_joinable_queue_join_async (queue, G_PRIORITY_DEFAULT, NULL, closed_join_cb, &late);
      g_assert_true (mp_task_done (task, &error));
      g_object_unref (task);
      test_iterate_until (late != NULL);
      g_assert_error (late, MP_ERROR, MP_ERROR_CLOSED);
      g_assert_false (mp_joinable_queue_join (queue, -1, NULL, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
      g_assert_nonnull (strstr (error->message, "8 messages"));
      g_assert_cmpuint (mp_joinable_queue_get_n_done (queue), ==, 2);
      /* Processors of 32 bit return more digits than a double has. */
      g_assert_cmpfloat_with_epsilon (mp_joinable_queue_get_progress (queue), 0.2, 1e-9);

      test_drain_context ();
      g_assert_finalize_object (queue);
    }
}

static void
test_batches (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  g_autoptr (GError) error = NULL;

  for (int n = 0; n < 4; n++)
    put_int (queue, n);
  for (int n = 0; n < 2; n++)
    {
      get_int (queue);
      g_assert_true (mp_joinable_queue_task_done (queue, &error));
    }
  g_assert_cmpint (mp_queue_clear (MP_QUEUE (queue), &error), ==, 2);
  g_assert_true (mp_joinable_queue_begin_batch (queue, &error));
  g_assert_true (mp_joinable_queue_join (queue, 0, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (mp_joinable_queue_get_n_total (queue), ==, 0);
  g_assert_cmpuint (mp_joinable_queue_get_n_dropped (queue), ==, 0);
  g_assert_cmpfloat (mp_joinable_queue_get_progress (queue), ==, 0);

  put_int (queue, 4);
  put_int (queue, 5);
  g_assert_cmpint (get_int (queue), ==, 4);
  g_assert_true (mp_joinable_queue_task_done (queue, &error));
  g_assert_cmpfloat (mp_joinable_queue_get_progress (queue), ==, 0.5);
  /* Unfinished messages belong to the next batch. */
  g_assert_true (mp_joinable_queue_begin_batch (queue, &error));
  g_assert_cmpuint (mp_joinable_queue_get_n_total (queue), ==, 1);
  g_assert_cmpfloat (mp_joinable_queue_get_progress (queue), ==, 0);

  g_assert_finalize_object (queue);
}

static void
notify_cb (MpJoinableQueue *queue,
           GParamSpec      *pspec,
           gpointer         user_data)
{
  double *progress = user_data;

  g_object_get (queue, "progress", progress, NULL);
}

static void
test_progress (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  double           progress = -1;
  MpTask          *task;
  pid_t            child;
  g_autoptr (GVariant) list = NULL;
  g_autoptr (GVariant) end = NULL;
  const char *text;
  double      fraction;

  for (int i = 0; i < 100; i++)
    put_int (queue, i);
  task = get_task (queue, 0, 1);
  g_assert_true (mp_task_set_progress (task, 0.5, "half", NULL));
  list = mp_joinable_queue_list_progress (queue);
  g_assert_cmpuint (g_variant_n_children (list), ==, 1);
  g_variant_get_child (list, 0, "(txud&s)", NULL, NULL, NULL, &fraction, &text);
  g_assert_cmpfloat (fraction, ==, 0.5);
  g_assert_cmpstr (text, ==, "half");

  g_signal_connect (queue, "notify::progress", G_CALLBACK (notify_cb), &progress);
  mp_joinable_queue_set_report_progress (queue, TRUE);
  mp_queue_shutdown (MP_QUEUE (queue), FALSE, NULL);
  child = test_fork (work_until_closed, queue);
  test_iterate_until (progress == 0.99);
  g_assert_true (mp_task_done (task, NULL));
  test_iterate_until (progress == 1);
  mp_joinable_queue_set_report_progress (queue, FALSE);
  test_wait_child (child, 0);
  g_object_unref (task);

  end = mp_joinable_queue_list_progress (queue);
  g_assert_cmpuint (g_variant_n_children (end), ==, 0);
  g_assert_finalize_object (queue);
}

/* Any value but 0 is true, and true twice is as good as once: the main context has no source of a
 * queue that is gone. */
static void
test_report_twice (void)
{
  MpJoinableQueue *queue = make_joinable (0);

  for (int i = 0; i < 2; i++)
    mp_joinable_queue_set_report_progress (queue, 2);
  g_assert_true (mp_joinable_queue_get_report_progress (queue));
  g_assert_finalize_object (queue);
  test_drain_context ();
}

/* Without own messages, one held by another consumer is marked as done. */
static void
test_done_for_any (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  g_autoptr (GError) error = NULL;
  MpTask *task;

  for (int i = 0; i < 2; i++)
    put_int (queue, i);
  task = get_task (queue, 0, 1);
  g_assert_cmpint (get_int (queue), ==, 1);

  for (int i = 0; i < 2; i++)
    {
      g_assert_true (mp_joinable_queue_task_done_for_any (queue, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (mp_joinable_queue_get_unfinished (queue), ==, 1 - i);
    }
  g_assert_false (mp_joinable_queue_task_done_for_any (queue, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_TOO_MANY_DONE);
  g_clear_error (&error);
  g_assert_false (mp_task_done (task, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_STALE);

  g_object_unref (task);
  g_assert_finalize_object (queue);
}

static void
test_consume (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < 3; i++)
    put_int (queue, i);
  for (int i = 0; i < 3; i++)
    g_assert_cmpint (get_int (queue), ==, i);
  g_assert_true (mp_joinable_queue_consume (queue, &error));
  g_assert_false (mp_joinable_queue_task_done (queue, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_TOO_MANY_DONE);
  g_clear_error (&error);
  g_assert_cmpuint (mp_joinable_queue_get_unfinished (queue), ==, 3);
  for (int i = 0; i < 3; i++)
    g_assert_true (mp_joinable_queue_task_done_for_any (queue, &error));
  g_assert_true (mp_joinable_queue_join (queue, 0, NULL, &error));

  g_assert_finalize_object (queue);
}

/* Takes two, and finishes one of its own when the parent has finished the other. */
static int
take_two (gpointer data)
{
  MpJoinableQueue *queue = data;

  get_int (queue);
  get_int (queue);
  test_wait_until (mp_joinable_queue_get_unfinished (queue) == 1);
  return mp_joinable_queue_task_done_for_any (queue, NULL) ? 0 : 1;
}

static int
take_and_consume (gpointer data)
{
  get_int (data);
  return mp_joinable_queue_consume (data, NULL) ? 0 : 1;
}

static void
test_done_for_others (void)
{
  MpJoinableQueue *queue = make_joinable (0);
  g_autoptr (GError) error = NULL;
  pid_t child;

  for (int i = 0; i < 2; i++)
    put_int (queue, i);
  child = test_fork (take_two, queue);
  test_wait_until (mp_queue_is_empty (MP_QUEUE (queue)));
  g_assert_true (mp_joinable_queue_task_done_for_any (queue, &error));
  test_wait_child (child, 0);
  g_assert_true (mp_joinable_queue_join (queue, TEST_TIMEOUT_US, NULL, &error));

  /* Neither redelivered nor done. */
  put_int (queue, 2);
  test_wait_child (test_fork (take_and_consume, queue), 0);
  g_assert_true (mp_queue_is_empty (MP_QUEUE (queue)));
  g_assert_cmpuint (mp_joinable_queue_get_unfinished (queue), ==, 1);

  /* A get does not wait for messages that cannot be returned. */
  put_int (queue, 3);
  child = test_fork (take_and_hang, queue);
  test_wait_until (mp_queue_is_empty (MP_QUEUE (queue)));
  test_kill (child);
  g_assert_cmpint (get_int (queue), ==, 3);
  g_assert_true (mp_joinable_queue_consume (queue, &error));
  g_assert_true (mp_queue_shutdown (MP_QUEUE (queue), FALSE, &error));
  g_assert_null (mp_queue_get (MP_QUEUE (queue), TEST_TIMEOUT_US, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_clear_error (&error);
  for (int i = 0; i < 2; i++)
    g_assert_true (mp_joinable_queue_task_done_for_any (queue, &error));
  g_assert_true (mp_joinable_queue_join (queue, 0, NULL, &error));

  g_assert_finalize_object (queue);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  each_backend_add ("joinable-queue", "task-done", test_task_done);
  each_backend_add ("joinable-queue", "done-for-any", test_done_for_any);
  each_backend_add ("joinable-queue", "consume", test_consume);
  each_backend_add_shared ("joinable-queue", "done-for-others", test_done_for_others);
  each_backend_add ("joinable-queue", "signal/stopped", test_signal_stopped);
  each_backend_add ("joinable-queue", "task", test_task);
  each_backend_add ("joinable-queue", "tasks", test_tasks);
  each_backend_add ("joinable-queue", "retry", test_retry);
  each_backend_add ("joinable-queue", "dead", test_dead);
  each_backend_add ("joinable-queue", "dead-by-serial", test_dead_by_serial);
  each_backend_add ("joinable-queue", "requeue", test_requeue);
  each_backend_add ("joinable-queue", "requeue-in-batch", test_requeue_in_batch);
  each_backend_add_shared ("joinable-queue", "killed-consumer", test_killed_consumer);
  each_backend_add_shared ("joinable-queue", "killed-before-async", test_killed_before_async);
  each_backend_add_shared ("joinable-queue", "stale-in-child", test_stale_in_child);
  each_backend_add_shared ("joinable-queue", "join-with-workers", test_join_with_workers);
  each_backend_add_shared ("joinable-queue", "join-outlives-worker", test_join_outlives_worker);
  each_backend_add ("joinable-queue", "bound", test_bound);
  each_backend_add ("joinable-queue", "sizes", test_sizes);
  each_backend_add_memory ("joinable-queue", "oldest", test_oldest);
  each_backend_add ("joinable-queue", "late-done", test_late_done);
  each_backend_add_shared ("joinable-queue", "poison", test_poison);
  each_backend_add ("joinable-queue", "async", test_async);
  each_backend_add ("joinable-queue", "dropped", test_dropped);
  each_backend_add ("joinable-queue", "batches", test_batches);
  each_backend_add_shared ("joinable-queue", "progress", test_progress);
  each_backend_add_shared ("joinable-queue", "report-twice", test_report_twice);

  return g_test_run ();
}
