/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "test-fork.h"

#include <poll.h>

#define N_MESSAGES 2000

static gboolean
is_ready (MpWaitable *watch)
{
  g_autoptr (GError) error = NULL;
  gboolean ready = mp_waitable_is_ready (watch, &error);

  g_assert_no_error (error);
  return ready;
}

static void
wait_readable (MpWaitable *watch)
{
  struct pollfd fd = { mp_waitable_get_fd (watch), POLLIN, 0 };

  g_assert_cmpint (poll (&fd, 1, TEST_TIMEOUT_US / 1000), ==, 1);
}

static MpWaitable *
watch_room (MpQueue *queue)
{
  g_autoptr (GError) error = NULL;
  MpWaitable *watch = mp_queue_watch_room (queue, &error);

  g_assert_no_error (error);
  return watch;
}

static MpWaitable *
watch_done (MpJoinableQueue *queue)
{
  g_autoptr (GError) error = NULL;
  MpWaitable *watch = mp_joinable_queue_watch_done (queue, &error);

  g_assert_no_error (error);
  return watch;
}

/* Returns FALSE if the queue is full.  Another process that holds a lock is waited for. */
static gboolean
try_put (MpQueue *queue,
         gsize    size)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *data = g_malloc0 (size);
  gboolean           put;

  do
    {
      g_clear_error (&error);
      put = mp_queue_put_data (queue, data, size, 0, NULL, &error);
    }
  while (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BUSY));
  if (!put)
    g_assert_error (error, MP_ERROR, MP_ERROR_FULL);
  return put;
}

static int
get_one (gpointer data)
{
  g_autoptr (GBytes) bytes = mp_queue_get_bytes (data, TEST_TIMEOUT_US, NULL, NULL);

  return bytes != NULL ? 0 : 1;
}

static void
test_room (void)
{
  MpQueue    *queue = mp_queue_new (1, NULL);
  MpWaitable *room = watch_room (queue);

  g_assert_true (is_ready (room));
  g_assert_true (try_put (queue, 8));
  g_assert_false (is_ready (room));

  g_assert_cmpint (get_one (queue), ==, 0);
  wait_readable (room);
  g_assert_true (is_ready (room));
  g_assert_false (is_ready (room));

  g_assert_finalize_object (room);
  g_assert_finalize_object (queue);
}

static gboolean
is_writable (MpQueue *queue)
{
  g_autoptr (GError) error = NULL;
  gboolean ready;

  ready = mp_waitable_wait (MP_WAITABLE (queue), MP_CONDITION_WRITABLE, 0, 0, NULL, &error);
  g_assert_no_error (error);
  return ready;
}

/* A producer whose message was refused is woken when there is room for it, and not for less. */
static void
test_too_little_room (void)
{
  MpQueue      *queue = mp_queue_new_full (0, 1000, NULL);
  MpWaitable   *room = watch_room (queue);
  struct pollfd fd = { mp_waitable_get_fd (room), POLLIN, 0 };

  g_assert_true (try_put (queue, 100));
  g_assert_true (try_put (queue, 800));
  g_assert_true (is_ready (room));
  g_assert_false (try_put (queue, 900));
  g_assert_cmpint (poll (&fd, 1, 0), ==, 0);
  g_assert_false (is_ready (room));

  g_assert_false (is_writable (queue));

  test_wait_child (test_fork (get_one, queue), 0);
  g_assert_false (is_ready (room));
  g_assert_false (is_writable (queue));
  test_wait_child (test_fork (get_one, queue), 0);
  wait_readable (room);
  g_assert_true (is_ready (room));
  g_assert_true (try_put (queue, 900));

  /* Once something was put there may be room for less. */
  g_assert_true (try_put (queue, 50));
  g_assert_true (is_writable (queue));

  g_assert_finalize_object (room);
  g_assert_finalize_object (queue);
}

static int
get_all (gpointer data)
{
  for (guint i = 0; i < N_MESSAGES; i++)
    if (get_one (data) != 0)
      return 1;
  return 0;
}

static int
put_by_descriptor (gpointer data)
{
  MpWaitable *room = watch_room (data);

  for (guint i = 0; i < N_MESSAGES / 2; i++)
    while (is_ready (room), !try_put (data, 8))
      wait_readable (room);
  g_object_unref (room);
  return 0;
}

/* Two producers sleep and wake repeatedly, and neither misses free room. */
static void
test_producers (void)
{
  MpQueue *queue = mp_queue_new (2, NULL);
  pid_t    producers[2], consumer;

  for (guint i = 0; i < G_N_ELEMENTS (producers); i++)
    producers[i] = test_fork (put_by_descriptor, queue);
  consumer = test_fork (get_all, queue);

  for (guint i = 0; i < G_N_ELEMENTS (producers); i++)
    test_wait_child (producers[i], 0);
  test_wait_child (consumer, 0);
  g_assert_true (mp_queue_is_empty (queue));

  g_assert_finalize_object (queue);
}

static void
test_wait (void)
{
  MpQueue                *queue = mp_queue_new (1, NULL);
  MpWaitable             *objects[] = { MP_WAITABLE (queue), watch_room (queue) };
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (GError) error = NULL;
  gsize n_ready;

  ready = mp_wait (objects, 2, MP_WAIT_FLAGS_NONE, 0, NULL, &n_ready, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_ready, ==, 1);
  g_assert_true (ready[0] == objects[1]);

  g_assert_true (try_put (queue, 8));
  g_clear_pointer (&ready, g_free);
  ready = mp_wait (objects, 2, MP_WAIT_FLAGS_NONE, TEST_TIMEOUT_US, NULL, &n_ready, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_ready, ==, 1);
  g_assert_true (ready[0] == objects[0]);

  g_assert_finalize_object (objects[1]);
  g_assert_finalize_object (queue);
}

static int
shut_down (gpointer data)
{
  return mp_queue_shutdown (data, FALSE, NULL) ? 0 : 1;
}

static void
test_shutdown (void)
{
  MpQueue    *queue = mp_queue_new (1, NULL);
  MpWaitable *room = watch_room (queue);

  g_assert_true (try_put (queue, 8));
  g_assert_false (is_ready (room));
  test_wait_child (test_fork (shut_down, queue), 0);
  wait_readable (room);
  g_assert_true (is_ready (room));

  g_assert_finalize_object (room);
  g_assert_finalize_object (queue);
}

static int
take_and_hang (gpointer data)
{
  MpTask *task = mp_joinable_queue_get_task (data, TEST_TIMEOUT_US, NULL, NULL);

  while (task != NULL)
    pause ();
  return 1;
}

static int
finish_one (gpointer data)
{
  g_autoptr (MpTask) task = mp_joinable_queue_get_task (data, TEST_TIMEOUT_US, NULL, NULL);

  return task != NULL && mp_task_done (task, NULL) ? 0 : 1;
}

/* The consumer of the last task dies, and another one finishes it. */
static void
test_done (void)
{
  MpJoinableQueue *queue = mp_joinable_queue_new (0, NULL);
  MpWaitable      *done = watch_done (queue);
  pid_t            hanging, worker;

  g_assert_true (is_ready (done));
  g_assert_true (is_ready (done));
  g_assert_true (try_put (MP_QUEUE (queue), 8));
  g_assert_false (is_ready (done));

  hanging = test_fork (take_and_hang, queue);
  test_wait_until (mp_queue_is_empty (MP_QUEUE (queue)));
  worker = test_fork (finish_one, queue);
  g_assert_false (is_ready (done));
  g_assert_cmpint (kill (hanging, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (hanging, NULL, 0), ==, hanging);
  while (!is_ready (done))
    wait_readable (done);
  test_wait_child (worker, 0);

  g_assert_finalize_object (done);
  g_assert_finalize_object (queue);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/queue-watch/room", test_room);
  g_test_add_func ("/queue-watch/too-little-room", test_too_little_room);
  g_test_add_func ("/queue-watch/producers", test_producers);
  g_test_add_func ("/queue-watch/wait", test_wait);
  g_test_add_func ("/queue-watch/shutdown", test_shutdown);
  g_test_add_func ("/queue-watch/done", test_done);

  return g_test_run ();
}
