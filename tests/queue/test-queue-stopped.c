/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A process is stopped while it holds a lock of the queue: calls that may not wait get and put
 * nothing, main loops go on, and nothing ends for good. */

#include "config.h"

#include "memory/test-memory.h"
#include "test-fork.h"

#include <mproc-glib/mproc-glib.h>

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

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/queue-stopped/try", test_try);
  g_test_add_func ("/queue-stopped/async", test_async);
  g_test_add_func ("/queue-stopped/signal", test_signal);

  return g_test_run ();
}
