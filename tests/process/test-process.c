/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test-child.h"
#include "test-pipe-end.h"

static int
child_exit (const char *argument)
{
  return atoi (argument);
}

static void
test_exit_code (void)
{
  MpProcess *process = make_child ("exit", "42");
  g_auto (GStrv) arguments = NULL;

  g_assert_cmpint (mp_process_get_pid (process), ==, 0);
  g_assert_false (mp_process_get_alive (process));
  g_assert_cmpint (mp_process_get_exit_code (process), ==, MP_PROCESS_STILL_ALIVE);
  arguments = mp_process_get_argv (process);
  g_assert_cmpstr (arguments[2], ==, "exit");

  start (process);
  g_assert_cmpint (mp_process_get_pid (process), >, 0);
  join (process, 42);
  g_assert_false (mp_process_get_alive (process));
  g_assert_cmpint (mp_process_get_pid (process), >, 0);

  /* There is no zombie, and signals are not sent any more. */
  g_assert_cmpint (waitpid (mp_process_get_pid (process), NULL, WNOHANG), ==, -1);
  mp_process_kill (process);
  join (process, 42);

  g_assert_finalize_object (process);
}

static void
test_signals (void)
{
  MpProcess *terminated = make_child ("sleep", NULL);
  MpProcess *killed = make_child ("sleep", NULL);

  mp_process_terminate (terminated);
  start (terminated);
  start (killed);
  g_assert_true (mp_process_get_alive (terminated));
  g_assert_true (mp_process_get_alive (killed));

  mp_process_terminate (terminated);
  mp_process_kill (killed);
  join (terminated, -SIGTERM);
  join (killed, -SIGKILL);

  g_assert_finalize_object (terminated);
  g_assert_finalize_object (killed);
}

static void
assert_start_fails (MpProcess *process,
                    int        code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (mp_process_start (process, &error));
  g_assert_error (error, G_IO_ERROR, code);
}

static void
test_start_fails (void)
{
  const char *nowhere[] = { "/nowhere/nothing", NULL };
  const char *folder[] = { "/", NULL };
  MpProcess  *process;

  process = mp_process_new (nowhere);
  assert_start_fails (process, G_IO_ERROR_NOT_FOUND);
  g_assert_false (mp_process_get_alive (process));
  g_assert_finalize_object (process);

  process = mp_process_new (folder);
  assert_start_fails (process, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_finalize_object (process);

  process = g_object_new (MP_TYPE_PROCESS, NULL);
  assert_start_fails (process, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_finalize_object (process);

  process = make_child ("exit", "0");
  mp_process_set_cwd (process, "/nowhere");
  g_assert_false (mp_process_start (process, NULL));
  mp_process_set_cwd (process, NULL);
  start (process);
  assert_start_fails (process, G_IO_ERROR_EXISTS);
  join (process, 0);
  g_assert_finalize_object (process);
}

/* Arguments, variables, directories and files can be any bytes; messages of errors are text. */
static void
test_not_utf8 (void)
{
  const char      *argv[] = { "/bin/sh", "-c", "[ \"$1$A\" = \"$2\" ]", "sh", "b\377", "b\377c\376",
                              NULL };
  g_autofree char *folder = g_dir_make_tmp ("mproc-test-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "a\377", NULL);
  MpProcess       *process = mp_process_new (argv);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  mp_process_set_env (process, "A", "c\376");
  mp_process_set_cwd (process, path);
  start (process);
  join (process, 0);
  g_assert_finalize_object (process);
  g_assert_cmpint (g_rmdir (path), ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0);

  process = mp_process_new ((const char *[]){ path, NULL });
  g_assert_false (mp_process_start (process, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_finalize_object (process);
}

/* Each setting can be changed until the start. */
static void
test_set_argv (void)
{
  MpProcess *process = g_object_new (MP_TYPE_PROCESS, NULL);
  g_auto (GStrv) arguments = NULL;

  g_assert_null (mp_process_get_argv (process));
  mp_process_set_argv (process, (const char *[]){ "false", NULL });
  mp_process_set_argv (process, (const char *[]){ "true", "x", NULL });
  arguments = mp_process_get_argv (process);
  g_assert_cmpuint (g_strv_length (arguments), ==, 2);
  start (process);
  join (process, 0);
  g_assert_finalize_object (process);
}

static void
test_give_fails (void)
{
  MpProcess *process = make_child ("exit", "0");
  g_autoptr (TestPipeEnd) closed = test_pipe_end_new (-1, 0);
  g_autoptr (GError) error = NULL;

  mp_process_give (process, "closed", MP_SHAREABLE (closed));
  g_assert_false (mp_process_start (process, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_assert_nonnull (strstr (error->message, "closed"));

  g_assert_finalize_object (process);
}

static MpProcess *described_for;

static void
use_while_described (void)
{
  g_autoptr (TestPipeEnd) end = test_pipe_end_new (eventfd (0, EFD_CLOEXEC), 0);
  g_autoptr (GError) error = NULL;

  g_assert_false (mp_process_get_alive (described_for));
  g_assert_false (mp_process_start (described_for, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  mp_process_give (described_for, "too-late", MP_SHAREABLE (end));
}

/* A shareable object may call functions of the process object in its describe (). */
static void
test_give_reentrant (void)
{
  MpProcess *process = make_child ("exit", "0");
  int        fd = give_pipe (process);

  described_for = process;
  test_pipe_end_hook = use_while_described;
  start (process);
  test_pipe_end_hook = NULL;

  join (process, 0);
  g_assert_finalize_object (process);
  close (fd);
}

static void
use_when_gone (gpointer data,
               GObject *gone)
{
  g_assert_false (mp_process_get_alive (data));
}

/* A replaced object may call functions of the process object when it is finalized. */
static void
test_give_replaced (void)
{
  MpProcess   *process = make_child ("exit", "0");
  TestPipeEnd *end = test_pipe_end_new (eventfd (0, EFD_CLOEXEC), 0);
  int          fd;

  g_object_weak_ref (G_OBJECT (end), use_when_gone, process);
  mp_process_give (process, "out", MP_SHAREABLE (end));
  g_object_unref (end);
  fd = give_pipe (process);

  g_assert_finalize_object (process);
  close (fd);
}

typedef struct
{
  guint    n_exit_codes;
  guint    n_alive;
  gboolean was_alive;
} Notified;

static void
exit_code_cb (MpProcess  *process,
              GParamSpec *pspec,
              gpointer    user_data)
{
  Notified *notified = user_data;

  notified->n_exit_codes++;
}

static void
alive_cb (MpProcess  *process,
          GParamSpec *pspec,
          gpointer    user_data)
{
  Notified *notified = user_data;

  notified->n_alive++;
  notified->was_alive = mp_process_get_alive (process);
}

static void
test_notify (void)
{
  MpProcess *process = make_child ("sleep", NULL);
  Notified   notified = { 0 };

  g_signal_connect (process, "notify::exit-code", G_CALLBACK (exit_code_cb), &notified);
  g_signal_connect (process, "notify::alive", G_CALLBACK (alive_cb), &notified);
  start (process);
  g_assert_cmpuint (notified.n_alive, ==, 1);
  g_assert_true (notified.was_alive);

  /* The end is notified even if another call has already returned it. */
  mp_process_kill (process);
  join (process, -SIGKILL);
  while (notified.n_exit_codes == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (notified.n_alive, ==, 2);
  g_assert_false (notified.was_alive);

  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpuint (notified.n_exit_codes, ==, 1);
  g_assert_finalize_object (process);
}

static void
test_wait_check (void)
{
  MpProcess *good = make_child ("exit", "0");
  MpProcess *bad = make_child ("exit", "3");
  MpProcess *killed = make_child ("sleep", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (mp_process_wait_check (good, -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_INITIALIZED);
  g_clear_error (&error);

  start (good);
  g_assert_true (mp_process_wait_check (good, DEADLINE_US, NULL, &error));
  g_assert_no_error (error);

  start (bad);
  g_assert_false (mp_process_wait_check (bad, DEADLINE_US, NULL, &error));
  g_assert_error (error, G_SPAWN_EXIT_ERROR, 3);
  g_clear_error (&error);

  start (killed);
  mp_process_kill (killed);
  g_assert_false (mp_process_wait_check (killed, DEADLINE_US, NULL, &error));
  g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_FAILED);

  g_assert_finalize_object (good);
  g_assert_finalize_object (bad);
  g_assert_finalize_object (killed);
}

static void
checked_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_assert_false (mp_process_wait_check_finish (MP_PROCESS (source), result, user_data));
}

static void
test_wait_check_async (void)
{
  MpProcess *process = make_child ("exit", "3");
  g_autoptr (GError) error = NULL;

  start (process);
  mp_process_wait_check_async (process, G_PRIORITY_DEFAULT, NULL, checked_cb, &error);
  while (error == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_error (error, G_SPAWN_EXIT_ERROR, 3);

  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_finalize_object (process);
}

static void
test_join_fails (void)
{
  MpProcess *process = make_child ("sleep", NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_assert_false (mp_process_join (process, -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_INITIALIZED);
  g_clear_error (&error);

  start (process);
  g_assert_false (mp_process_join (process, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);

  g_cancellable_cancel (cancellable);
  g_assert_false (mp_process_join (process, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  mp_process_kill (process);
  join (process, -SIGKILL);
  g_assert_finalize_object (process);
}

static void
joined_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (GError) error = NULL;
  gboolean *done = user_data;

  g_assert_true (mp_process_join_finish (MP_PROCESS (source), result, &error));
  g_assert_no_error (error);
  *done = TRUE;
}

static void
test_join_async (void)
{
  MpProcess *process = make_child ("sleep", NULL);
  gboolean   done = FALSE;

  start (process);
  mp_process_join_async (process, G_PRIORITY_DEFAULT, NULL, joined_cb, &done);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_false (done);

  mp_process_terminate (process);
  while (!done)
    g_main_context_iteration (NULL, TRUE);

  g_assert_cmpint (mp_process_get_exit_code (process), ==, -SIGTERM);
  g_assert_finalize_object (process);
}

static void
join_cancelled_cb (GObject      *source,
                   GAsyncResult *result,
                   gpointer      user_data)
{
  g_autoptr (GError) error = NULL;
  gboolean *done = user_data;

  g_assert_false (mp_process_join_finish (MP_PROCESS (source), result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  *done = TRUE;
}

static void
test_join_async_cancelled (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  MpProcess *process = make_child ("sleep", NULL);
  gboolean   done = FALSE;

  start (process);
  mp_process_join_async (process, G_PRIORITY_DEFAULT, cancellable, join_cancelled_cb, &done);
  g_cancellable_cancel (cancellable);
  while (!done)
    g_main_context_iteration (NULL, TRUE);

  mp_process_kill (process);
  join (process, -SIGKILL);
  g_assert_finalize_object (process);
}

static void
test_wait_for_any (void)
{
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (GError) error = NULL;
  MpProcess *processes[3];
  gsize      n_ready = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (processes); i++)
    {
      processes[i] = make_child ("sleep", NULL);
      start (processes[i]);
    }

  mp_process_kill (processes[1]);
  ready = mp_wait ((MpWaitable **) processes, G_N_ELEMENTS (processes), MP_WAIT_FLAGS_NONE,
                   DEADLINE_US, NULL, &n_ready, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_ready, ==, 1);
  g_assert_true (ready[0] == MP_WAITABLE (processes[1]));

  for (gsize i = 0; i < G_N_ELEMENTS (processes); i++)
    {
      mp_process_kill (processes[i]);
      join (processes[i], -SIGKILL);
      g_assert_finalize_object (processes[i]);
    }
}

static int
child_surroundings (const char *argument)
{
  g_autofree char *cwd = g_get_current_dir ();
  char             byte;

  g_assert_cmpstr (cwd, ==, "/");
  g_assert_cmpstr (g_getenv ("MP_TEST_ADDED"), ==, "two");
  g_assert_null (g_getenv ("MP_TEST_REMOVED"));
  g_assert_cmpstr (g_getenv ("MP_TEST_KEPT"), ==, "kept");
  g_assert_cmpint (read (STDIN_FILENO, &byte, 1), ==, 0);
  return 0;
}

static void
test_surroundings (void)
{
  g_autofree char *absolute = g_canonicalize_filename (get_program (), NULL);
  const char      *argv[] = { absolute, "--child", "surroundings", NULL };
  MpProcess       *process = mp_process_new (argv);
  g_autofree char *cwd = NULL;

  g_setenv ("MP_TEST_KEPT", "kept", TRUE);
  g_setenv ("MP_TEST_REMOVED", "not yet", TRUE);
  mp_process_set_env (process, "MP_TEST_ADDED", "one");
  mp_process_set_env (process, "MP_TEST_ADDED", "two");
  mp_process_set_env (process, "MP_TEST_REMOVED", NULL);
  mp_process_set_cwd (process, "/");

  start (process);
  join (process, 0);
  g_object_get (process, "cwd", &cwd, NULL);
  g_assert_cmpstr (cwd, ==, "/");
  g_assert_finalize_object (process);
}

static void
test_found_in_path (void)
{
  const char *argv[] = { "sh", "-c", "exit 3", NULL };
  MpProcess  *process = mp_process_new (argv);

  start (process);
  join (process, 3);
  g_assert_finalize_object (process);
}

static void
test_no_descriptors (void)
{
  MpProcess *process = make_child ("nothing", NULL);
  int        fds[8];

  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = eventfd (0, 0);

  start (process);
  join (process, 0);

  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  g_assert_finalize_object (process);
}

/* The process between the test and a child with die-with-parent. */
static int
child_parent (const char *argument)
{
  MpProcess *process = make_child ("sleep", NULL);
  g_autoptr (MpShareable) out = mp_inherit ("out", NULL);
  int fd = test_pipe_end_get_fd (TEST_PIPE_END (out));
  int sibling = 0;

  g_assert_nonnull (out);
  mp_process_give (process, "out", out);
  mp_process_set_die_with_parent (process, TRUE);
  start (process);
  if (g_str_equal (argument, "dropped"))
    g_object_unref (process);
  else if ((sibling = fork ()) == 0)
    {
      close (fd);
      return child_sleep (NULL);
    }

  g_assert_cmpint (write (fd, &sibling, sizeof sibling), ==, sizeof sibling);
  return child_sleep (NULL);
}

/* Also when the parent has forked off a process that lives on. */
static void
test_die_with_parent (gconstpointer data)
{
  MpProcess       *process = make_child ("parent", data);
  g_autofree char *text = NULL;
  int              fd = give_pipe (process);
  int              sibling;

  start (process);
  g_assert_cmpint (read (fd, &sibling, sizeof sibling), ==, sizeof sibling);
  mp_process_kill (process);
  join (process, -SIGKILL);

  /* The grandchild has the pipe open as long as it is alive. */
  text = read_all (fd);
  g_assert_cmpstr (text, ==, "");

  if (sibling != 0)
    g_assert_no_errno (kill (sibling, SIGKILL));
  g_assert_finalize_object (process);
  close (fd);
}

static gpointer
start_thread (gpointer data)
{
  start (data);
  return NULL;
}

/* The end of the thread that started the child is not the end of the parent. */
static void
test_started_by_thread (void)
{
  MpProcess *process = make_child ("sleep", NULL);

  mp_process_set_die_with_parent (process, TRUE);
  g_thread_join (g_thread_new ("start", start_thread, process));
  g_assert_false (mp_process_join (process, 20 * 1000, NULL, NULL));

  mp_process_kill (process);
  join (process, -SIGKILL);
  g_assert_finalize_object (process);
}

static void
test_dropped (void)
{
  MpProcess *process = make_child ("sleep", NULL);
  gint64     deadline = g_get_monotonic_time () + DEADLINE_US;
  int        pid;

  start (process);
  pid = mp_process_get_pid (process);
  g_assert_finalize_object (process);

  /* The child continues to run; once it is dead, starting other children reaps it. */
  g_assert_no_errno (kill (pid, SIGKILL));
  while (kill (pid, 0) == 0)
    {
      process = make_child ("exit", "0");
      start (process);
      join (process, 0);
      g_assert_finalize_object (process);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    }
  g_assert_cmpint (errno, ==, ESRCH);
}

static void
test_reaped_by_another (void)
{
  MpProcess *process = make_child ("exit", "3");

  start (process);
  g_assert_cmpint (waitpid (mp_process_get_pid (process), NULL, 0), >, 0);
  join (process, 255);
  mp_process_kill (process);
  g_assert_finalize_object (process);
}

/* A forked copy of the parent can check whether the child is alive, and does not reap it. */
static void
test_forked_copy (void)
{
  MpProcess *process = make_child ("sleep", NULL);
  int        status = 0;
  int        pid;

  start (process);
  pid = fork ();
  if (pid == 0)
    {
      gboolean alive = mp_process_get_alive (process);

      g_object_unref (process);
      _exit (alive ? 0 : 1);
    }

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  g_assert_true (mp_process_get_alive (process));
  mp_process_kill (process);
  join (process, -SIGKILL);
  g_assert_finalize_object (process);
}

static guint
count_descriptors (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

static void
test_no_leak (void)
{
  guint n_before = count_descriptors ();

  for (guint i = 0; i < 20; i++)
    {
      MpProcess *process = make_child ("exit", "0");
      int        fd = give_pipe (process);

      mp_process_set_die_with_parent (process, TRUE);
      start (process);
      join (process, 0);
      g_assert_finalize_object (process);
      close (fd);
    }

  g_assert_cmpuint (count_descriptors (), ==, n_before);
}

static const TestChild children[] = {
  { "exit", child_exit },
  { "sleep", child_sleep },
  { "surroundings", child_surroundings },
  { "nothing", child_nothing },
  { "parent", child_parent },
  { NULL },
};

int
main (int   argc,
      char *argv[])
{
  g_type_ensure (TEST_TYPE_PIPE_END);
  run_child (argc, argv, children);
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/process/exit-code", test_exit_code);
  g_test_add_func ("/process/signals", test_signals);
  g_test_add_func ("/process/start-fails", test_start_fails);
  g_test_add_func ("/process/not-utf8", test_not_utf8);
  g_test_add_func ("/process/set-argv", test_set_argv);
  g_test_add_func ("/process/give-fails", test_give_fails);
  g_test_add_func ("/process/give-reentrant", test_give_reentrant);
  g_test_add_func ("/process/give-replaced", test_give_replaced);
  g_test_add_func ("/process/notify", test_notify);
  g_test_add_func ("/process/wait-check/sync", test_wait_check);
  g_test_add_func ("/process/wait-check/async", test_wait_check_async);
  g_test_add_func ("/process/join/fails", test_join_fails);
  g_test_add_func ("/process/join/async", test_join_async);
  g_test_add_func ("/process/join/async-cancelled", test_join_async_cancelled);
  g_test_add_func ("/process/wait-for-any", test_wait_for_any);
  g_test_add_func ("/process/surroundings", test_surroundings);
  g_test_add_func ("/process/found-in-path", test_found_in_path);
  g_test_add_func ("/process/no-descriptors", test_no_descriptors);
  g_test_add_data_func ("/process/die-with-parent/dropped", "dropped", test_die_with_parent);
  g_test_add_data_func ("/process/die-with-parent/forked", "forked", test_die_with_parent);
  g_test_add_func ("/process/started-by-thread", test_started_by_thread);
  g_test_add_func ("/process/dropped", test_dropped);
  g_test_add_func ("/process/reaped-by-another", test_reaped_by_another);
  g_test_add_func ("/process/forked-copy", test_forked_copy);
  g_test_add_func ("/process/no-leak", test_no_leak);

  return g_test_run ();
}
