/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A process takes part in the queue of another one that has not passed it on: also where the system
 * forbids to trace other processes, as Yama does. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "test-fork.h"

#define N_LOOPS 5

/* --- A stranger ------------------------------------------------------------------------------ */

/* What needs the right to trace another process fails from now on. */
static void
refuse_tracing (void)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_getfd, 2, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 1, 0),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
  };
  const struct sock_fprog program = { G_N_ELEMENTS (filter), filter };

  g_assert_cmpint (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
  g_assert_cmpint (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), ==, 0);
}

static MpQueue *
open_as_stranger (const char *uri)
{
  g_autoptr (GError) error = NULL;
  MpQueue *queue;

  refuse_tracing ();
  queue = mp_queue_open (uri, NULL, &error);
  g_assert_no_error (error);
  return queue;
}

/* The URI of the only queue that this process has. */
static char *
dup_uri (void)
{
  DIR                 *folder = opendir ("/proc/self/fd");
  const struct dirent *entry;
  char                *uri = NULL;

  while ((entry = readdir (folder)) != NULL)
    {
      char   target[64];
      gssize length = readlinkat (dirfd (folder), entry->d_name, target, sizeof target - 1);

      target[MAX (length, 0)] = '\0';
      if (!g_str_has_prefix (target, "/memfd:mproc-glib-queue"))
        continue;
      g_assert_null (uri);
      uri = g_strdup_printf ("process:%d/%s", (int) getpid (), entry->d_name);
    }
  closedir (folder);
  g_assert_nonnull (uri);
  return uri;
}

/* --- Messages -------------------------------------------------------------------------------- */

static void
put (gpointer queue,
     gint64   number)
{
  g_autoptr (GError) error = NULL;

  mp_queue_put (queue, g_variant_new_int64 (number), TEST_TIMEOUT_US, NULL, &error);
  g_assert_no_error (error);
}

static gint64
get (gpointer queue)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = mp_queue_get (queue, TEST_TIMEOUT_US, NULL, &error);

  g_assert_no_error (error);
  return g_variant_get_int64 (value);
}

static void
take_message (MpQueue   *queue,
              MpMessage *message,
              gpointer   user_data)
{
  gboolean *is_over = user_data;

  *is_over = TRUE;
  mp_queue_close (queue);
}

/* Waits in a main loop for one message. */
static int
wait_in_loop (gpointer queue)
{
  gboolean is_over = FALSE;

  g_signal_connect (queue, "message", G_CALLBACK (take_message), &is_over);
  mp_queue_start (queue, G_PRIORITY_DEFAULT);
  while (!is_over)
    g_main_context_iteration (NULL, TRUE);
  return 0;
}

static int
wait_in_call (gpointer queue)
{
  get (queue);
  return 0;
}

/* One after the other, so that each waiter takes one. */
static void
put_each (gpointer queue,
          guint    n)
{
  for (guint i = 0; i < n; i++)
    {
      put (queue, i);
      test_wait_until (mp_queue_get_size (queue) == 0);
    }
}

static int
put_all (gpointer uri)
{
  g_autoptr (MpQueue) queue = open_as_stranger (uri);

  put_each (queue, N_LOOPS);
  return 0;
}

static int
put_one (gpointer uri)
{
  g_autoptr (MpQueue) queue = open_as_stranger (uri);

  put_each (queue, 1);
  return 0;
}

/* --- Tests ----------------------------------------------------------------------------------- */

/* More main loops than there are watchers of deaths, and one that waits in a call. */
static void
start_waiters (pid_t waiters[N_LOOPS],
               int (*call) (gpointer data),
               int (*loop) (gpointer data),
               gpointer data)
{
  for (guint i = 0; i < N_LOOPS; i++)
    waiters[i] = test_fork (i == 0 ? call : loop, data);
  for (guint i = 0; i < N_LOOPS; i++)
    test_wait_asleep (waiters[i]);
}

/* All are woken. */
static void
test_wakes_others (void)
{
  g_autoptr (MpQueue) queue = mp_queue_new (0, NULL);
  g_autofree char *uri = dup_uri ();
  pid_t            waiters[N_LOOPS];

  start_waiters (waiters, wait_in_call, wait_in_loop, queue);
  test_wait_child (test_fork (put_all, uri), 0);
  for (guint i = 0; i < N_LOOPS; i++)
    test_wait_child (waiters[i], 0);
}

static int
wait_as_stranger (gpointer uri)
{
  g_autoptr (MpQueue) queue = open_as_stranger (uri);

  return wait_in_loop (queue);
}

static int
get_as_stranger (gpointer uri)
{
  g_autoptr (MpQueue) queue = open_as_stranger (uri);

  return wait_in_call (queue);
}

/* Its own main loop and thread are woken, and so are those of another stranger. */
static void
test_is_woken (void)
{
  g_autoptr (MpQueue) queue = mp_queue_new (0, NULL);
  g_autofree char *uri = dup_uri ();
  pid_t            waiters[N_LOOPS];

  start_waiters (waiters, get_as_stranger, wait_as_stranger, uri);
  put_each (queue, N_LOOPS - 1);
  test_wait_child (test_fork (put_one, uri), 0);
  for (guint i = 0; i < N_LOOPS; i++)
    test_wait_child (waiters[i], 0);
}

static void
done_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  GAsyncResult **where = user_data;

  *where = g_object_ref (result);
}

static int
finish_tasks (gpointer uri)
{
  g_autoptr (MpQueue) queue = open_as_stranger (uri);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MpTask) task =
        mp_joinable_queue_get_task (MP_JOINABLE_QUEUE (queue), TEST_TIMEOUT_US, NULL, &error);

      g_assert_no_error (error);
      g_assert_true (mp_task_done (task, NULL));
    }
  return 0;
}

/* A main loop waits for room and for the end of all tasks, which a stranger brings about. */
static void
test_other_conditions (void)
{
  g_autoptr (MpJoinableQueue) queue = g_object_new (MP_TYPE_JOINABLE_QUEUE, "max-size", 1, NULL);
  g_autofree char *uri = dup_uri ();
  g_autoptr (GAsyncResult) has_put = NULL;
  g_autoptr (GAsyncResult) has_joined = NULL;
  g_autoptr (GError) error = NULL;
  pid_t stranger;

  put (queue, 1);
  mp_queue_put_async (MP_QUEUE (queue), g_variant_new_int64 (2), G_PRIORITY_DEFAULT, NULL, done_cb,
                      &has_put);
  mp_joinable_queue_join_async (queue, G_PRIORITY_DEFAULT, NULL, done_cb, &has_joined);
  test_drain_context ();
  stranger = test_fork (finish_tasks, uri);
  while (has_put == NULL || has_joined == NULL)
    g_main_context_iteration (NULL, TRUE);
  test_wait_child (stranger, 0);
  mp_queue_put_finish (MP_QUEUE (queue), has_put, &error);
  g_assert_no_error (error);
  mp_joinable_queue_join_finish (queue, has_joined, &error);
  g_assert_no_error (error);
}

static int
hold_task (gpointer uri)
{
  g_autoptr (MpQueue) queue = open_as_stranger (uri);
  g_autoptr (MpTask) task =
    mp_joinable_queue_get_task (MP_JOINABLE_QUEUE (queue), TEST_TIMEOUT_US, NULL, NULL);

  g_assert_nonnull (task);
  while (TRUE)
    pause ();
  return 0;
}

/* What it holds when it is killed goes to a main loop that waits. */
static void
test_killed (void)
{
  g_autoptr (MpJoinableQueue) queue = mp_joinable_queue_new (0, NULL);
  g_autofree char *uri = dup_uri ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (MpTask) task = NULL;
  g_autoptr (GError) error = NULL;
  pid_t stranger;

  put (queue, 7);
  stranger = test_fork (hold_task, uri);
  test_wait_until (mp_queue_get_size (MP_QUEUE (queue)) == 0);
  mp_joinable_queue_get_task_async (queue, G_PRIORITY_DEFAULT, NULL, done_cb, &result);
  test_drain_context ();
  g_assert_null (result);

  test_kill (stranger);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  task = mp_joinable_queue_get_task_finish (queue, result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (mp_task_get_delivery_count (task), ==, 2);
  g_assert_true (mp_task_done (task, NULL));
}

static int
fail_to_open (gpointer uri)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_queue_open (uri, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  return 0;
}

/* Keeps only the memory, as a program may that has closed its descriptors. */
static pid_t
start_keeping (int memory)
{
  int   ready[2];
  char  byte;
  pid_t child;

  g_assert_cmpint (pipe2 (ready, O_CLOEXEC), ==, 0);
  child = fork ();
  g_assert_cmpint (child, !=, -1);
  if (child == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      for (int fd = 3; fd < 1024; fd++)
        if (fd != memory && fd != ready[1])
          close (fd);
      (void) !write (ready[1], "", 1);
      for (;;)
        pause ();
    }
  close (ready[1]);
  g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);
  close (ready[0]);
  return child;
}

/* The memory without the pipe is not enough. */
static void
test_no_pipe (void)
{
  MpQueue         *queue = mp_queue_new (0, NULL);
  g_autofree char *uri = dup_uri ();
  g_autofree char *other = NULL;
  int              memory = dup ((int) g_ascii_strtoll (strchr (uri, '/') + 1, NULL, 10));
  pid_t            child;

  g_assert_cmpint (memory, !=, -1);
  child = start_keeping (memory);
  other = g_strdup_printf ("process:%d/%d", (int) child, memory);
  test_wait_child (test_fork (fail_to_open, other), 0);
  test_kill (child);
  close (memory);
  g_assert_finalize_object (queue);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/process-queue/wakes-others", test_wakes_others);
  g_test_add_func ("/process-queue/is-woken", test_is_woken);
  g_test_add_func ("/process-queue/other-conditions", test_other_conditions);
  g_test_add_func ("/process-queue/killed", test_killed);
  g_test_add_func ("/process-queue/no-pipe", test_no_pipe);

  return g_test_run ();
}
