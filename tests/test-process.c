/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test-pipe-end.h"

/* What a test waits for at most. */
#define DEADLINE_US (30 * G_USEC_PER_SEC)

static const char *program;

/* Makes a process that runs child_<mode>() of this file. */
static MpProcess *
make_child (const char *mode,
            const char *argument)
{
  const char *argv[] = { program, "--child", mode, argument, NULL };

  return mp_process_new (argv);
}

static void
start (MpProcess *process)
{
  g_autoptr (GError) error = NULL;

  mp_process_start (process, &error);
  g_assert_no_error (error);
}

static void
join (MpProcess *process,
      int        exit_code)
{
  g_autoptr (GError) error = NULL;

  mp_process_join (process, DEADLINE_US, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (mp_process_get_exit_code (process), ==, exit_code);
}

static void
make_pipe (int fds[2])
{
  g_autoptr (GError) error = NULL;

  g_unix_open_pipe (fds, FD_CLOEXEC, &error);
  g_assert_no_error (error);
}

/* Waits until the last writer of the pipe is gone, and gives what was written. */
static char *
read_all (int fd)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (MpWaitable) waitable = mp_waitable_new_for_fd (fd);
  char buffer[4096];

  while (TRUE)
    {
      g_autofree MpWaitable **ready = NULL;
      gsize n_ready = 0;
      gssize n;

      ready = mp_wait (&waitable, 1, DEADLINE_US, NULL, &n_ready, NULL);
      g_assert_cmpuint (n_ready, ==, 1);
      n = read (fd, buffer, sizeof buffer);
      g_assert_cmpint (n, >=, 0);
      if (n == 0)
        return g_string_free (g_steal_pointer (&text), FALSE);
      g_string_append_len (text, buffer, n);
    }
}

/* Gives the writing end of a new pipe to @process as "out"; returns the reading end. */
static int
give_pipe (MpProcess *process)
{
  g_autoptr (TestPipeEnd) end = NULL;
  int fds[2];

  make_pipe (fds);
  end = test_pipe_end_new (fds[1], 7);
  mp_process_give (process, "out", MP_SHAREABLE (end));
  return fds[0];
}

static int
child_exit (const char *argument)
{
  return atoi (argument);
}

static int
child_sleep (const char *argument)
{
  /* Also an orphan that nobody kills must end. */
  alarm (2 * DEADLINE_US / G_USEC_PER_SEC);
  while (pause () < 0)
    continue;

  return 1;
}

static void
test_exit_code (void)
{
  MpProcess *process = make_child ("exit", "42");

  g_assert_cmpint (mp_process_get_pid (process), ==, 0);
  g_assert_false (mp_process_get_alive (process));
  g_assert_cmpint (mp_process_get_exit_code (process), ==, MP_PROCESS_STILL_ALIVE);
  g_assert_cmpstr (mp_process_get_argv (process)[2], ==, "exit");

  start (process);
  g_assert_cmpint (mp_process_get_pid (process), >, 0);
  join (process, 42);
  g_assert_false (mp_process_get_alive (process));
  g_assert_cmpint (mp_process_get_pid (process), >, 0);

  /* There is no zombie, and nothing is left to be sent to. */
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
  MpProcess *process;

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
  gboolean done = FALSE;

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
  gboolean done = FALSE;

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
  gsize n_ready = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (processes); i++)
    {
      processes[i] = make_child ("sleep", NULL);
      start (processes[i]);
    }

  mp_process_kill (processes[1]);
  ready = mp_wait ((MpWaitable **) processes, G_N_ELEMENTS (processes), DEADLINE_US, NULL,
                   &n_ready, &error);
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
  char byte;

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
  g_autofree char *absolute = g_canonicalize_filename (program, NULL);
  const char *argv[] = { absolute, "--child", "surroundings", NULL };
  MpProcess *process = mp_process_new (argv);
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
  MpProcess *process = mp_process_new (argv);

  start (process);
  join (process, 3);
  g_assert_finalize_object (process);
}

/* Lists the descriptors that are open and survive an exec. */
static char *
list_inheritable (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  g_autoptr (GString) list = g_string_new (NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      int flags = fcntl (atoi (name), F_GETFD);

      if (flags >= 0 && (flags & FD_CLOEXEC) == 0)
        g_string_append_printf (list, "%s ", name);
    }

  return g_string_free (g_steal_pointer (&list), FALSE);
}

static int
child_no_descriptors (const char *argument)
{
  g_autofree char *list = list_inheritable ();

  g_assert_cmpstr (list, ==, "0 1 2 ");
  g_assert_null (g_getenv ("MPROC_GLIB_INHERIT"));
  return 0;
}

static void
test_no_descriptors (void)
{
  MpProcess *process = make_child ("no-descriptors", NULL);
  int fds[8];

  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = eventfd (0, 0);

  start (process);
  join (process, 0);

  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  g_assert_finalize_object (process);
}

/* Runs between the test and a child that is to die with it. */
static int
child_parent (const char *argument)
{
  MpProcess *process = make_child ("sleep", NULL);
  g_autoptr (MpShareable) out = mp_inherit ("out", NULL);

  g_assert_nonnull (out);
  mp_process_give (process, "out", out);
  mp_process_set_die_with_parent (process, g_str_equal (argument, "together"));
  start (process);
  if (g_str_equal (argument, "together"))
    g_object_unref (process);

  g_assert_cmpint (write (test_pipe_end_get_fd (TEST_PIPE_END (out)), "x", 1), ==, 1);
  return child_sleep (NULL);
}

static void
test_die_with_parent (void)
{
  MpProcess *process = make_child ("parent", "together");
  g_autofree char *text = NULL;
  int fd = give_pipe (process);
  char byte;

  start (process);
  g_assert_cmpint (read (fd, &byte, 1), ==, 1);
  mp_process_kill (process);
  join (process, -SIGKILL);

  /* The grandchild has the pipe as long as it lives. */
  text = read_all (fd);
  g_assert_cmpstr (text, ==, "");

  g_assert_finalize_object (process);
  close (fd);
}

static gpointer
start_thread (gpointer data)
{
  start (data);
  return NULL;
}

/* The end of the thread is not the end of the parent. */
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
  gint64 deadline = g_get_monotonic_time () + DEADLINE_US;
  int pid;

  start (process);
  pid = mp_process_get_pid (process);
  g_assert_finalize_object (process);

  /* It lives on; once it is dead, starting others reaps it. */
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

/* A forked copy of the parent sees whether the child is alive, and does not disturb. */
static void
test_forked_copy (void)
{
  MpProcess *process = make_child ("sleep", NULL);
  int status = 0;
  int pid;

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
      int fd = give_pipe (process);

      mp_process_set_die_with_parent (process, TRUE);
      start (process);
      join (process, 0);
      g_assert_finalize_object (process);
      close (fd);
    }

  g_assert_cmpuint (count_descriptors (), ==, n_before);
}

static int
child_inherit (const char *argument)
{
  g_auto (GStrv) names = mp_inherit_names ();
  g_autofree char *joined = g_strjoinv (",", names);
  g_autofree char *list = list_inheritable ();
  g_autoptr (MpShareable) out = NULL;
  g_autoptr (MpShareable) again = NULL;
  g_autoptr (MpShareable) other = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (joined, ==, "other name,out");
  g_assert_null (g_getenv ("MPROC_GLIB_INHERIT"));
  g_assert_cmpstr (list, ==, "0 1 2 ");

  out = mp_inherit ("out", &error);
  g_assert_no_error (error);
  g_assert_true (TEST_IS_PIPE_END (out));
  g_assert_cmpuint (test_pipe_end_get_number (TEST_PIPE_END (out)), ==, 7);
  again = mp_inherit ("out", &error);
  g_assert_true (again == out);

  other = mp_inherit ("other name", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (test_pipe_end_get_number (TEST_PIPE_END (other)), ==, 8);
  g_assert_cmpint (write (test_pipe_end_get_fd (TEST_PIPE_END (other)), "other ", 6), ==, 6);
  g_assert_cmpint (write (test_pipe_end_get_fd (TEST_PIPE_END (out)), "out", 3), ==, 3);

  g_assert_null (mp_inherit ("nothing", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "“other name”"));
  g_assert_nonnull (strstr (error->message, "“out”"));
  return 0;
}

static void
test_inherit (void)
{
  MpProcess *process = make_child ("inherit", NULL);
  g_autofree char *text = NULL;
  int fd = give_pipe (process);
  TestPipeEnd *other;

  other = test_pipe_end_new (open ("/dev/null", O_RDWR | O_CLOEXEC), 8);
  mp_process_give (process, "other name", MP_SHAREABLE (other));
  start (process);

  /* The parent has let go of what it gave: the pipe ends with the child. */
  g_assert_finalize_object (other);
  text = read_all (fd);
  g_assert_cmpstr (text, ==, "out");
  join (process, 0);

  g_assert_finalize_object (process);
  close (fd);
}

/* Many things, so that numbers here and numbers there overlap. */
static int
child_many (const char *argument)
{
  for (int i = 0; i < 100; i++)
    {
      g_autofree char *name = g_strdup_printf ("%d", i);
      g_autoptr (GError) error = NULL;
      g_autoptr (MpShareable) end = mp_inherit (name, &error);
      eventfd_t value = 0;

      g_assert_no_error (error);
      g_assert_cmpuint (test_pipe_end_get_number (TEST_PIPE_END (end)), ==, i);
      g_assert_no_errno (eventfd_read (test_pipe_end_get_fd (TEST_PIPE_END (end)), &value));
      g_assert_cmpuint (value, ==, i + 1);
    }

  return 0;
}

static void
test_inherit_many (void)
{
  MpProcess *process = make_child ("many", NULL);

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u", i);
      g_autoptr (TestPipeEnd) end = test_pipe_end_new (eventfd (i + 1, EFD_CLOEXEC), i);

      mp_process_give (process, name, MP_SHAREABLE (end));
    }

  start (process);
  join (process, 0);
  g_assert_finalize_object (process);
}

static int
child_closed (const char *argument)
{
  g_autoptr (GError) error = NULL;
  MpShareable *out = mp_inherit ("out", &error);

  g_assert_no_error (error);
  g_assert_finalize_object (out);
  g_assert_null (mp_inherit ("out", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);

  /* The parent sees the end now. */
  return child_sleep (NULL);
}

static void
test_inherit_closed (void)
{
  MpProcess *process = make_child ("closed", NULL);
  g_autofree char *text = NULL;
  int fd = give_pipe (process);

  start (process);
  text = read_all (fd);
  g_assert_cmpstr (text, ==, "");
  mp_process_kill (process);
  join (process, -SIGKILL);

  g_assert_finalize_object (process);
  close (fd);
}

static void
test_inherit_nothing (void)
{
  g_auto (GStrv) names = mp_inherit_names ();
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (g_strv_length (names), ==, 0);
  g_assert_null (mp_inherit ("tasks", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static int
child_stale (const char *argument)
{
  g_auto (GStrv) names = mp_inherit_names ();
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (g_strv_length (names), ==, 0);
  g_assert_null (mp_inherit ("out", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "descriptors"));
  return 0;
}

/* A shell in between closes the descriptors, or gives the numbers to something else. */
static void
test_inherit_stale (void)
{
  const char *scripts[] = {
    "exec \"$0\" --child stale 3>&-",
    "exec \"$0\" --child stale 3</dev/null",
    "exec \"$0\" --child stale 3<\"$0\"",
    "MPROC_GLIB_INHERIT=nonsense exec \"$0\" --child stale",
    "MPROC_GLIB_INHERIT=99999999999:1 exec \"$0\" --child stale",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (scripts); i++)
    {
      const char *argv[] = { "sh", "-c", scripts[i], program, NULL };
      MpProcess *process = mp_process_new (argv);
      int fd = give_pipe (process);

      start (process);
      join (process, 0);
      g_assert_finalize_object (process);
      close (fd);
    }
}

static int
child_through (const char *argument)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpShareable) out = mp_inherit ("out", &error);

  g_assert_no_error (error);
  return 0;
}

static void
test_inherit_through_shell (void)
{
  const char *argv[] = { "sh", "-c", "\"$0\" --child through; exit $?", program, NULL };
  MpProcess *process = mp_process_new (argv);
  int fd = give_pipe (process);

  start (process);
  join (process, 0);
  g_assert_finalize_object (process);
  close (fd);
}

static int
child_grandparent (const char *argument)
{
  g_autoptr (MpShareable) out = mp_inherit ("out", NULL);
  MpProcess *process = make_child ("no-descriptors", NULL);

  start (process);
  join (process, 0);
  g_assert_finalize_object (process);
  return 0;
}

static void
test_inherit_not_further (void)
{
  MpProcess *process = make_child ("grandparent", NULL);
  int fd = give_pipe (process);

  start (process);
  join (process, 0);
  g_assert_finalize_object (process);
  close (fd);
}

static int
child_unknown_class (const char *argument)
{
  g_autoptr (MpShareable) out = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_inherit ("out", &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);

  g_type_ensure (TEST_TYPE_PIPE_END);
  out = mp_inherit ("out", &error);
  g_assert_no_error (error);
  return 0;
}

static void
test_inherit_unknown_class (void)
{
  MpProcess *process = make_child ("unknown-class", NULL);
  int fd = give_pipe (process);

  start (process);
  join (process, 0);
  g_assert_finalize_object (process);
  close (fd);
}

static const struct
{
  const char *mode;
  int (*run) (const char *argument);
} children[] = {
  { "exit", child_exit },
  { "sleep", child_sleep },
  { "surroundings", child_surroundings },
  { "no-descriptors", child_no_descriptors },
  { "parent", child_parent },
  { "inherit", child_inherit },
  { "many", child_many },
  { "closed", child_closed },
  { "stale", child_stale },
  { "through", child_through },
  { "grandparent", child_grandparent },
  { "unknown-class", child_unknown_class },
};

static int
run_child (const char *mode,
           const char *argument)
{
  if (!g_str_equal (mode, "unknown-class"))
    g_type_ensure (TEST_TYPE_PIPE_END);

  for (gsize i = 0; i < G_N_ELEMENTS (children); i++)
    if (g_str_equal (children[i].mode, mode))
      return children[i].run (argument);

  g_error ("There is no child “%s”", mode);
}

int
main (int   argc,
      char *argv[])
{
  program = argv[0];
  if (argc >= 3 && g_str_equal (argv[1], "--child"))
    return run_child (argv[2], argv[3]);

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/process/exit-code", test_exit_code);
  g_test_add_func ("/process/signals", test_signals);
  g_test_add_func ("/process/start-fails", test_start_fails);
  g_test_add_func ("/process/give-fails", test_give_fails);
  g_test_add_func ("/process/join/fails", test_join_fails);
  g_test_add_func ("/process/join/async", test_join_async);
  g_test_add_func ("/process/join/async-cancelled", test_join_async_cancelled);
  g_test_add_func ("/process/wait-for-any", test_wait_for_any);
  g_test_add_func ("/process/surroundings", test_surroundings);
  g_test_add_func ("/process/found-in-path", test_found_in_path);
  g_test_add_func ("/process/no-descriptors", test_no_descriptors);
  g_test_add_func ("/process/die-with-parent", test_die_with_parent);
  g_test_add_func ("/process/started-by-thread", test_started_by_thread);
  g_test_add_func ("/process/dropped", test_dropped);
  g_test_add_func ("/process/reaped-by-another", test_reaped_by_another);
  g_test_add_func ("/process/forked-copy", test_forked_copy);
  g_test_add_func ("/process/no-leak", test_no_leak);
  g_test_add_func ("/inherit/two", test_inherit);
  g_test_add_func ("/inherit/many", test_inherit_many);
  g_test_add_func ("/inherit/closed", test_inherit_closed);
  g_test_add_func ("/inherit/nothing", test_inherit_nothing);
  g_test_add_func ("/inherit/stale", test_inherit_stale);
  g_test_add_func ("/inherit/through-shell", test_inherit_through_shell);
  g_test_add_func ("/inherit/not-further", test_inherit_not_further);
  g_test_add_func ("/inherit/unknown-class", test_inherit_unknown_class);

  return g_test_run ();
}
