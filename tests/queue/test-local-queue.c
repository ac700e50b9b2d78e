/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Queues of this user with a name. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *runtime;

static MpQueue *
open_queue (const char *uri)
{
  g_autoptr (GError) error = NULL;
  MpQueue *queue = mp_queue_open (uri, NULL, &error);

  g_assert_no_error (error);
  return queue;
}

static void
refuse (const char *uri,
        GQuark      domain,
        int         code)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_queue_open (uri, NULL, &error));
  g_assert_error (error, domain, code);
}

static void
remove_queue (const char *uri)
{
  g_autoptr (GError) error = NULL;

  mp_queue_remove (uri, NULL, &error);
  g_assert_no_error (error);
}

static void
put (MpQueue *queue,
     gint64   number)
{
  g_autoptr (GError) error = NULL;

  mp_queue_put (queue, g_variant_new_int64 (number), 10 * G_USEC_PER_SEC, NULL, &error);
  g_assert_no_error (error);
}

static gint64
get (MpQueue *queue)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = mp_queue_get (queue, 10 * G_USEC_PER_SEC, NULL, &error);

  g_assert_no_error (error);
  return g_variant_get_int64 (value);
}

/* Messages stay when all processes are gone. */
static void
test_outlives (void)
{
  MpQueue *queue = open_queue ("local:first");

  g_assert_cmpstr (mp_queue_get_name (queue), ==, "first");
  put (queue, 1);
  put (queue, 2);
  g_object_unref (queue);

  queue = open_queue ("local:first");
  g_assert_cmpuint (mp_queue_get_size (queue), ==, 2);
  g_assert_cmpint (get (queue), ==, 1);
  g_object_unref (queue);
  remove_queue ("local:first");
}

static void
test_parameters (void)
{
  g_autoptr (MpQueue) queue =
    open_queue ("local:second?mode=joinable&max-size=3&max-deliveries=7&max-bytes=2000000");
  g_autoptr (MpQueue) again = open_queue ("local:second");
  g_autoptr (MpJoinableQueue) joinable = mp_joinable_queue_open ("local:second", NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (MP_IS_JOINABLE_QUEUE (again));
  g_assert_true (MP_IS_JOINABLE_QUEUE (joinable));
  g_assert_cmpuint (mp_queue_get_max_size (again), ==, 3);
  g_assert_cmpuint (mp_queue_get_max_bytes (again), ==, 2000000);
  g_assert_cmpuint (mp_joinable_queue_get_max_deliveries (joinable), ==, 7);

  refuse ("local:second?mode=plain", G_IO_ERROR, G_IO_ERROR_EXISTS);
  refuse ("local:second?max-size=4", G_IO_ERROR, G_IO_ERROR_EXISTS);
  refuse ("local:second?max-bytes=4", G_IO_ERROR, G_IO_ERROR_EXISTS);
  refuse ("local:second?max-deliveries=4", G_IO_ERROR, G_IO_ERROR_EXISTS);
  mp_queue_open ("local:second?max-size=4", NULL, &error);
  g_assert_nonnull (strstr (error->message, "max-size 3, not 4"));
  remove_queue ("local:second");

  queue = (g_object_unref (queue), open_queue ("local:third"));
  g_assert_false (MP_IS_JOINABLE_QUEUE (queue));
  g_assert_null (mp_joinable_queue_open ("local:third", NULL, NULL));
  remove_queue ("local:third");
}

static void
test_refused (void)
{
  refuse ("local:nothing?create=no", G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  refuse ("local:", G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  refuse ("local:../escape", G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  refuse ("local:.hidden", G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  refuse ("local:a?nonsense=1", G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  refuse ("local:a?max-size=many", G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  refuse ("local:a?mode=both", G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  refuse ("nowhere:a", MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_assert_false (mp_queue_remove ("local:nothing", NULL, NULL));
}

/* What others wait for ends, and the name is free. */
static void
test_remove (void)
{
  g_autoptr (MpQueue) queue = open_queue ("local:gone");
  g_autoptr (MpQueue) next = NULL;
  g_autoptr (GError) error = NULL;

  put (queue, 1);
  remove_queue ("local:gone");
  g_assert_null (mp_queue_get (queue, 10 * G_USEC_PER_SEC, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);

  next = open_queue ("local:gone");
  g_assert_cmpuint (mp_queue_get_size (next), ==, 0);
  remove_queue ("local:gone");
}

static gboolean
quit (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_REMOVE;
}

static void
count_message (MpQueue   *queue,
               MpMessage *message,
               gpointer   user_data)
{
  guint *n = user_data;

  if (++*n == 20000)
    mp_queue_close (queue);
}

static void
end (MpQueue      *queue,
     const GError *reason,
     gpointer      user_data)
{
  quit (user_data);
}

/* The main loop of one process is woken by another one, which opened the queue by itself: also when
 * the FIFO that rings is full. */
static void
test_main_loop (void)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  MpQueue *queue = open_queue ("local:loop?max-size=1");
  guint    n = 0;
  int      status;
  pid_t    child;

  g_signal_connect (queue, "message", G_CALLBACK (count_message), &n);
  g_signal_connect (queue, "closed", G_CALLBACK (end), loop);
  mp_queue_start (queue, G_PRIORITY_DEFAULT);

  child = fork ();
  if (child == 0)
    {
      MpQueue *other = open_queue ("local:loop?create=no");

      for (guint i = 0; i < 20000; i++)
        g_assert_true (mp_queue_put (other, g_variant_new_uint32 (i), -1, NULL, NULL));
      _exit (0);
    }
  g_main_loop_run (loop);
  g_assert_cmpuint (n, ==, 20000);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_finalize_object (queue);
  remove_queue ("local:loop");
}

/* Two that make it at the same time have the same. */
static void
test_race (void)
{
  const guint n_processes = 8;
  pid_t       children[8];

  for (guint round = 0; round < 20; round++)
    {
      g_autoptr (MpQueue) queue = NULL;

      for (guint i = 0; i < n_processes; i++)
        {
          children[i] = fork ();
          if (children[i] == 0)
            {
              MpQueue *own = open_queue ("local:race");

              put (own, i);
              _exit (0);
            }
        }
      for (guint i = 0; i < n_processes; i++)
        {
          int status;

          g_assert_cmpint (waitpid (children[i], &status, 0), ==, children[i]);
          g_assert_cmpint (status, ==, 0);
        }
      queue = open_queue ("local:race?create=no");
      g_assert_cmpuint (mp_queue_get_size (queue), ==, n_processes);
      remove_queue ("local:race");
    }
}

/* A task of a killed consumer comes to one that opens the queue later. */
static void
test_killed (void)
{
  MpJoinableQueue *queue = mp_joinable_queue_open ("local:tasks", NULL, NULL);
  g_autoptr (MpTask) task = NULL;
  g_autoptr (GError) error = NULL;
  int   ends[2];
  char  ready;
  pid_t child;

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  put (MP_QUEUE (queue), 1);
  g_object_unref (queue);
  child = fork ();
  if (child == 0)
    {
      queue = mp_joinable_queue_open ("local:tasks", NULL, NULL);
      g_assert_nonnull (mp_joinable_queue_get_task (queue, -1, NULL, NULL));
      g_assert_cmpint (write (ends[1], "", 1), ==, 1);
      for (;;)
        pause ();
    }
  g_assert_cmpint (read (ends[0], &ready, 1), ==, 1);
  kill (child, SIGKILL);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);

  queue = mp_joinable_queue_open ("local:tasks", NULL, NULL);
  task = mp_joinable_queue_get_task (queue, 10 * G_USEC_PER_SEC, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (mp_task_get_delivery_count (task), ==, 2);
  g_assert_true (mp_task_done (task, NULL));
  g_object_unref (queue);
  remove_queue ("local:tasks");
  close (ends[0]);
  close (ends[1]);
}

static char *
path_of (const char *name,
         const char *file)
{
  return g_build_filename (runtime, "mproc-glib", name, file, NULL);
}

/* A link in the place of a file, a file that others can read, and a file that is too short. */
static void
test_hostile (void)
{
  g_autofree char *memory = path_of ("odd", "memory");
  g_autofree char *kept = path_of ("odd", "kept");
  MpQueue         *queue = open_queue ("local:odd");

  g_object_unref (queue);
  g_assert_cmpint (g_rename (memory, kept), ==, 0);
  g_assert_cmpint (symlink ("kept", memory), ==, 0);
  g_assert_null (mp_queue_open ("local:odd", NULL, NULL));
  g_assert_cmpint (g_unlink (memory), ==, 0);
  g_assert_cmpint (g_rename (kept, memory), ==, 0);

  g_assert_cmpint (g_chmod (memory, 0644), ==, 0);
  refuse ("local:odd", MP_ERROR, MP_ERROR_DAMAGED);
  g_assert_cmpint (g_chmod (memory, 0600), ==, 0);
  g_assert_cmpint (truncate (memory, 5000), ==, 0);
  refuse ("local:odd", MP_ERROR, MP_ERROR_DAMAGED);
  g_assert_cmpint (g_unlink (memory), ==, 0);
  refuse ("local:odd", G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static void
test_foreign_folder (void)
{
  g_autofree char *folder = g_build_filename (runtime, "mproc-glib", NULL);

  g_assert_cmpint (g_chmod (folder, 0777), ==, 0);
  refuse ("local:a", G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_cmpint (g_chmod (folder, 0700), ==, 0);
}

/* One that others may list is closed to them. */
static void
test_readable_folder (void)
{
  g_autofree char *folder = g_build_filename (runtime, "mproc-glib", NULL);
  g_autoptr (MpQueue) queue = NULL;
  g_autoptr (GError) error = NULL;
  GStatBuf info;

  g_assert_cmpint (g_chmod (folder, 0755), ==, 0);
  queue = mp_queue_open ("local:readable", NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_stat (folder, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0700);
  g_assert_true (mp_queue_remove ("local:readable", NULL, &error));
}

static void
remove_all (const char *path)
{
  GDir       *folder = g_dir_open (path, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);

      remove_all (inner);
    }
  g_clear_pointer (&folder, g_dir_close);
  g_remove (path);
}

int
main (int   argc,
      char *argv[])
{
  int result;

  g_test_init (&argc, &argv, NULL);
  runtime = g_strdup ("/dev/shm/mproc-glib-test-XXXXXX");
  g_assert_nonnull (g_mkdtemp (runtime));
  g_setenv ("XDG_RUNTIME_DIR", runtime, TRUE);

  g_test_add_func ("/local-queue/outlives", test_outlives);
  g_test_add_func ("/local-queue/parameters", test_parameters);
  g_test_add_func ("/local-queue/refused", test_refused);
  g_test_add_func ("/local-queue/remove", test_remove);
  g_test_add_func ("/local-queue/main-loop", test_main_loop);
  g_test_add_func ("/local-queue/race", test_race);
  g_test_add_func ("/local-queue/killed", test_killed);
  g_test_add_func ("/local-queue/hostile", test_hostile);
  g_test_add_func ("/local-queue/foreign-folder", test_foreign_folder);
  g_test_add_func ("/local-queue/readable-folder", test_readable_folder);

  result = g_test_run ();
  remove_all (runtime);
  g_free (runtime);
  return result;
}
