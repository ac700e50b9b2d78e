/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char untouched_mark;

static void
make_pipe (gboolean       duplex,
           MpConnection **first,
           MpConnection **second)
{
  g_autoptr (GError) error = NULL;
  gboolean made = mp_pipe (duplex, first, second, &error);

  g_assert_no_error (error);
  g_assert_true (made);
}

static void
test_duplex (void)
{
  MpConnection *first, *second;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) there = NULL;
  g_autoptr (GVariant) back = NULL;

  make_pipe (TRUE, &first, &second);
  g_assert_true (mp_connection_get_readable (first));
  g_assert_true (mp_connection_get_writable (second));

  mp_connection_send (first, g_variant_new ("(si)", "answer", 42), -1, NULL, &error);
  g_assert_no_error (error);
  there = mp_connection_recv (second, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_type_string (there), ==, "(si)");

  mp_connection_send (second, there, -1, NULL, &error);
  g_assert_no_error (error);
  back = mp_connection_recv (first, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpvariant (there, back);

  g_assert_finalize_object (first);
  g_assert_finalize_object (second);
}

static void
test_one_way (void)
{
  MpConnection *reader, *writer;
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *data = NULL;
  gsize              length;

  make_pipe (FALSE, &reader, &writer);
  g_assert_true (mp_connection_get_readable (reader));
  g_assert_false (mp_connection_get_writable (reader));
  g_assert_false (mp_connection_get_readable (writer));
  g_assert_true (mp_connection_get_writable (writer));

  g_assert_false (mp_connection_send_data (reader, (const guint8 *) "x", 1, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_NOT_WRITABLE);
  g_clear_error (&error);
  g_assert_null (mp_connection_recv_data (writer, -1, NULL, &length, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_NOT_READABLE);
  g_clear_error (&error);
  g_assert_false (mp_connection_poll (writer, 0, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_NOT_READABLE);
  g_clear_error (&error);

  mp_connection_send_data (writer, (const guint8 *) "ab", 2, -1, NULL, &error);
  g_assert_no_error (error);
  data = mp_connection_recv_data (reader, -1, NULL, &length, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (data, length, "ab", 2);

  g_assert_finalize_object (reader);
  g_assert_finalize_object (writer);
}

static void
test_writer_gone (void)
{
  MpConnection *reader, *writer;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;

  make_pipe (FALSE, &reader, &writer);
  mp_connection_send (writer, g_variant_new_int32 (7), -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_finalize_object (writer);

  value = mp_connection_recv (reader, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (value), ==, 7);

  g_assert_true (mp_connection_poll (reader, -1, NULL, &error));
  g_assert_null (mp_connection_recv (reader, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_END_OF_STREAM);
  g_clear_error (&error);

  g_assert_null (mp_connection_next_value (reader, &error));
  g_assert_no_error (error);
  g_assert_true (mp_connection_close (reader, &error));
  g_assert_null (mp_connection_next_value (reader, &error));
  g_assert_no_error (error);

  g_assert_finalize_object (reader);
}

/* SIGPIPE is not ignored here: a signal would end the test. */
static void
test_reader_gone (void)
{
  MpConnection *reader, *writer;
  g_autoptr (GError) error = NULL;

  make_pipe (FALSE, &reader, &writer);
  g_assert_finalize_object (reader);

  g_assert_false (mp_connection_send (writer, g_variant_new_int32 (7), -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);

  g_assert_finalize_object (writer);
}

/* The reader of a real pipe is closed: here the library has to suppress the signal. */
static void
test_os_pipe (void)
{
  MpConnection *reader, *writer;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;
  sigset_t pending;
  int      fds[2];

  g_assert_no_errno (pipe (fds));
  reader = mp_connection_new_for_fd (fds[0], TRUE, FALSE, &error);
  g_assert_no_error (error);
  writer = mp_connection_new_for_fd (fds[1], FALSE, TRUE, &error);
  g_assert_no_error (error);

  mp_connection_send (writer, g_variant_new_string ("through"), -1, NULL, &error);
  g_assert_no_error (error);
  value = mp_connection_recv (reader, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, "through");
  g_assert_null (mp_connection_try_recv (reader, &error));
  g_assert_no_error (error);

  g_assert_finalize_object (reader);
  g_assert_false (mp_connection_send (writer, g_variant_new_int32 (7), -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  sigpending (&pending);
  g_assert_false (sigismember (&pending, SIGPIPE));

  g_assert_finalize_object (writer);
}

static void
echo_in_child (MpConnection *connection)
{
  g_autoptr (GError) error = NULL;

  for (;;)
    {
      g_autoptr (GVariant) value = mp_connection_recv (connection, -1, NULL, &error);

      if (value == NULL)
        break;
      if (!mp_connection_send (connection, value, -1, NULL, &error))
        break;
    }

  _exit (g_error_matches (error, MP_ERROR, MP_ERROR_END_OF_STREAM) ? 0 : 1);
}

static void
test_fork (void)
{
  MpConnection *first, *second;
  g_autoptr (GError) error = NULL;
  pid_t pid;
  int   status;

  make_pipe (TRUE, &first, &second);
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      mp_connection_close (first, NULL);
      echo_in_child (second);
    }

  g_assert_finalize_object (second);
  for (int i = 0; i < 100; i++)
    {
      g_autoptr (GVariant) value = NULL;

      mp_connection_send (first, g_variant_new_int32 (i), -1, NULL, &error);
      g_assert_no_error (error);
      value = mp_connection_recv (first, -1, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpint (g_variant_get_int32 (value), ==, i);
    }

  g_assert_finalize_object (first);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

/* Without descriptors nothing is made, and nothing written to where the ends would go. */
static void
test_no_descriptors (void)
{
  gpointer const untouched = &untouched_mark;
  MpConnection  *first = untouched, *second = untouched;
  struct rlimit  before, few;
  g_autoptr (GError) error = NULL;
  int highest = dup (0);

  /* One number is free, and two are needed. */
  g_assert_cmpint (highest, >=, 0);
  close (highest);
  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &before));
  few = before;
  few.rlim_cur = (rlim_t) highest + 1;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &few));
  g_assert_false (mp_pipe (TRUE, &first, &second, &error));
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &before));

  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES);
  g_assert_true (first == untouched);
  g_assert_true (second == untouched);
}

#define N_RACES 5000

typedef struct
{
  MpConnection *connection;
  gint          stops;
} Flipper;

static gpointer
flip_in_thread (gpointer data)
{
  Flipper *self = data;

  while (!g_atomic_int_get (&self->stops))
    {
      mp_connection_set_format (self->connection, MP_FORMAT_PICKLE);
      mp_connection_set_format (self->connection, MP_FORMAT_BYTES);
    }
  return NULL;
}

/* What is handed out as a pickle was looked at, whatever another thread does with the format. */
static void
test_format_races (void)
{
  MpConnection *first, *second;
  Flipper       flipper;
  GThread      *thread;

  make_pipe (TRUE, &first, &second);
  flipper = (Flipper){ second, FALSE };
  thread = g_thread_new ("flipper", flip_in_thread, &flipper);
  for (int i = 0; i < N_RACES; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree guint8 *pickle = NULL;
      gsize              length;

      mp_connection_send_data (first, (const guint8 *) "no pickle", 9, -1, NULL, &error);
      g_assert_no_error (error);

      /* As bytes it has a form as a pickle, which begins with this byte. */
      pickle = mp_connection_recv_pickle (second, -1, NULL, &length, &error);
      g_assert_true (pickle != NULL ? pickle[0] == 0x80 : error != NULL);
    }
  g_atomic_int_set (&flipper.stops, TRUE);
  g_thread_join (thread);
  g_assert_finalize_object (first);
  g_assert_finalize_object (second);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pipe/duplex", test_duplex);
  g_test_add_func ("/pipe/one-way", test_one_way);
  g_test_add_func ("/pipe/writer-gone", test_writer_gone);
  g_test_add_func ("/pipe/reader-gone", test_reader_gone);
  g_test_add_func ("/pipe/os-pipe", test_os_pipe);
  g_test_add_func ("/pipe/fork", test_fork);
  g_test_add_func ("/pipe/no-descriptors", test_no_descriptors);
  g_test_add_func ("/pipe/format-races", test_format_races);

  return g_test_run ();
}
