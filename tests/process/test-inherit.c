/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "test-child.h"
#include "test-pipe-end.h"

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
  MpProcess       *process = make_child ("inherit", NULL);
  g_autofree char *text = NULL;
  int              fd = give_pipe (process);
  TestPipeEnd     *other;

  other = test_pipe_end_new (open ("/dev/null", O_RDWR | O_CLOEXEC), 8);
  mp_process_give (process, "other name", MP_SHAREABLE (other));
  start (process);

  /* The parent has dropped the object: the pipe ends with the child. */
  g_assert_finalize_object (other);
  text = read_all (fd);
  g_assert_cmpstr (text, ==, "out");
  join (process, 0);

  g_assert_finalize_object (process);
  close (fd);
}

/* Many objects, so that their descriptor numbers in parent and child overlap. */
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

  /* The parent gets the end of the stream now. */
  return child_sleep (NULL);
}

static void
test_inherit_closed (void)
{
  MpProcess       *process = make_child ("closed", NULL);
  g_autofree char *text = NULL;
  int              fd = give_pipe (process);

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

/* A shell in between closes the descriptors, or opens other files under their numbers. */
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
      const char *argv[] = { "sh", "-c", scripts[i], get_program (), NULL };
      MpProcess  *process = mp_process_new (argv);
      int         fd = give_pipe (process);

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
  g_assert_nonnull (out);
  return 0;
}

static void
test_inherit_through_shell (void)
{
  const char *argv[] = { "sh", "-c", "\"$0\" --child through; exit $?", get_program (), NULL };
  MpProcess  *process = mp_process_new (argv);
  int         fd = give_pipe (process);

  start (process);
  join (process, 0);
  g_assert_finalize_object (process);
  close (fd);
}

static int
child_grandparent (const char *argument)
{
  g_autoptr (MpShareable) out = mp_inherit ("out", NULL);
  MpProcess *process = make_child ("nothing", NULL);

  g_assert_nonnull (out);
  start (process);
  join (process, 0);
  g_assert_finalize_object (process);
  return 0;
}

/* Runs @function in a child that has inherited the write end of a pipe as "out". */
static void
run_with_pipe (const char *function)
{
  MpProcess *process = make_child (function, NULL);
  int        fd = give_pipe (process);

  start (process);
  join (process, 0);
  g_assert_finalize_object (process);
  close (fd);
}

static void
test_inherit_not_further (void)
{
  run_with_pipe ("grandparent");
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
  run_with_pipe ("unknown-class");
}

/* Sends back all messages, until the parent closes. */
static int
child_echo (const char *argument)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpShareable) inherited = mp_inherit ("connection", &error);

  g_assert_no_error (error);
  g_assert_true (G_OBJECT_TYPE (inherited) == MP_TYPE_CONNECTION);

  while (TRUE)
    {
      g_autoptr (GVariant) value = NULL;

      value = mp_connection_recv (MP_CONNECTION (inherited), -1, NULL, &error);
      if (value == NULL)
        break;
      mp_connection_send (MP_CONNECTION (inherited), value, -1, NULL, &error);
      g_assert_no_error (error);
    }

  g_assert_error (error, MP_ERROR, MP_ERROR_END_OF_STREAM);
  return 0;
}

/* Starts a child that echoes, and returns this end of the connection to it. */
static MpConnection *
start_echo (MpProcess *process)
{
  MpConnection *ours, *theirs;
  g_autoptr (GError) error = NULL;

  mp_pipe (TRUE, &ours, &theirs, &error);
  g_assert_no_error (error);
  mp_process_give (process, "connection", MP_SHAREABLE (theirs));
  start (process);

  /* Only the child has the other end now. */
  g_assert_finalize_object (theirs);
  return ours;
}

static void
test_connection (void)
{
  const gsize   sizes[] = { 0, 10, 1000, 3 * 1000 * 1000 };
  MpProcess    *process = make_child ("echo", NULL);
  MpConnection *connection = start_echo (process);
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree char *text = g_strnfill (sizes[i], 'x');
      g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_string (text));
      g_autoptr (GVariant) echo = NULL;

      mp_connection_send (connection, value, -1, NULL, &error);
      g_assert_no_error (error);
      echo = mp_connection_recv (connection, DEADLINE_US, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpvariant (echo, value);
    }

  g_assert_finalize_object (connection);
  join (process, 0);
  g_assert_finalize_object (process);
}

static void
test_connection_killed (void)
{
  MpProcess    *process = make_child ("echo", NULL);
  MpConnection *connection = start_echo (process);
  g_autoptr (GError) error = NULL;

  mp_process_kill (process);
  g_assert_null (mp_connection_recv (connection, DEADLINE_US, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_END_OF_STREAM);

  join (process, -SIGKILL);
  g_assert_finalize_object (connection);
  g_assert_finalize_object (process);
}

#define N_ITEMS 1000

/* Takes numbers from one queue and puts their squares into the other, until it is shut down. */
static int
child_square (const char *argument)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpShareable) tasks = mp_inherit ("tasks", &error);
  g_autoptr (MpShareable) results = mp_inherit ("results", &error);

  g_assert_no_error (error);
  g_assert_true (G_OBJECT_TYPE (tasks) == MP_TYPE_JOINABLE_QUEUE);
  g_assert_true (G_OBJECT_TYPE (results) == MP_TYPE_QUEUE);

  while (TRUE)
    {
      g_autoptr (GVariant) task = mp_queue_get (MP_QUEUE (tasks), -1, NULL, &error);
      int number;

      if (task == NULL)
        break;
      number = g_variant_get_int32 (task);
      mp_queue_put (MP_QUEUE (results), g_variant_new_int32 (number * number), -1, NULL, &error);
      g_assert_no_error (error);
      mp_joinable_queue_task_done (MP_JOINABLE_QUEUE (tasks), &error);
      g_assert_no_error (error);
    }

  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  return 0;
}

static MpProcess *
start_worker (const char  *name,
              MpShareable *tasks,
              MpShareable *results)
{
  MpProcess *process = make_child (name, NULL);

  mp_process_give (process, "tasks", tasks);
  mp_process_give (process, "results", results);
  start (process);
  return process;
}

static void
test_queues (void)
{
  g_autoptr (GError) error = NULL;
  MpQueue   *tasks = MP_QUEUE (mp_joinable_queue_new (0, &error));
  MpQueue   *results = mp_queue_new (0, &error);
  MpProcess *workers[2];
  gint64     sum = 0;

  g_assert_no_error (error);
  for (gsize i = 0; i < G_N_ELEMENTS (workers); i++)
    workers[i] = start_worker ("square", MP_SHAREABLE (tasks), MP_SHAREABLE (results));

  for (int i = 0; i < N_ITEMS; i++)
    mp_queue_put (tasks, g_variant_new_int32 (i), -1, NULL, &error);
  for (int i = 0; i < N_ITEMS; i++)
    {
      g_autoptr (GVariant) result = mp_queue_get (results, DEADLINE_US, NULL, &error);

      g_assert_no_error (error);
      sum += g_variant_get_int32 (result);
    }
  g_assert_cmpint (sum, ==, (gint64) (N_ITEMS - 1) * N_ITEMS * (2 * N_ITEMS - 1) / 6);

  mp_joinable_queue_join (MP_JOINABLE_QUEUE (tasks), DEADLINE_US, NULL, &error);
  g_assert_no_error (error);
  mp_queue_shutdown (tasks, FALSE, &error);
  for (gsize i = 0; i < G_N_ELEMENTS (workers); i++)
    {
      join (workers[i], 0);
      g_assert_finalize_object (workers[i]);
    }

  g_assert_finalize_object (tasks);
  g_assert_finalize_object (results);
}

/* Takes a task, reports that, and never finishes it. */
static int
child_hold (const char *argument)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpShareable) tasks = mp_inherit ("tasks", &error);
  g_autoptr (MpShareable) results = mp_inherit ("results", &error);
  g_autoptr (GVariant) task = mp_queue_get (MP_QUEUE (tasks), -1, NULL, &error);

  g_assert_no_error (error);
  mp_simple_queue_put (MP_SIMPLE_QUEUE (results), task, &error);
  g_assert_no_error (error);
  return child_sleep (NULL);
}

/* A worker is killed; mp_wait () reports its end and the redelivered task. */
static void
test_queue_killed (void)
{
  g_autoptr (GError) error = NULL;
  MpQueue       *tasks = MP_QUEUE (mp_joinable_queue_new (0, &error));
  MpSimpleQueue *results = mp_simple_queue_new (&error);
  g_autoptr (GVariant) task = NULL;
  g_autoptr (GVariant) held = NULL;
  gint64     deadline = g_get_monotonic_time () + DEADLINE_US;
  MpProcess *worker;
  gsize      n_ready = 0;

  g_assert_no_error (error);
  worker = start_worker ("hold", MP_SHAREABLE (tasks), MP_SHAREABLE (results));
  mp_queue_put (tasks, g_variant_new_int32 (7), -1, NULL, &error);
  held = mp_simple_queue_get (results, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (held), ==, 7);

  mp_process_kill (worker);
  for (gsize seen = 0; seen < 2; seen = n_ready)
    {
      MpWaitable             *objects[] = { MP_WAITABLE (tasks), MP_WAITABLE (worker) };
      g_autofree MpWaitable **ready =
        mp_wait (objects, 2, MP_WAIT_FLAGS_NONE, DEADLINE_US, NULL, &n_ready, &error);

      g_assert_no_error (error);
      g_assert_nonnull (ready);
      g_assert_cmpuint (n_ready, >, 0);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
    }
  task = mp_queue_try_get (tasks, &error);
  g_assert_no_error (error);
  g_assert_cmpvariant (task, held);
  mp_joinable_queue_task_done (MP_JOINABLE_QUEUE (tasks), &error);
  g_assert_no_error (error);
  join (worker, -SIGKILL);

  g_assert_finalize_object (worker);
  g_assert_finalize_object (tasks);
  g_assert_finalize_object (results);
}

/* Calls mp_inherit () from within the open () of a class. */
static void
inherit_while_opening (void)
{
  g_auto (GStrv) names = mp_inherit_names ();
  g_autoptr (MpShareable) again = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (g_strv_length (names), ==, 2);
  again = mp_inherit ("out", &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_clear_error (&error);
  g_assert_null (mp_inherit ("nothing", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static int
child_reentrant (const char *argument)
{
  g_autoptr (MpShareable) out = NULL;
  g_autoptr (MpShareable) other = NULL;
  g_autoptr (GError) error = NULL;

  /* Ends the process after a deadlock. */
  alarm (DEADLINE_US / G_USEC_PER_SEC);

  test_pipe_end_hook = inherit_while_opening;
  out = mp_inherit ("out", &error);
  g_assert_no_error (error);

  test_pipe_end_hook = NULL;
  other = mp_inherit ("other name", &error);
  g_assert_no_error (error);
  return 0;
}

static void
test_inherit_reentrant (void)
{
  MpProcess *process = make_child ("reentrant", NULL);
  g_autoptr (TestPipeEnd) other = NULL;
  int fd = give_pipe (process);

  other = test_pipe_end_new (open ("/dev/null", O_RDWR | O_CLOEXEC), 8);
  mp_process_give (process, "other name", MP_SHAREABLE (other));
  start (process);
  join (process, 0);
  g_assert_finalize_object (process);
  close (fd);
}

static GMutex   opening_mutex;
static GCond    opening_cond;
static gboolean opening;

static void
tell_opening (void)
{
  g_mutex_lock (&opening_mutex);
  opening = TRUE;
  g_cond_broadcast (&opening_cond);
  g_mutex_unlock (&opening_mutex);
}

static gpointer
inherit_out (gpointer data)
{
  return mp_inherit ("out", NULL);
}

/* Two threads that ask for the same object get the same. */
static int
child_threads (const char *argument)
{
  g_autoptr (MpShareable) first = NULL;
  g_autoptr (MpShareable) second = NULL;
  g_autoptr (GError) error = NULL;
  GThread *thread;

  alarm (DEADLINE_US / G_USEC_PER_SEC);
  test_pipe_end_hook = tell_opening;
  thread = g_thread_new ("inherit", inherit_out, NULL);

  g_mutex_lock (&opening_mutex);
  while (!opening)
    g_cond_wait (&opening_cond, &opening_mutex);
  g_mutex_unlock (&opening_mutex);

  second = mp_inherit ("out", &error);
  g_assert_no_error (error);
  first = g_thread_join (thread);
  g_assert_true (first == second);
  return 0;
}

static void
test_inherit_threads (void)
{
  run_with_pipe ("threads");
}

static const TestChild children[] = {
  { "reentrant", child_reentrant },
  { "threads", child_threads },
  { "inherit", child_inherit },
  { "many", child_many },
  { "closed", child_closed },
  { "stale", child_stale },
  { "through", child_through },
  { "grandparent", child_grandparent },
  { "nothing", child_nothing },
  { "sleep", child_sleep },
  { "echo", child_echo },
  { "square", child_square },
  { "hold", child_hold },
  { "unknown-class", child_unknown_class },
  { NULL },
};

int
main (int   argc,
      char *argv[])
{
  if (argc < 3 || !g_str_equal (argv[2], "unknown-class"))
    g_type_ensure (TEST_TYPE_PIPE_END);
  run_child (argc, argv, children);
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/inherit/two", test_inherit);
  g_test_add_func ("/inherit/many", test_inherit_many);
  g_test_add_func ("/inherit/closed", test_inherit_closed);
  g_test_add_func ("/inherit/nothing", test_inherit_nothing);
  g_test_add_func ("/inherit/stale", test_inherit_stale);
  g_test_add_func ("/inherit/through-shell", test_inherit_through_shell);
  g_test_add_func ("/inherit/reentrant", test_inherit_reentrant);
  g_test_add_func ("/inherit/threads", test_inherit_threads);
  g_test_add_func ("/inherit/not-further", test_inherit_not_further);
  g_test_add_func ("/inherit/unknown-class", test_inherit_unknown_class);
  g_test_add_func ("/inherit/connection/echo", test_connection);
  g_test_add_func ("/inherit/connection/killed", test_connection_killed);
  g_test_add_func ("/inherit/queue/workers", test_queues);
  g_test_add_func ("/inherit/queue/killed", test_queue_killed);

  return g_test_run ();
}
