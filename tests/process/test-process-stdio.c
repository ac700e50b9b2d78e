/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "test-child.h"
#include "test-pipe-end.h"

static MpProcess *
make_shell (const char *script)
{
  const char *argv[] = { "sh", "-c", script, NULL };

  return mp_process_new (argv);
}

static void
assert_stream (GInputStream *stream,
               const char   *expected)
{
  g_autoptr (GError) error = NULL;
  char  text[256] = "";
  gsize size = 0;

  g_assert_true (G_IS_INPUT_STREAM (stream));
  g_input_stream_read_all (stream, text, sizeof text - 1, &size, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, expected);
}

static void
assert_file (const char *path,
             const char *expected)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_pipes (void)
{
  MpProcess *process = make_shell ("read line; echo out $line; echo err $line >&2");
  g_autoptr (GError) error = NULL;
  GOutputStream *in;

  mp_process_set_flags (process, G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                   G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_assert_null (mp_process_get_stdin_pipe (process));
  g_assert_null (mp_process_get_stdout_pipe (process));
  start (process);

  in = mp_process_get_stdin_pipe (process);
  g_output_stream_write_all (in, "hello\n", 6, NULL, NULL, &error);
  g_assert_no_error (error);
  assert_stream (mp_process_get_stdout_pipe (process), "out hello\n");
  assert_stream (mp_process_get_stderr_pipe (process), "err hello\n");
  join (process, 0);
  g_assert_finalize_object (process);
}

/* The child gets the end of its standard input when the parent closes the stream. */
static void
test_stdin_ends (void)
{
  MpProcess *process = make_shell ("cat; echo end");
  g_autoptr (GError) error = NULL;

  mp_process_set_flags (process, G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  start (process);
  g_output_stream_close (mp_process_get_stdin_pipe (process), NULL, &error);
  g_assert_no_error (error);
  assert_stream (mp_process_get_stdout_pipe (process), "end\n");
  join (process, 0);
  g_assert_finalize_object (process);
}

static void
test_merge (void)
{
  MpProcess *process = make_shell ("echo one; echo two >&2; echo three");

  mp_process_set_flags (process, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE);
  start (process);
  g_assert_null (mp_process_get_stderr_pipe (process));
  assert_stream (mp_process_get_stdout_pipe (process), "one\ntwo\nthree\n");
  join (process, 0);
  g_assert_finalize_object (process);
}

static void
test_silence (void)
{
  MpProcess *process = make_shell ("test /proc/self/fd/1 -ef /dev/null && "
                                   "test /proc/self/fd/2 -ef /dev/null");

  mp_process_set_flags (process,
                        G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_MERGE);
  start (process);
  join (process, 0);
  g_assert_finalize_object (process);
}

static void
test_files (void)
{
  g_autofree char *folder = g_dir_make_tmp ("mproc-glib-XXXXXX", NULL);
  g_autofree char *in = g_build_filename (folder, "in", NULL);
  g_autofree char *out = g_build_filename (folder, "out", NULL);
  g_autofree char *err = g_build_filename (folder, "err", NULL);
  g_autofree char *path = NULL;
  MpProcess       *process = make_shell ("cat; echo error >&2");

  g_assert_true (g_file_set_contents (in, "input\n", -1, NULL));
  g_assert_true (g_file_set_contents (out, "this is gone afterwards", -1, NULL));
  mp_process_set_stdin_file_path (process, in);
  mp_process_set_stdout_file_path (process, out);
  mp_process_set_stderr_file_path (process, err);
  path = mp_process_get_stdout_file_path (process);
  g_assert_cmpstr (path, ==, out);

  start (process);
  join (process, 0);
  assert_file (out, "input\n");
  assert_file (err, "error\n");
  g_assert_finalize_object (process);

  g_unlink (in);
  g_unlink (out);
  g_unlink (err);
  g_rmdir (folder);
}

static void
assert_start_fails (MpProcess  *process,
                    int         code,
                    const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (mp_process_start (process, &error));
  g_assert_error (error, G_IO_ERROR, code);
  g_assert_nonnull (strstr (error->message, part));
  g_assert_false (mp_process_get_alive (process));
}

static void
test_fails (void)
{
  MpProcess *process = make_shell ("true");

  mp_process_set_stdin_file_path (process, "/nowhere/in");
  assert_start_fails (process, G_IO_ERROR_NOT_FOUND, "/nowhere/in");

  mp_process_set_flags (process, G_SUBPROCESS_FLAGS_STDIN_PIPE);
  assert_start_fails (process, G_IO_ERROR_INVALID_ARGUMENT, "stdin");
  mp_process_set_stdin_file_path (process, NULL);
  mp_process_take_fd (process, eventfd (0, EFD_CLOEXEC), STDIN_FILENO);
  assert_start_fails (process, G_IO_ERROR_INVALID_ARGUMENT, "stdin");

  /* None of that prevents a later start. */
  mp_process_set_flags (process, G_SUBPROCESS_FLAGS_NONE);
  start (process);
  join (process, 0);
  g_assert_finalize_object (process);
}

static int
child_numbers (const char *argument)
{
  g_autofree char *list = list_inheritable ();
  g_autoptr (GError) error = NULL;
  g_autoptr (MpShareable) out = NULL;

  g_assert_cmpstr (list, ==, argument);
  out = mp_inherit ("out", &error);
  g_assert_no_error (error);
  g_assert_cmpint (write (5, "five", 4), ==, 4);
  return 0;
}

/* Together with shareable objects, which get numbers that are free. */
static void
test_take_fd (void)
{
  MpProcess       *process = make_child ("numbers", "0 1 2 3 5 6 7 ");
  g_autofree char *text = NULL;
  int              fd = give_pipe (process);
  int              fds[2];

  g_assert_true (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
  mp_process_take_fd (process, eventfd (0, EFD_CLOEXEC), 5);
  mp_process_take_fd (process, fds[1], 5);
  mp_process_take_fd (process, eventfd (0, EFD_CLOEXEC), 3);
  start (process);

  text = read_all (fds[0]);
  g_assert_cmpstr (text, ==, "five");
  join (process, 0);
  g_assert_finalize_object (process);
  close (fds[0]);
  close (fd);
}

static void
test_take_fd_as_stdout (void)
{
  MpProcess       *process = make_shell ("echo here");
  g_autofree char *text = NULL;
  int              fds[2];

  g_assert_true (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
  mp_process_take_fd (process, fds[1], STDOUT_FILENO);
  start (process);
  text = read_all (fds[0]);
  g_assert_cmpstr (text, ==, "here\n");
  join (process, 0);
  g_assert_finalize_object (process);
  close (fds[0]);
}

static void
test_environment (void)
{
  const char *environment[] = { "PATH=/usr/bin:/bin", "ONE=1", "TWO=2", NULL };
  g_auto (GStrv) kept = NULL;
  MpProcess *process = make_shell ("echo $ONE,$TWO,$THREE,$FOUR");

  g_setenv ("FOUR", "4", TRUE);
  mp_process_set_environment (process, environment);
  mp_process_set_env (process, "TWO", NULL);
  mp_process_set_env (process, "THREE", "3");
  kept = mp_process_get_environment (process);
  g_assert_cmpstrv (kept, environment);

  mp_process_set_flags (process, G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  start (process);
  assert_stream (mp_process_get_stdout_pipe (process), "1,,3,\n");
  join (process, 0);
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
      MpProcess *process = make_shell ("true");

      mp_process_set_flags (process, G_SUBPROCESS_FLAGS_STDIN_PIPE |
                                       G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                       G_SUBPROCESS_FLAGS_STDERR_MERGE);
      mp_process_take_fd (process, eventfd (0, EFD_CLOEXEC), 7);
      if (i % 2 == 0)
        {
          start (process);
          join (process, 0);
        }
      g_assert_finalize_object (process);
    }

  g_assert_cmpuint (count_descriptors (), ==, n_before);
}

static const TestChild children[] = {
  { "numbers", child_numbers },
  { NULL },
};

int
main (int   argc,
      char *argv[])
{
  g_type_ensure (TEST_TYPE_PIPE_END);
  run_child (argc, argv, children);
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/process/stdio/pipes", test_pipes);
  g_test_add_func ("/process/stdio/stdin-ends", test_stdin_ends);
  g_test_add_func ("/process/stdio/merge", test_merge);
  g_test_add_func ("/process/stdio/silence", test_silence);
  g_test_add_func ("/process/stdio/files", test_files);
  g_test_add_func ("/process/stdio/fails", test_fails);
  g_test_add_func ("/process/stdio/take-fd", test_take_fd);
  g_test_add_func ("/process/stdio/take-fd-as-stdout", test_take_fd_as_stdout);
  g_test_add_func ("/process/stdio/environment", test_environment);
  g_test_add_func ("/process/stdio/no-leak", test_no_leak);

  return g_test_run ();
}
