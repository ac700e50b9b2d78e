/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A monitor shows the actual state of a queue, and does not change it. */

#include "config.h"

#include "inspection/process-scan.h"

#include <mproc-glib/mproc-glib.h>

#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static MpQueueMonitor *
monitor_of (gpointer queue)
{
  g_autoptr (GError) error = NULL;
  MpQueueMonitor *monitor = mp_queue_monitor_new_for_queue (MP_SHAREABLE (queue), &error);

  g_assert_no_error (error);
  return monitor;
}

static void
refresh (MpQueueMonitor *monitor)
{
  g_autoptr (GError) error = NULL;

  mp_queue_monitor_refresh (monitor, &error);
  g_assert_no_error (error);
}

static guint
get_uint (MpQueueMonitor *monitor,
          const char     *name)
{
  guint value;

  g_object_get (monitor, name, &value, NULL);
  return value;
}

static guint64
get_uint64 (MpQueueMonitor *monitor,
            const char     *name)
{
  guint64 value;

  g_object_get (monitor, name, &value, NULL);
  return value;
}

static MpJoinableQueue *
new_queue (void)
{
  return g_object_new (MP_TYPE_JOINABLE_QUEUE, "name", "tasks", "max-size", 100,
                       "max-deliveries", 2, NULL);
}

static void
put (gpointer queue,
     gint64   number)
{
  g_autoptr (GError) error = NULL;

  mp_queue_put (queue, g_variant_new_int64 (number), 10 * G_USEC_PER_SEC, NULL, &error);
  g_assert_no_error (error);
}

static MpTask *
get_task (MpJoinableQueue *queue)
{
  g_autoptr (GError) error = NULL;
  MpTask *task = mp_joinable_queue_get_task (queue, 0, NULL, &error);

  g_assert_no_error (error);
  return task;
}

static void
test_counts (void)
{
  g_autoptr (MpJoinableQueue) queue = new_queue ();
  g_autoptr (MpQueueMonitor) monitor = monitor_of (queue);
  g_autoptr (MpTask) first = NULL;
  g_autofree char *name = NULL;
  g_autofree char *kind = NULL;
  gint64           creator;

  g_object_get (monitor, "name", &name, "kind", &kind, "creator", &creator, NULL);
  g_assert_cmpstr (name, ==, "tasks");
  g_assert_cmpstr (kind, ==, "JoinableQueue");
  g_assert_cmpint (creator, ==, getpid ());
  g_assert_cmpuint (get_uint (monitor, "max-size"), ==, 100);
  g_assert_cmpuint (get_uint (monitor, "size"), ==, 0);

  for (guint i = 0; i < 5; i++)
    put (queue, i);
  first = get_task (queue);
  refresh (monitor);
  g_assert_cmpuint (get_uint64 (monitor, "n-put"), ==, 5);
  g_assert_cmpuint (get_uint64 (monitor, "n-got"), ==, 1);
  g_assert_cmpuint (get_uint (monitor, "size"), ==, 4);
  g_assert_cmpuint (get_uint64 (monitor, "n-bytes"), ==, mp_queue_get_n_bytes (MP_QUEUE (queue)));
  g_assert_cmpuint (get_uint (monitor, "n-unfinished"), ==, 5);
  g_assert_cmpuint (get_uint (monitor, "n-held"), ==, 1);
  g_assert_cmpuint (get_uint (monitor, "n-processes"), ==, 1);

  g_assert_true (mp_task_retry (first, NULL));
  refresh (monitor);
  g_assert_cmpuint (get_uint (monitor, "size"), ==, 5);
  g_assert_cmpuint (get_uint (monitor, "n-again"), ==, 1);
  g_assert_cmpuint (get_uint (monitor, "n-held"), ==, 0);

  g_clear_object (&first);
  first = get_task (queue);
  refresh (monitor);
  g_assert_cmpuint (get_uint64 (monitor, "n-redelivered"), ==, 1);
  g_assert_true (mp_task_done (first, NULL));
  refresh (monitor);
  g_assert_cmpuint (get_uint (monitor, "n-unfinished"), ==, 4);
}

static void
test_processes (void)
{
  g_autoptr (MpJoinableQueue) queue = new_queue ();
  g_autoptr (MpQueueMonitor) monitor = monitor_of (queue);
  g_autoptr (GVariant) list = NULL;
  g_autoptr (GVariant) row = NULL;
  g_autoptr (MpTask) task = NULL;
  g_autoptr (GError) error = NULL;
  guint64 n_put, n_got;
  guint32 n_held;
  int     pid;

  put (queue, 1);
  put (queue, 2);
  task = get_task (queue);
  list = mp_queue_monitor_list_processes (monitor, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (list), ==, 1);
  row = g_variant_get_child_value (list, 0);
  g_assert_true (g_variant_lookup (row, "pid", "i", &pid));
  g_assert_cmpint (pid, ==, getpid ());
  g_assert_true (g_variant_lookup (row, "n-put", "t", &n_put));
  g_assert_true (g_variant_lookup (row, "n-got", "t", &n_got));
  g_assert_true (g_variant_lookup (row, "n-held", "u", &n_held));
  g_assert_cmpuint (n_put, ==, 2);
  g_assert_cmpuint (n_got, ==, 1);
  g_assert_cmpuint (n_held, ==, 1);
}

static void
test_tasks (void)
{
  g_autoptr (MpJoinableQueue) queue = new_queue ();
  g_autoptr (MpQueueMonitor) monitor = monitor_of (queue);
  g_autoptr (GVariant) list = NULL;
  g_autoptr (GVariant) row = NULL;
  g_autoptr (MpTask) first = NULL;
  g_autoptr (MpTask) second = NULL;
  const char *state, *format, *text;
  guint32     n_deliveries;
  double      progress;

  for (guint i = 0; i < 3; i++)
    put (queue, i);
  first = get_task (queue);
  second = get_task (queue);
  g_assert_true (mp_task_set_progress (first, 0.25, "a quarter", NULL));

  list = mp_queue_monitor_list_tasks (monitor, 1);
  g_assert_cmpuint (g_variant_n_children (list), ==, 1);
  row = g_variant_get_child_value (list, 0);
  g_assert_true (g_variant_lookup (row, "state", "&s", &state));
  g_assert_cmpstr (state, ==, "held");
  g_assert_true (g_variant_lookup (row, "format", "&s", &format));
  g_assert_cmpstr (format, ==, "gvariant");
  g_assert_true (g_variant_lookup (row, "text", "&s", &text));
  g_assert_cmpstr (text, ==, "a quarter");
  g_assert_true (g_variant_lookup (row, "progress", "d", &progress));
  g_assert_cmpfloat (progress, ==, 0.25);
  g_assert_true (g_variant_lookup (row, "n-deliveries", "u", &n_deliveries));
  g_assert_cmpuint (n_deliveries, ==, 1);

  g_clear_pointer (&list, g_variant_unref);
  list = mp_queue_monitor_list_tasks (monitor, 10);
  g_assert_cmpuint (g_variant_n_children (list), ==, 2);
}

static gint64
number_of (GPtrArray *messages,
           guint      index)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value =
    mp_message_get_variant (g_ptr_array_index (messages, index), &error);

  g_assert_no_error (error);
  return g_variant_get_int64 (value);
}

/* Through several segments of the ring, with some messages in blocks of their own. */
static void
test_peek (void)
{
  const guint n = 20000;
  g_autoptr (MpQueue) queue = mp_queue_new (0, NULL);
  g_autoptr (MpQueueMonitor) monitor = monitor_of (queue);
  g_autoptr (GError) error = NULL;
  guint64 next = 0;
  guint   n_seen = 0;

  for (guint i = 0; i < n; i++)
    put (queue, i);
  while (n_seen < n)
    {
      g_autoptr (GPtrArray) messages = mp_queue_monitor_peek (monitor, next, 500, &next, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (messages->len, ==, 500);
      for (guint i = 0; i < messages->len; i++)
        g_assert_cmpint (number_of (messages, i), ==, n_seen++);
      g_assert_cmpuint (next, ==, n_seen);
    }
  refresh (monitor);
  g_assert_cmpuint (get_uint (monitor, "size"), ==, n);

  /* What was taken is not shown, and what comes is. */
  for (guint i = 0; i < n - 1; i++)
    g_variant_unref (mp_queue_get (queue, 0, NULL, NULL));
  put (queue, n);
  {
    g_autoptr (GPtrArray) messages = mp_queue_monitor_peek (monitor, 0, 500, &next, &error);

    g_assert_no_error (error);
    g_assert_cmpuint (messages->len, ==, 2);
    g_assert_cmpint (number_of (messages, 1), ==, n);
  }
}

static void
test_tail (void)
{
  g_autoptr (MpQueue) queue = mp_queue_new (0, NULL);
  g_autoptr (MpQueueMonitor) monitor = monitor_of (queue);
  g_autoptr (GPtrArray) none = NULL;
  g_autoptr (GPtrArray) some = NULL;
  guint64 next;

  put (queue, 1);
  none = mp_queue_monitor_peek (monitor, G_MAXUINT64, 10, &next, NULL);
  g_assert_cmpuint (none->len, ==, 0);
  g_assert_cmpuint (next, ==, 1);
  put (queue, 2);
  some = mp_queue_monitor_peek (monitor, next, 10, &next, NULL);
  g_assert_cmpuint (some->len, ==, 1);
  g_assert_cmpint (number_of (some, 0), ==, 2);
  g_assert_cmpuint (next, ==, 2);
}

static void
test_peek_too_large (void)
{
  g_autoptr (MpQueue) queue = mp_queue_new (0, NULL);
  g_autoptr (MpQueueMonitor) monitor = monitor_of (queue);
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (2 << 20), 2 << 20);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) messages = NULL;
  guint64 next = 0;

  put (queue, 1);
  g_assert_true (mp_queue_put_bytes (queue, bytes, 0, NULL, NULL));
  put (queue, 3);
  messages = mp_queue_monitor_peek (monitor, 0, 10, &next, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (messages->len, ==, 1);
  g_assert_null (mp_queue_monitor_peek (monitor, next, 10, &next, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_TOO_LARGE);
  g_clear_error (&error);
  g_clear_pointer (&messages, g_ptr_array_unref);
  messages = mp_queue_monitor_peek (monitor, next, 10, &next, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (messages->len, ==, 1);
  g_assert_cmpint (number_of (messages, 0), ==, 3);
}

static void
test_find (void)
{
  g_autoptr (MpJoinableQueue) queue = new_queue ();
  g_autoptr (MpQueueMonitor) own = monitor_of (queue);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) monitors = mp_queue_monitor_find (NULL, &error);
  guint n = 0;

  g_assert_no_error (error);
  for (guint i = 0; i < monitors->len; i++)
    n += get_uint64 (g_ptr_array_index (monitors, i), "id") == get_uint64 (own, "id");
  g_assert_cmpuint (n, ==, 1);
}

static gboolean
stop_loop (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_REMOVE;
}

static void
note_message (MpQueue   *queue,
              MpMessage *message,
              gpointer   user_data)
{
  stop_loop (user_data);
}

/* A process opens the queue of its parent from outside, and wakes the main loop there. */
static void
test_open (void)
{
  g_autoptr (MpJoinableQueue) queue = new_queue ();
  g_autoptr (MpQueueMonitor) own = monitor_of (queue);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GPtrArray) monitors = mp_queue_monitor_find (NULL, NULL);
  g_autofree char *uri = NULL;
  g_autoptr (GError) error = NULL;
  pid_t child;
  int   status;

  for (guint i = 0; i < monitors->len; i++)
    if (get_uint64 (g_ptr_array_index (monitors, i), "id") == get_uint64 (own, "id"))
      uri = mp_queue_monitor_dup_uri (g_ptr_array_index (monitors, i));
  g_assert_nonnull (uri);

  g_signal_connect (queue, "message", G_CALLBACK (note_message), loop);
  mp_queue_start (MP_QUEUE (queue), G_PRIORITY_DEFAULT);
  child = fork ();
  if (child == 0)
    {
      MpQueue *other = mp_queue_open (uri, NULL, &error);

      g_assert_no_error (error);
      g_assert_true (MP_IS_JOINABLE_QUEUE (other));
      put (other, 1);
      _exit (0);
    }
  g_main_loop_run (loop);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_cmpint (status, ==, 0);

  g_assert_null (mp_queue_open ("process:nonsense", NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_null (mp_queue_open ("process:1/100000", NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static MpQueueMonitor *
find_by_id (guint64 id)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) monitors = mp_queue_monitor_find (NULL, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < monitors->len; i++)
    if (get_uint64 (g_ptr_array_index (monitors, i), "id") == id)
      return g_object_ref (g_ptr_array_index (monitors, i));
  return NULL;
}

/* A queue with a name is there when no process has it open, and can be opened by what its monitor
 * says. */
static void
test_named (void)
{
  g_autofree char *folder = g_strdup ("/dev/shm/mproc-glib-monitor-XXXXXX");
  g_autofree char *path = NULL;
  g_autofree char *uri = NULL;
  g_autoptr (MpQueueMonitor) monitor = NULL;
  g_autoptr (MpQueueMonitor) own = NULL;
  g_autoptr (GVariant) processes = NULL;
  g_autoptr (GPtrArray) messages = NULL;
  g_autoptr (GError) error = NULL;
  MpQueue *queue;

  g_assert_nonnull (g_mkdtemp (folder));
  g_setenv ("XDG_RUNTIME_DIR", folder, TRUE);
  queue = mp_queue_open ("local:seen", NULL, &error);
  g_assert_no_error (error);
  put (queue, 7);
  own = monitor_of (queue);
  g_object_unref (queue);

  monitor = find_by_id (get_uint64 (own, "id"));
  g_assert_nonnull (monitor);
  g_assert_cmpuint (get_uint (monitor, "size"), ==, 1);
  g_assert_cmpuint (get_uint (monitor, "n-processes"), ==, 0);
  processes = mp_queue_monitor_list_processes (monitor, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (processes), ==, 0);
  messages = mp_queue_monitor_peek (monitor, 0, 10, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (number_of (messages, 0), ==, 7);
  uri = mp_queue_monitor_dup_uri (monitor);
  g_assert_cmpstr (uri, ==, "local:seen");

  refresh (monitor);
  g_assert_true (mp_queue_remove (uri, NULL, NULL));
  g_assert_false (mp_queue_monitor_refresh (monitor, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);

  path = g_build_filename (folder, "mproc-glib", NULL);
  g_assert_cmpint (rmdir (path), ==, 0);
  g_assert_cmpint (rmdir (folder), ==, 0);
  g_unsetenv ("XDG_RUNTIME_DIR");
}

/* What calls itself a queue, and is locked as one, but is none. */
static void
test_damaged (void)
{
  const int        fd = memfd_create ("mproc-glib-queue:bad", MFD_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  const int        other = open (path, O_RDWR | O_CLOEXEC);
  struct flock     lock = { .l_type = F_WRLCK, .l_start = G_GINT64_CONSTANT (1) << 62, .l_len = 1 };
  struct stat      status;
  gboolean         damaged;
  guint64          next;
  g_autoptr (MpQueueMonitor) monitor = NULL;
  g_autoptr (GVariant) processes = NULL;
  g_autoptr (GVariant) tasks = NULL;
  g_autoptr (GPtrArray) messages = NULL;

  g_assert_cmpint (ftruncate (fd, 100), ==, 0);
  g_assert_cmpint (fcntl (other, F_OFD_SETLK, &lock), ==, 0);
  g_assert_cmpint (fstat (fd, &status), ==, 0);
  monitor = find_by_id (status.st_ino);
  g_assert_nonnull (monitor);
  g_object_get (monitor, "damaged", &damaged, NULL);
  g_assert_true (damaged);
  g_assert_cmpuint (get_uint (monitor, "size"), ==, 0);
  processes = mp_queue_monitor_list_processes (monitor, NULL);
  g_assert_cmpuint (g_variant_n_children (processes), ==, 0);
  tasks = mp_queue_monitor_list_tasks (monitor, 10);
  g_assert_cmpuint (g_variant_n_children (tasks), ==, 0);
  messages = mp_queue_monitor_peek (monitor, 0, 10, &next, NULL);
  g_assert_cmpuint (messages->len, ==, 0);
  close (other);
  close (fd);
}

static void
test_peek_task (void)
{
  g_autoptr (MpJoinableQueue) queue = new_queue ();
  g_autoptr (MpQueueMonitor) monitor = monitor_of (queue);
  g_autoptr (MpTask) task = NULL;
  g_autoptr (GVariant) list = NULL;
  g_autoptr (GVariant) row = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (MpMessage) message = NULL;
  g_autoptr (GError) error = NULL;
  guint64 serial;

  put (queue, 1);
  put (queue, 2);
  task = get_task (queue);
  list = mp_queue_monitor_list_tasks (monitor, 10);
  row = g_variant_get_child_value (list, 0);
  g_assert_true (g_variant_lookup (row, "serial", "t", &serial));
  message = mp_queue_monitor_peek_task (monitor, serial, &error);
  g_assert_no_error (error);
  value = mp_message_get_variant (message, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int64 (value), ==, 1);

  g_assert_true (mp_task_done (task, NULL));
  g_assert_null (mp_queue_monitor_peek_task (monitor, serial, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

/* What is not among those found is hidden. */
static void
test_hidden (void)
{
  g_autoptr (MpJoinableQueue) queue = new_queue ();
  g_autoptr (GPtrArray) none = g_ptr_array_new ();

  put (queue, 1);
  g_assert_cmpuint (mp_queue_monitor_count_hidden (none), >=, 1);
}

static void
test_closed (void)
{
  MpJoinableQueue *queue = new_queue ();
  g_autoptr (MpQueueMonitor) monitor = monitor_of (queue);
  g_autoptr (GError) error = NULL;

  put (queue, 1);
  refresh (monitor);
  g_object_unref (queue);
  g_assert_false (mp_queue_monitor_refresh (monitor, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_assert_cmpuint (get_uint (monitor, "size"), ==, 1);
}

/* Returns a process that has the queue open, and how it ends; its handle is in *@handle. */
static pid_t
start_user (MpJoinableQueue *queue,
            MpQueueMonitor  *monitor,
            void (*end) (int status),
            int      go,
            guint64 *handle)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      char byte;

      put (queue, 1);
      (void) !read (go, &byte, 1);
      end (0);
    }
  *handle = 0;
  while (*handle == 0)
    {
      g_autoptr (GVariant) list = mp_queue_monitor_list_processes (monitor, NULL);

      for (gsize i = 0; i < g_variant_n_children (list); i++)
        {
          g_autoptr (GVariant) row = g_variant_get_child_value (list, i);
          int other;

          if (g_variant_lookup (row, "pid", "i", &other) && other == pid)
            g_assert_true (g_variant_lookup (row, "handle", "t", handle));
        }
    }
  g_assert_false (mp_queue_monitor_has_died (monitor, *handle));
  return pid;
}

static void
end_user (pid_t pid,
          int   go)
{
  g_assert_cmpint (write (go, "", 1), ==, 1);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
}

/* Who ends without having left has died: before others have noticed, afterwards, and when the next
 * one has the same slot. */
static void
test_died (void)
{
  g_autoptr (MpJoinableQueue) queue = new_queue ();
  g_autoptr (MpQueueMonitor) monitor = monitor_of (queue);
  guint64 dies, leaves;
  pid_t   pid;
  int     go[2];

  g_assert_cmpint (pipe (go), ==, 0);
  pid = start_user (queue, monitor, _exit, go[0], &dies);
  end_user (pid, go[1]);
  g_assert_true (mp_queue_monitor_has_died (monitor, dies));

  pid = start_user (queue, monitor, exit, go[0], &leaves);
  g_assert_cmpuint (dies, !=, leaves);
  end_user (pid, go[1]);
  g_assert_false (mp_queue_monitor_has_died (monitor, leaves));
  g_assert_true (mp_queue_monitor_has_died (monitor, dies));

  /* The first handle is that of this process. */
  g_object_unref (g_steal_pointer (&queue));
  g_assert_false (mp_queue_monitor_has_died (monitor, 0));
  g_assert_false (mp_queue_monitor_has_died (monitor, G_MAXUINT64));
  close (go[0]);
  close (go[1]);
}

static gconstpointer
last_scan (void)
{
  g_autoptr (MpProcessScan) scan = mp_process_scan_get_last ();

  return scan;
}

static gboolean
has_process (MpQueueMonitor *monitor,
             pid_t           pid)
{
  g_autoptr (GVariant) list = mp_queue_monitor_list_processes (monitor, NULL);
  gboolean has = FALSE;

  for (gsize i = 0; i < g_variant_n_children (list); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (list, i);
      int other;

      has = has || (g_variant_lookup (row, "pid", "i", &other) && other == pid);
    }
  return has;
}

/* A process that is new to many queues is looked for once, and for a queue that nobody has open
 * nobody is looked for. */
static void
test_one_scan (void)
{
  MpJoinableQueue *queues[3];
  MpQueueMonitor  *monitors[3];
  gconstpointer    scan;
  pid_t            pid;
  int              go[2], ready[2];
  char             byte;

  g_assert_cmpint (pipe (go), ==, 0);
  g_assert_cmpint (pipe (ready), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (queues); i++)
    {
      queues[i] = new_queue ();
      monitors[i] = monitor_of (queues[i]);
      g_assert_true (has_process (monitors[i], getpid ()));
    }
  pid = fork ();
  if (pid == 0)
    {
      for (guint i = 0; i < G_N_ELEMENTS (queues); i++)
        put (queues[i], 1);
      (void) !write (ready[1], "", 1);
      (void) !read (go[0], &byte, 1);
      _exit (0);
    }
  g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);

  g_assert_true (has_process (monitors[0], pid));
  scan = last_scan ();
  for (guint i = 1; i < G_N_ELEMENTS (queues); i++)
    g_assert_true (has_process (monitors[i], pid));
  g_assert_true (last_scan () == scan);

  end_user (pid, go[1]);
  for (guint i = 0; i < G_N_ELEMENTS (queues); i++)
    {
      g_assert_false (has_process (monitors[i], pid));
      g_object_unref (queues[i]);
      g_variant_unref (mp_queue_monitor_list_processes (monitors[i], NULL));
      g_object_unref (monitors[i]);
    }
  g_assert_true (last_scan () == scan);
  for (guint i = 0; i < G_N_ELEMENTS (go); i++)
    {
      close (go[i]);
      close (ready[i]);
    }
}

/* Rates are those of the time between the last two samples. */
static void
test_rates (void)
{
  g_autoptr (MpJoinableQueue) queue = new_queue ();
  g_autoptr (MpQueueMonitor) monitor = monitor_of (queue);
  double rate, byte_rate, get_byte_rate;
  gint64 interval;

  g_object_get (monitor, "put-byte-rate", &byte_rate, "interval-us", &interval, NULL);
  g_assert_cmpfloat (byte_rate, ==, 0);
  g_assert_cmpint (interval, ==, 0);
  for (guint i = 0; i < 10; i++)
    put (queue, i);
  while (interval == 0)
    {
      refresh (monitor);
      g_object_get (monitor, "interval-us", &interval, "put-rate", &rate, "put-byte-rate",
                    &byte_rate, "get-byte-rate", &get_byte_rate, NULL);
    }
  g_assert_cmpfloat (rate, >, 0);
  g_assert_cmpfloat_with_epsilon (byte_rate / rate,
                                  (double) mp_queue_get_n_bytes (MP_QUEUE (queue)) / 10, 0.001);
  g_assert_cmpfloat (get_byte_rate, ==, 0);
}

static void
test_no_queue (void)
{
  g_autoptr (GError) error = NULL;
  int ends[2];

  g_assert_null (mp_queue_monitor_new_for_process (getpid (), 100000, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);

  g_assert_cmpint (pipe (ends), ==, 0);
  g_assert_null (mp_queue_monitor_new_for_process (getpid (), ends[0], &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_DAMAGED);
  close (ends[0]);
  close (ends[1]);
}

static void
note_change (GObject    *object,
             GParamSpec *pspec,
             gpointer    user_data)
{
  g_ptr_array_add (user_data, (gpointer) pspec->name);
}

static void
test_notifies (void)
{
  g_autoptr (MpJoinableQueue) queue = new_queue ();
  g_autoptr (MpQueueMonitor) monitor = monitor_of (queue);
  g_autoptr (GPtrArray) changed = g_ptr_array_new ();

  g_signal_connect (monitor, "notify", G_CALLBACK (note_change), changed);
  refresh (monitor);
  g_assert_cmpuint (changed->len, ==, 0);
  put (queue, 1);
  refresh (monitor);
  g_assert_true (g_ptr_array_find_with_equal_func (changed, "size", g_str_equal, NULL));
  g_assert_false (g_ptr_array_find_with_equal_func (changed, "n-held", g_str_equal, NULL));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/queue-monitor/counts", test_counts);
  g_test_add_func ("/queue-monitor/processes", test_processes);
  g_test_add_func ("/queue-monitor/tasks", test_tasks);
  g_test_add_func ("/queue-monitor/peek", test_peek);
  g_test_add_func ("/queue-monitor/peek-too-large", test_peek_too_large);
  g_test_add_func ("/queue-monitor/tail", test_tail);
  g_test_add_func ("/queue-monitor/find", test_find);
  g_test_add_func ("/queue-monitor/open", test_open);
  g_test_add_func ("/queue-monitor/named", test_named);
  g_test_add_func ("/queue-monitor/damaged", test_damaged);
  g_test_add_func ("/queue-monitor/peek-task", test_peek_task);
  g_test_add_func ("/queue-monitor/hidden", test_hidden);
  g_test_add_func ("/queue-monitor/closed", test_closed);
  g_test_add_func ("/queue-monitor/died", test_died);
  g_test_add_func ("/queue-monitor/one-scan", test_one_scan);
  g_test_add_func ("/queue-monitor/rates", test_rates);
  g_test_add_func ("/queue-monitor/no-queue", test_no_queue);
  g_test_add_func ("/queue-monitor/notifies", test_notifies);

  return g_test_run ();
}
