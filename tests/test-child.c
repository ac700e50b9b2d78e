/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "test-child.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test-pipe-end.h"

static const char *program;

/* Creates a process that runs this program again in the role @name. */
MpProcess *
make_child (const char *name,
            const char *argument)
{
  const char *argv[] = { program, "--child", name, argument, NULL };

  return mp_process_new (argv);
}

void
start (MpProcess *process)
{
  g_autoptr (GError) error = NULL;

  mp_process_start (process, &error);
  g_assert_no_error (error);
}

void
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

/* Reads until the last writer of the pipe is closed, and returns the data. */
char *
read_all (int fd)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (MpWaitable) waitable = mp_waitable_new_for_fd (fd);
  char buffer[4096];

  while (TRUE)
    {
      g_autofree MpWaitable **ready = NULL;
      gsize                   n_ready = 0;
      gssize                  n;

      ready = mp_wait (&waitable, 1, MP_WAIT_FLAGS_NONE, DEADLINE_US, NULL, &n_ready, NULL);
      g_assert_cmpuint (n_ready, ==, 1);
      n = read (fd, buffer, sizeof buffer);
      g_assert_cmpint (n, >=, 0);
      if (n == 0)
        return g_string_free (g_steal_pointer (&text), FALSE);
      g_string_append_len (text, buffer, n);
    }
}

/* Passes the write end of a new pipe to @process as "out"; returns the read end. */
int
give_pipe (MpProcess *process)
{
  g_autoptr (TestPipeEnd) end = NULL;
  int fds[2];

  make_pipe (fds);
  end = test_pipe_end_new (fds[1], 7);
  mp_process_give (process, "out", MP_SHAREABLE (end));
  return fds[0];
}

/* Lists the descriptors that are open and survive an exec. */
char *
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

/* To be called first: in a child, runs its function and does not return. */
void
run_child (int              argc,
           char            *argv[],
           const TestChild *children)
{
  program = argv[0];
  if (argc < 3 || !g_str_equal (argv[1], "--child"))
    return;

  for (gsize i = 0; children[i].name != NULL; i++)
    if (g_str_equal (children[i].name, argv[2]))
      exit (children[i].run (argv[3]));

  g_error ("There is no child “%s”", argv[2]);
}

const char *
get_program (void)
{
  return program;
}

/* Sleeps until it is killed. */
int
child_sleep (const char *argument)
{
  /* Even an orphan has to end. */
  alarm (2 * DEADLINE_US / G_USEC_PER_SEC);
  while (pause () < 0)
    continue;

  return 1;
}

/* Makes sure that it has inherited nothing. */
int
child_nothing (const char *argument)
{
  g_autofree char *list = list_inheritable ();

  g_assert_cmpstr (list, ==, "0 1 2 ");
  g_assert_null (g_getenv ("MPROC_GLIB_INHERIT"));
  return 0;
}
