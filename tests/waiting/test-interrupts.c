/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <signal.h>
#include <unistd.h>

#include "base/mp-interrupts.h"
#include "mproc-glib.h"
#include "test-fork.h"

/* Signals that arrive before a wait, as those of an interpreter whose handlers run later. */

#define LONG_US  (30 * G_USEC_PER_SEC)
#define SHORT_US 1000

static int interrupts_fd = -1;

static void
signal_cb (int number)
{
  guint8 byte = number;

  if (write (interrupts_fd, &byte, 1) != 1)
    abort ();
}

static gboolean
begin (void)
{
  struct sigaction action = { .sa_handler = signal_cb };

  interrupts_fd = mp_interrupts_begin ();
  if (interrupts_fd < 0)
    {
      g_test_skip ("The system cannot sleep on two futexes");
      return FALSE;
    }
  g_assert_no_errno (sigaction (SIGUSR1, &action, NULL));
  return TRUE;
}

static gboolean
wait_for (gpointer    object,
          MpCondition condition,
          gint64      timeout_us)
{
  g_autoptr (GError) error = NULL;
  gboolean holds = mp_waitable_wait (object, condition, MP_WAIT_FLAGS_INTERRUPTIBLE, timeout_us,
                                     NULL, &error);

  g_assert_no_error (error);
  return holds;
}

/* An interrupted wait returns at once, the next one waits for its time. */
static void
check (gpointer    object,
       MpCondition condition)
{
  gint64 start = g_get_monotonic_time ();

  g_assert_no_errno (raise (SIGUSR1));
  g_assert_no_errno (raise (SIGUSR1));
  g_assert_false (wait_for (object, condition, LONG_US));
  g_assert_cmpint (g_get_monotonic_time () - start, <, LONG_US);

  start = g_get_monotonic_time ();
  g_assert_false (wait_for (object, condition, SHORT_US));
  g_assert_cmpint (g_get_monotonic_time () - start, >=, SHORT_US);
}

static void
test_queue (void)
{
  MpQueue *queue = mp_queue_new (1, NULL);

  if (begin ())
    {
      for (guint i = 0; i < 3; i++)
        check (queue, MP_CONDITION_READABLE);
      g_assert_true (mp_queue_put (queue, g_variant_new_int32 (1), -1, NULL, NULL));
      check (queue, MP_CONDITION_WRITABLE);
    }
  mp_interrupts_end ();
  g_assert_finalize_object (queue);
}

/* Long enough that the sleeper watches for deaths, and so sleeps in poll (). */
static void
test_watcher (void)
{
  MpQueue *queue = mp_queue_new (1, NULL);

  if (begin ())
    {
      g_assert_false (wait_for (queue, MP_CONDITION_READABLE, 50 * SHORT_US));
      check (queue, MP_CONDITION_READABLE);
    }
  mp_interrupts_end ();
  g_assert_finalize_object (queue);
}

static void
test_tasks (void)
{
  MpJoinableQueue *queue = mp_joinable_queue_new (0, NULL);

  if (begin ())
    {
      g_assert_true (mp_queue_put (MP_QUEUE (queue), g_variant_new_int32 (1), -1, NULL, NULL));
      check (queue, MP_CONDITION_DONE);
    }
  mp_interrupts_end ();
  g_assert_finalize_object (queue);
}

static void
test_connection (void)
{
  MpConnection *first, *second;

  g_assert_true (mp_pipe (TRUE, &first, &second, NULL));
  if (begin ())
    {
      check (first, MP_CONDITION_READABLE);
      check (first, MP_CONDITION_READABLE);
    }
  mp_interrupts_end ();
  g_assert_finalize_object (first);
  g_assert_finalize_object (second);
}

static void
test_many (void)
{
  g_autoptr (MpQueue) queue = mp_queue_new (1, NULL);
  g_autoptr (MpJoinableQueue) tasks = mp_joinable_queue_new (0, NULL);
  MpWaitable *objects[] = { MP_WAITABLE (queue), MP_WAITABLE (tasks) };

  if (begin ())
    {
      g_autofree MpWaitable **ready = NULL;
      g_autoptr (GError) error = NULL;
      gsize n_ready = 1;

      g_assert_no_errno (raise (SIGUSR1));
      ready = mp_wait (objects, G_N_ELEMENTS (objects), MP_WAIT_FLAGS_INTERRUPTIBLE, LONG_US, NULL,
                       &n_ready, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (n_ready, ==, 0);
    }
  mp_interrupts_end ();
}

static void
iterate (gint64 timeout_us)
{
  g_autoptr (GMainContext) context = g_main_context_new ();

  mp_interrupts_iterate (context, timeout_us);
}

/* A main context that has nothing to do. */
static void
test_iterate (void)
{
  gint64 start = g_get_monotonic_time ();

  iterate (0);
  if (begin ())
    {
      g_assert_no_errno (raise (SIGUSR1));
      iterate (-1);
      g_assert_no_errno (raise (SIGUSR1));
      iterate (LONG_US);
      g_assert_cmpint (g_get_monotonic_time () - start, <, LONG_US);
    }

  mp_interrupts_end ();
  start = g_get_monotonic_time ();
  iterate (SHORT_US);
  g_assert_cmpint (g_get_monotonic_time () - start, >=, SHORT_US);
}

/* Waits that do not want to be interrupted, that of another thread, and those before and after. */
static gpointer
wait_shortly (gpointer queue)
{
  gint64 start = g_get_monotonic_time ();

  g_assert_false (wait_for (queue, MP_CONDITION_READABLE, SHORT_US));
  g_assert_cmpint (g_get_monotonic_time () - start, >=, SHORT_US);
  return NULL;
}

static void
test_others (void)
{
  MpQueue *queue = mp_queue_new (1, NULL);

  if (begin ())
    {
      g_autoptr (GError) error = NULL;

      g_assert_no_errno (raise (SIGUSR1));
      g_assert_null (mp_queue_get (queue, SHORT_US, NULL, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_EMPTY);
      g_thread_join (g_thread_new ("other", wait_shortly, queue));
      g_assert_false (wait_for (queue, MP_CONDITION_READABLE, LONG_US));

      g_assert_no_errno (raise (SIGUSR1));
      mp_interrupts_end ();
      wait_shortly (queue);
      g_assert_true (begin ());
      wait_shortly (queue);
    }
  mp_interrupts_end ();
  mp_interrupts_end ();
  g_assert_finalize_object (queue);
}

static int
interrupt_itself (gpointer queue)
{
  int    fd = mp_interrupts_begin ();
  guint8 byte = 1;

  return fd >= 0 && write (fd, &byte, 1) == 1 && !wait_for (queue, MP_CONDITION_READABLE, LONG_US)
           ? 0
           : 1;
}

/* What a child writes does not interrupt its parent. */
static void
test_child (void)
{
  MpQueue *queue = mp_queue_new (1, NULL);

  if (begin ())
    {
      test_wait_child (test_fork (interrupt_itself, queue), 0);
      wait_shortly (queue);
    }
  mp_interrupts_end ();
  g_assert_finalize_object (queue);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/interrupts/queue", test_queue);
  g_test_add_func ("/interrupts/watcher", test_watcher);
  g_test_add_func ("/interrupts/tasks", test_tasks);
  g_test_add_func ("/interrupts/connection", test_connection);
  g_test_add_func ("/interrupts/many", test_many);
  g_test_add_func ("/interrupts/iterate", test_iterate);
  g_test_add_func ("/interrupts/others", test_others);
  g_test_add_func ("/interrupts/child", test_child);

  return g_test_run ();
}
