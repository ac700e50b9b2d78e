/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mp-mark.h"
#include "pool/mp-pool-task-private.h"
#include "pool/pool-protocol.h"
#include "process/child.h"

/* The functions of Sysprof's library, which this program replaces: what was marked, by its text,
 * in nanoseconds. */
static GHashTable *marks;

bool
sysprof_collector_is_active (void)
{
  return marks != NULL;
}

void
sysprof_collector_mark (int64_t     time,
                        int64_t     duration,
                        const char *group,
                        const char *mark,
                        const char *message)
{
  g_assert_cmpstr (group, ==, "mproc-glib");
  g_assert_cmpint (time, >, 0);
  g_hash_table_insert (marks, g_strconcat (mark, " ", message, NULL), GSIZE_TO_POINTER (duration));
}

static void
begin (void)
{
  mp_mark_fd = STDERR_FILENO;
  marks = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

static void
end (void)
{
  mp_mark_fd = -1;
  g_clear_pointer (&marks, g_hash_table_unref);
}

static void
test_queue (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpQueue) queue = mp_queue_new (0, &error);
  g_autoptr (GVariant) value = NULL;

  g_assert_no_error (error);
  begin ();
  mp_queue_put (queue, g_variant_new_boolean (TRUE), -1, NULL, &error);
  value = mp_queue_get (queue, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_hash_table_size (marks), ==, 0);

  g_assert_null (mp_queue_get (queue, 50 * 1000, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_EMPTY);
  g_assert_cmpuint (GPOINTER_TO_SIZE (g_hash_table_lookup (marks, "sleep queue")), >=,
                    40 * 1000 * 1000);
  end ();
}

static void
test_connection (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpConnection) mine = NULL;
  g_autoptr (MpConnection) yours = NULL;

  mp_pipe (TRUE, &mine, &yours, &error);
  g_assert_no_error (error);
  begin ();
  g_assert_null (mp_connection_recv (mine, 1000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_true (g_hash_table_contains (marks, "sleep socket"));
  end ();
}

static void
test_wait (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpQueue) queue = mp_queue_new (0, &error);
  MpWaitable *waitable = MP_WAITABLE (queue);

  g_assert_no_error (error);
  begin ();
  g_free (mp_wait (&waitable, 1, 1000, MP_WAIT_FLAGS_NONE, NULL, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (g_hash_table_contains (marks, "sleep wait"));
  end ();
}

static void
test_task_of_pool (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpJoinableQueue) tasks = mp_joinable_queue_new (0, &error);
  g_autoptr (MpQueue) reports = mp_queue_new (0, &error);
  GVariant *packed = mp_pool_task_pack (1, "square", g_variant_new_int32 (3));
  MpTask   *taken;
  g_autoptr (MpPoolTask) task = NULL;

  g_assert_true (mp_queue_put (MP_QUEUE (tasks), packed, -1, NULL, &error));
  taken = mp_joinable_queue_get_task (tasks, -1, NULL, &error);
  g_assert_no_error (error);

  begin ();
  task = mp_pool_task_new (taken, reports, 0, &error);
  g_assert_no_error (error);
  g_assert_true (mp_pool_task_return_value (task, g_variant_new_int32 (9), &error));
  g_assert_true (g_hash_table_contains (marks, "task square"));
  end ();
}

/* Returns what a child says about the variables of Sysprof. */
static char *
ask_child (int socket,
           int target)
{
  static const char *const argv[] = {
    "sh",
    "-c",
    "echo ${SYSPROF_CONTROL_FD:-none} ${SYSPROF_TRACE_FD:-none} "
    "$(readlink /proc/self/fd/${SYSPROF_CONTROL_FD:-9})",
    NULL,
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (MpProcess) child = mp_process_new (argv);
  g_autofree char *number = g_strdup_printf ("%d", target >= 0 ? target : MP_CHILD_FIRST_FD);
  g_autoptr (MpQueue) queue = mp_queue_new (0, &error);
  char buffer[256] = "";

  /* Its descriptors are the first ones of the child otherwise. */
  mp_process_give (child, "queue", MP_SHAREABLE (queue));
  mp_process_set_env (child, "SYSPROF_CONTROL_FD", number);
  mp_process_set_env (child, "SYSPROF_TRACE_FD", "5");
  mp_process_set_flags (child, G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  if (target >= 0)
    mp_process_take_fd (child, dup (socket), target);
  g_assert_true (mp_process_start (child, &error));
  g_assert_no_error (error);
  g_input_stream_read_all (mp_process_get_stdout_pipe (child), buffer, sizeof buffer - 1, NULL,
                           NULL, &error);
  g_assert_no_error (error);
  g_assert_true (mp_process_wait_check (child, -1, NULL, &error));
  return g_strdup (g_strchomp (buffer));
}

/* Workers are not started by Sysprof, and get its socket all the same. */
static void
test_child (void)
{
  g_autofree char *stray = NULL;
  g_autofree char *passed = NULL;
  g_autofree char *own = NULL;
  int              fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  mp_mark_fd = fds[0];
  passed = ask_child (fds[0], -1);
  g_assert_true (g_str_has_prefix (passed, "3 none socket:"));

  /* The program has decided itself. */
  own = ask_child (fds[0], 20);
  g_assert_true (g_str_has_prefix (own, "20 none socket:"));
  mp_mark_fd = -1;

  stray = ask_child (fds[0], -1);
  g_assert_cmpstr (stray, ==, "none none");
  close (fds[0]);
  close (fds[1]);
}

/* Without Sysprof nothing of it is called. */
static void
test_not_wanted (void)
{
  g_assert_cmpint (mp_mark_fd, ==, -1);
  g_assert_cmpint (mp_mark_begin (), ==, 0);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/mark/queue", test_queue);
  g_test_add_func ("/mark/connection", test_connection);
  g_test_add_func ("/mark/wait", test_wait);
  g_test_add_func ("/mark/task-of-pool", test_task_of_pool);
  g_test_add_func ("/mark/child", test_child);
  g_test_add_func ("/mark/not-wanted", test_not_wanted);

  return g_test_run ();
}
