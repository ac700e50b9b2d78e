/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs that close all their descriptors, as daemons do, and open other files under the same
 * numbers: they lose their connections and listeners, and the library does not touch the files. */

#include "config.h"

#include "test-fork.h"

#include <mproc-glib/mproc-glib.h>

#include <fcntl.h>

#define FIRST 3
#define END   64

static const char content[] = "nobody else writes here";

typedef struct
{
  gboolean      is_daemon; /* the descriptors were opened before the fork */
  MpConnection *connection;
  MpConnection *peer;
  MpListener   *listener;
} Program;

static void
open_objects (Program *program)
{
  guint8 byte;

  g_assert_true (mp_pipe (TRUE, &program->connection, &program->peer, NULL));
  program->listener = mp_listener_new ("unix:", NULL, NULL);
  g_assert_nonnull (program->listener);

  /* Sleeping opens descriptors of the thread. */
  mp_interrupts_begin ();
  g_assert_cmpint (mp_connection_recv_into (program->connection, &byte, 1, 0, 1000, NULL, NULL), ==,
                   -1);
  mp_interrupts_end ();
}

static void
replace_descriptors (void)
{
  for (int fd = FIRST; fd < END; fd++)
    close (fd);
  for (int fd = FIRST; fd < END; fd++)
    {
      g_autofree char *name = NULL;

      g_assert_cmpint (g_file_open_tmp (NULL, &name, NULL), ==, fd);
      unlink (name);
      g_assert_cmpint (write (fd, content, sizeof content), ==, sizeof content);
    }
}

/* Whether all files are as they were opened, and their positions, too. */
static gboolean
all_are_untouched (void)
{
  for (int fd = FIRST; fd < END; fd++)
    {
      char found[sizeof content + 1];

      if (lseek (fd, 0, SEEK_CUR) != sizeof content ||
          pread (fd, found, sizeof found, 0) != sizeof content ||
          memcmp (found, content, sizeof content) != 0)
        return FALSE;
    }
  return TRUE;
}

static gpointer
close_when_asleep (gpointer connection)
{
  test_wait_until (test_is_asleep (getpid ()));
  mp_connection_close (connection, NULL);
  return NULL;
}

/* A thread that sleeps on a new connection is woken when another closes it. */
static gboolean
new_ones_work (void)
{
  MpConnection *first, *second;
  g_autoptr (GError) error = NULL;
  GThread *thread;
  guint8   byte;
  int      fd;

  g_assert_true (mp_pipe (TRUE, &first, &second, NULL));
  thread = g_thread_new ("closer", close_when_asleep, first);

  /* An old kernel does not support this. */
  fd = mp_interrupts_begin ();
  g_assert_true (fd == -1 || fd >= END);
  mp_connection_recv_into (first, &byte, 1, 0, TEST_TIMEOUT_US, NULL, &error);
  mp_interrupts_end ();
  g_thread_join (thread);
  g_object_unref (first);
  g_object_unref (second);
  return g_error_matches (error, MP_ERROR, MP_ERROR_CLOSED);
}

static gboolean
old_ones_fail (Program *program)
{
  g_autoptr (GError) sent = NULL;
  g_autoptr (GError) received = NULL;
  g_autoptr (GError) accepted = NULL;
  guint8 byte = 0;

  mp_connection_send_data (program->connection, &byte, 1, TEST_TIMEOUT_US, NULL, &sent);
  mp_connection_recv_into (program->connection, &byte, 1, 0, TEST_TIMEOUT_US, NULL, &received);
  mp_listener_accept (program->listener, TEST_TIMEOUT_US, NULL, &accepted);
  return sent != NULL && received != NULL &&
         g_error_matches (accepted, MP_ERROR, MP_ERROR_CLOSED);
}

static int
do_nothing (gpointer data)
{
  return 0;
}

static int
run_program (gpointer data)
{
  Program *program = data;
  gboolean fail, work, untouched;

  if (!program->is_daemon)
    open_objects (program);
  replace_descriptors ();

  test_wait_child (test_fork (do_nothing, NULL), 0);
  fail = old_ones_fail (program);
  work = new_ones_work ();
  untouched = all_are_untouched ();
  g_object_unref (program->connection);
  g_object_unref (program->peer);
  g_object_unref (program->listener);
  untouched = untouched && all_are_untouched ();
  return (fail ? 0 : 1) + (work ? 0 : 2) + (untouched ? 0 : 4);
}

static void
test_program (gconstpointer data)
{
  Program program = { .is_daemon = GPOINTER_TO_INT (data) };

  if (program.is_daemon)
    open_objects (&program);
  test_wait_child (test_fork (run_program, &program), 0);
  g_clear_object (&program.connection);
  g_clear_object (&program.peer);
  g_clear_object (&program.listener);
}

/* What a closed object had got is not closed with it when the object is dropped. */
static void
test_dropped (void)
{
  MpConnection *connection, *peer;
  int           ends[2];
  char          byte;
  int           fd;

  g_assert_true (mp_pipe (TRUE, &connection, &peer, NULL));
  fd = mp_connection_get_fd (connection);
  g_assert_cmpint (pipe (ends), ==, 0);
  g_assert_cmpint (dup2 (ends[0], fd), ==, fd);
  g_object_unref (connection);
  g_object_unref (peer);

  g_assert_cmpint (write (ends[1], "x", 1), ==, 1);
  g_assert_cmpint (read (fd, &byte, 1), ==, 1);
  close (fd);
  close (ends[0]);
  close (ends[1]);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/connection/descriptors/daemon", GINT_TO_POINTER (TRUE), test_program);
  g_test_add_data_func ("/connection/descriptors/closed", GINT_TO_POINTER (FALSE), test_program);
  g_test_add_func ("/connection/descriptors/dropped", test_dropped);

  return g_test_run ();
}
