/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a pool says of the ends of its workers. */

#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test-child.h"

/* The number of the worker among those of its pool. */
static guint
own_number (void)
{
  guint number = 0;

  g_assert_cmpint (sscanf (g_getenv ("MPROC_GLIB_POOL_WORKER"), "%u", &number), ==, 1);
  return number;
}

/* The first worker takes a task, without telling the pool that it is a worker.  Each ends when it
 * gets SIGUSR1, by a SIGTERM that it has got before. */
static int
child_silent (const char *argument)
{
  g_autoptr (MpShareable) tasks = mp_inherit ("mproc-glib.pool.tasks", NULL);
  g_autoptr (MpShareable) news = mp_inherit ("news", NULL);
  g_autoptr (MpTask) task = NULL;
  sigset_t signals;
  int      received;

  sigemptyset (&signals);
  sigaddset (&signals, SIGUSR1);
  sigaddset (&signals, SIGTERM);
  sigprocmask (SIG_BLOCK, &signals, NULL);
  if (own_number () == 1)
    task = mp_joinable_queue_get_task (MP_JOINABLE_QUEUE (tasks), -1, NULL, NULL);
  mp_queue_put (MP_QUEUE (news), g_variant_new_boolean (TRUE), -1, NULL, NULL);

  sigdelset (&signals, SIGTERM);
  sigwait (&signals, &received);
  sigemptyset (&signals);
  sigprocmask (SIG_SETMASK, &signals, NULL);
  return 0;
}

static const TestChild children[] = {
  { "silent", child_silent },
  { NULL },
};

/* Iterates the main context, also when nothing happens in it, until @condition holds. */
#define iterate_until(condition)                        \
  G_STMT_START                                          \
  {                                                     \
    guint _tick = g_timeout_add (5, continue_cb, NULL); \
                                                        \
    while (!(condition))                                \
      g_main_context_iteration (NULL, TRUE);            \
    g_source_remove (_tick);                            \
  }                                                     \
  G_STMT_END

static gboolean
continue_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static MpPool *
start_pool (MpQueue *news)
{
  const char *argv[] = { get_program (), "--child", "silent", "", NULL };
  MpPool     *pool = g_object_new (MP_TYPE_POOL, "argv", argv, "n-workers", 2, "max-deliveries", 1,
                                   "grace", (gint64) DEADLINE_US, NULL);
  g_autoptr (GError) error = NULL;

  mp_pool_give (pool, "news", MP_SHAREABLE (news));
  mp_pool_start (pool, &error);
  g_assert_no_error (error);
  return pool;
}

static void
failed_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_assert_null (mp_pool_submit_finish (MP_POOL (source), result, user_data));
}

/* Whether a SIGTERM waits for the process to take it. */
static gboolean
is_terminated (MpProcess *process)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/status", mp_process_get_pid (process));
  g_autofree char *text = NULL;
  guint64          pending = 0;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  pending = g_ascii_strtoull (strstr (text, "ShdPnd:") + strlen ("ShdPnd:"), NULL, 16);
  return (pending >> (SIGTERM - 1) & 1) != 0;
}

static void
send_and_join (MpProcess *process,
               int        number)
{
  kill (mp_process_get_pid (process), number);
  g_assert_true (mp_process_join (process, DEADLINE_US, NULL, NULL));
}

/* A task was given up since its worker died, and not since the pool had one end that it did not
 * need any more, even if that one ended last. */
static void
test_dismissed (void)
{
  MpQueue *news = mp_queue_new (0, NULL);
  MpPool  *pool = start_pool (news);
  g_autoptr (GPtrArray) workers = NULL;
  g_autoptr (GError) error = NULL;

  mp_pool_submit_async (pool, "work", g_variant_new_boolean (TRUE), G_PRIORITY_DEFAULT, NULL,
                        failed_cb, &error);
  alarm (2 * DEADLINE_US / G_USEC_PER_SEC);
  iterate_until (mp_queue_get_size (news) == 2);
  workers = mp_pool_list_workers (pool);
  mp_pool_set_n_workers (pool, 1);
  iterate_until (is_terminated (g_ptr_array_index (workers, 1)));
  send_and_join (g_ptr_array_index (workers, 0), SIGKILL);
  send_and_join (g_ptr_array_index (workers, 1), SIGUSR1);

  iterate_until (error != NULL);
  g_assert_error (error, MP_ERROR, MP_ERROR_WORKER_DIED);
  g_assert_nonnull (strstr (error->message, "signal 9"));

  alarm (0);
  g_object_unref (pool);
  g_object_unref (news);
}

int
main (int   argc,
      char *argv[])
{
  run_child (argc, argv, children);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pool-ends/dismissed", test_dismissed);
  return g_test_run ();
}
