/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A process is stopped while it holds a lock of the queue: calls that may not wait get and put
 * nothing, main loops go on, and nothing ends for good. */

#include "config.h"

#include "memory/test-memory.h"
#include "test-fork.h"

#include <mproc-glib/mproc-glib.h>
#include <string.h>
#include <sys/time.h>

typedef struct
{
  MpQueue *queue;
  MpLockId lock;
} Holder;

static int
hold (gpointer data)
{
  Holder *holder = data;
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) description = NULL;
  g_autoptr (GError) error = NULL;

  description = mp_shareable_describe (MP_SHAREABLE (holder->queue), fds, &error);
  g_assert_no_error (error);
  test_memory_hold_lock (g_unix_fd_list_get (fds, 0, NULL), g_unix_fd_list_get (fds, 1, NULL),
                         holder->lock);
  return 0;
}

static pid_t
start_holder (MpQueue *queue,
              MpLockId lock)
{
  Holder holder = { queue, lock };
  pid_t  child = test_fork (hold, &holder);
  int    status;

  g_assert_cmpint (waitpid (child, &status, WUNTRACED), ==, child);
  g_assert_true (WIFSTOPPED (status));
  return child;
}

static void
end_holder (pid_t child)
{
  g_assert_cmpint (kill (child, SIGCONT), ==, 0);
  test_wait_child (child, 0);
}

static MpQueue *
make_queue (guint n)
{
  g_autoptr (GError) error = NULL;
  MpQueue *queue = mp_queue_new (0, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < n; i++)
    g_assert_true (mp_queue_put (queue, g_variant_new_uint32 (i), 0, NULL, NULL));
  return queue;
}

static void
assert_next (MpQueue *queue,
             guint32  expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = mp_queue_get (queue, -1, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_get_uint32 (value), ==, expected);
}

static void
test_try (void)
{
  MpQueue *queue = make_queue (1);
  pid_t    child = start_holder (queue, MP_LOCK_HEAD);
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_queue_try_get (queue, &error));
  g_assert_no_error (error);
  g_assert_null (mp_queue_try_get_message (queue, &error));
  g_assert_no_error (error);
  end_holder (child);
  assert_next (queue, 0);

  child = start_holder (queue, MP_LOCK_TAIL);
  g_assert_false (mp_queue_try_put (queue, g_variant_new_uint32 (1), &error));
  g_assert_no_error (error);
  end_holder (child);
  g_assert_true (mp_queue_try_put (queue, g_variant_new_uint32 (2), &error));
  g_assert_no_error (error);
  assert_next (queue, 2);
  g_assert_finalize_object (queue);
}

/* How often the main loop has gone through all its sources. */
static gboolean
turn_cb (gpointer user_data)
{
  return ++*(guint *) user_data < 3;
}

static void
run_turns (void)
{
  guint n_turns = 0;

  g_timeout_add_full (G_PRIORITY_LOW, 1, turn_cb, &n_turns, NULL);
  while (n_turns < 3)
    g_main_context_iteration (NULL, TRUE);
}

static void
got_cb (GObject      *object,
        GAsyncResult *result,
        gpointer      user_data)
{
  g_autoptr (GError) error = NULL;
  GVariant **value = user_data;

  *value = mp_queue_get_finish (MP_QUEUE (object), result, &error);
  g_assert_no_error (error);
}

static void
put_cb (GObject      *object,
        GAsyncResult *result,
        gpointer      user_data)
{
  g_autoptr (GError) error = NULL;

  *(gboolean *) user_data = mp_queue_put_finish (MP_QUEUE (object), result, &error);
  g_assert_no_error (error);
}

static void
test_async (void)
{
  MpQueue *queue = make_queue (1);
  pid_t    child = start_holder (queue, MP_LOCK_HEAD);
  g_autoptr (GVariant) value = NULL;
  gboolean is_put = FALSE;

  mp_queue_get_async (queue, G_PRIORITY_DEFAULT, NULL, got_cb, &value);
  run_turns ();
  g_assert_null (value);
  end_holder (child);
  test_iterate_until (value != NULL);
  g_assert_cmpuint (g_variant_get_uint32 (value), ==, 0);

  child = start_holder (queue, MP_LOCK_TAIL);
  mp_queue_put_async (queue, g_variant_new_uint32 (1), G_PRIORITY_DEFAULT, NULL, put_cb, &is_put);
  run_turns ();
  g_assert_false (is_put);
  end_holder (child);
  test_iterate_until (is_put);
  assert_next (queue, 1);
  g_assert_finalize_object (queue);
}

static void
message_cb (MpQueue   *queue,
            MpMessage *message,
            gpointer   user_data)
{
  ++*(guint *) user_data;
}

static void
closed_cb (MpQueue      *queue,
           const GError *reason,
           gpointer      user_data)
{
  g_assert_not_reached ();
}

static void
test_signal (void)
{
  MpQueue *queue = make_queue (2);
  pid_t    child = start_holder (queue, MP_LOCK_HEAD);
  guint    n_messages = 0;
  gulong   handler;

  g_signal_connect (queue, "message", G_CALLBACK (message_cb), &n_messages);
  handler = g_signal_connect (queue, "closed", G_CALLBACK (closed_cb), NULL);
  mp_queue_start (queue, G_PRIORITY_DEFAULT);
  run_turns ();
  g_assert_cmpuint (n_messages, ==, 0);
  end_holder (child);
  test_iterate_until (n_messages == 2);

  mp_queue_stop (queue);
  g_signal_handler_disconnect (queue, handler);
  g_assert_finalize_object (queue);
}

/* --- What is not finished stays in hand ------------------------------------------------------- */

static MpJoinableQueue *
make_tasks (guint n)
{
  g_autoptr (GError) error = NULL;
  MpJoinableQueue *queue = mp_joinable_queue_new (0, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < n; i++)
    g_assert_true (mp_queue_put (MP_QUEUE (queue), g_variant_new_uint32 (i), -1, NULL, NULL));
  return queue;
}

static MpTask *
take_task (MpJoinableQueue *queue)
{
  g_autoptr (GError) error = NULL;
  MpTask *task = mp_joinable_queue_get_task (queue, -1, NULL, &error);

  g_assert_no_error (error);
  return task;
}

/* That of a process that does not continue. */
static void
assert_busy (gboolean success,
             GError  *error,
             pid_t    holder)
{
  g_autofree char *pid = g_strdup_printf (" %d ", (int) holder);

  g_assert_false (success);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, pid));
  g_error_free (error);
}

static void
test_done (void)
{
  MpJoinableQueue *queue = make_tasks (4);
  g_autoptr (MpTask) first = take_task (queue);
  g_autoptr (MpTask) second = take_task (queue);
  g_autoptr (MpTask) third = take_task (queue);
  g_autoptr (GVariant) fourth = mp_queue_get (MP_QUEUE (queue), -1, NULL, NULL);
  g_autoptr (GVariant) progress = NULL;
  MpTask  *others[] = { second, third };
  pid_t    child = start_holder (MP_QUEUE (queue), MP_LOCK_ARENA);
  GError  *error = NULL;
  gboolean success = mp_task_done (first, &error);

  assert_busy (success, error, child);
  error = NULL;
  success = mp_joinable_queue_finish_tasks (queue, others, G_N_ELEMENTS (others), &error);
  assert_busy (success, error, child);
  error = NULL;
  success = mp_joinable_queue_task_done (queue, &error);
  assert_busy (success, error, child);
  error = NULL;
  progress = mp_joinable_queue_list_progress (queue);
  g_assert_cmpuint (g_variant_n_children (progress), ==, 4);
  end_holder (child);

  g_assert_true (mp_task_done (first, &error));
  g_assert_no_error (error);
  g_assert_true (mp_joinable_queue_finish_tasks (queue, others, G_N_ELEMENTS (others), &error));
  g_assert_no_error (error);
  g_assert_true (mp_joinable_queue_task_done (queue, &error));
  g_assert_no_error (error);
  g_assert_true (mp_joinable_queue_join (queue, -1, NULL, &error));
  g_assert_no_error (error);
  g_clear_object (&first);
  g_clear_object (&second);
  g_clear_object (&third);
  g_assert_finalize_object (queue);
}

/* Dropped tasks go back when the lock can be taken; only the first of them waits for it. */
static void
test_drop (void)
{
  const guint      n = 16;
  MpJoinableQueue *queue = make_tasks (n);
  MpTask          *tasks[16];
  pid_t            child;
  gint64           begin;

  for (guint i = 0; i < n; i++)
    tasks[i] = take_task (queue);
  child = start_holder (MP_QUEUE (queue), MP_LOCK_HEAD);
  begin = g_get_monotonic_time ();
  for (guint i = 0; i < n; i++)
    g_object_unref (tasks[i]);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, n / 2 * G_USEC_PER_SEC);
  end_holder (child);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (MpTask) task = take_task (queue);

      g_assert_cmpuint (mp_task_get_delivery_count (task), ==, 2);
      g_assert_true (mp_task_done (task, NULL));
    }
  g_assert_true (mp_joinable_queue_join (queue, -1, NULL, NULL));
  g_assert_finalize_object (queue);
}

static void
cancelled_cb (GObject      *object,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (mp_task_done_finish (MP_TASK (object), result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  *(gboolean *) user_data = TRUE;
}

/* A task counts as finished also after a cancelled call. */
static void
test_cancelled (void)
{
  MpJoinableQueue *queue = make_tasks (1);
  MpTask          *task = take_task (queue);
  pid_t            child = start_holder (MP_QUEUE (queue), MP_LOCK_ARENA);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  gboolean has_ended = FALSE;

  mp_task_done_async (task, G_PRIORITY_DEFAULT, cancellable, cancelled_cb, &has_ended);
  run_turns ();
  g_assert_false (has_ended);
  g_cancellable_cancel (cancellable);
  test_iterate_until (has_ended);
  end_holder (child);

  g_assert_true (mp_joinable_queue_join (queue, -1, NULL, NULL));
  g_assert_finalize_object (task);
  g_assert_finalize_object (queue);
}

static gboolean
is_readable (MpWaitable *waitable,
             gint64      timeout_us)
{
  return mp_waitable_wait (waitable, MP_CONDITION_READABLE, MP_WAIT_FLAGS_NONE, timeout_us, NULL,
                           NULL);
}

/* A descriptor that stayed readable would keep main loops busy. */
static void
test_readable (void)
{
  MpJoinableQueue *queue = make_tasks (1);
  MpWaitable      *waitable = MP_WAITABLE (queue);
  pid_t            child = start_holder (MP_QUEUE (queue), MP_LOCK_ARENA);
  g_autoptr (GError) error = NULL;
  g_autoptr (MpTask) task = NULL;

  g_assert_true (is_readable (waitable, 0));
  g_assert_null (mp_joinable_queue_try_get_task (queue, &error));
  g_assert_no_error (error);
  g_assert_false (is_readable (waitable, 0));
  end_holder (child);
  g_assert_true (is_readable (waitable, -1));
  task = take_task (queue);
  g_assert_true (mp_task_done (task, NULL));
  g_clear_object (&task);
  g_assert_finalize_object (queue);
}

static void
alarm_cb (int signal_number)
{
}

/* A call without a timeout ends also if signals come all the time. */
static void
test_signals (void)
{
  const struct itimerval often = { { 0, 150000 }, { 0, 150000 } };
  const struct itimerval never = { { 0, 0 }, { 0, 0 } };
  const struct sigaction action = { .sa_handler = alarm_cb };
  MpQueue               *queue = make_queue (1);
  pid_t                  child = start_holder (queue, MP_LOCK_HEAD);
  GError                *error = NULL;
  gboolean               success;

  sigaction (SIGALRM, &action, NULL);
  setitimer (ITIMER_REAL, &often, NULL);
  success = mp_queue_clear (queue, &error) >= 0;
  setitimer (ITIMER_REAL, &never, NULL);
  assert_busy (success, error, child);
  end_holder (child);
  assert_next (queue, 0);
  g_assert_finalize_object (queue);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/queue-stopped/try", test_try);
  g_test_add_func ("/queue-stopped/async", test_async);
  g_test_add_func ("/queue-stopped/signal", test_signal);
  g_test_add_func ("/queue-stopped/done", test_done);
  g_test_add_func ("/queue-stopped/drop", test_drop);
  g_test_add_func ("/queue-stopped/cancelled", test_cancelled);
  g_test_add_func ("/queue-stopped/readable", test_readable);
  g_test_add_func ("/queue-stopped/signals", test_signals);

  return g_test_run ();
}
