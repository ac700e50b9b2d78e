/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A queue shared by threads, processes and namespaces; untrusted descriptions; and its memory. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "memory/layout.h"

#include "numbers.h"
#include "test-fork.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/time.h>

#define N_THREADS 4
#define N_EACH    5000

/* --- Threads --------------------------------------------------------------------------- */

static gpointer
put_thread (gpointer data)
{
  for (int i = 0; i < N_EACH; i++)
    put_int (data, i);
  return NULL;
}

static gpointer
get_thread (gpointer data)
{
  gint64 sum = 0;

  for (int i = 0; i < N_EACH; i++)
    sum += get_int (data);
  return GINT_TO_POINTER ((int) sum);
}

static void
test_threads (void)
{
  MpQueue *queue = mp_queue_new (10, NULL);
  GThread *putters[N_THREADS], *getters[N_THREADS];
  gint64   sum = 0;

  for (guint i = 0; i < N_THREADS; i++)
    {
      putters[i] = g_thread_new ("put", put_thread, queue);
      getters[i] = g_thread_new ("get", get_thread, queue);
    }
  for (guint i = 0; i < N_THREADS; i++)
    {
      g_thread_join (putters[i]);
      sum += GPOINTER_TO_INT (g_thread_join (getters[i]));
    }
  g_assert_cmpint (sum, ==, (gint64) N_THREADS * N_EACH * (N_EACH - 1) / 2);
  g_assert_true (mp_queue_is_empty (queue));

  g_assert_finalize_object (queue);
}

/* --- Signals ----------------------------------------------------------------------------- */

static int n_signals;

static void
signal_cb (int number)
{
  n_signals++;
}

static void
start_alarm (gint64 interval_us)
{
  const struct itimerval timer = { { 0, interval_us }, { 0, interval_us } };
  const struct sigaction action = { .sa_handler = signal_cb };

  n_signals = 0;
  sigaction (SIGALRM, &action, NULL);
  setitimer (ITIMER_REAL, &timer, NULL);
}

/* A get continues after a signal handler, an interruptible wait returns. */
static void
test_signals (void)
{
  MpQueue *queue = mp_queue_new (0, NULL);
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time ();

  start_alarm (5000);
  g_assert_null (mp_queue_get (queue, 100 * 1000, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_EMPTY);
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 100 * 1000);
  g_clear_error (&error);

  test_wait_until (!mp_waitable_wait (MP_WAITABLE (queue), MP_CONDITION_READABLE,
                                      MP_WAIT_FLAGS_INTERRUPTIBLE, TEST_TIMEOUT_US, NULL, &error) &&
                   n_signals > 0);
  g_assert_no_error (error);
  g_assert_cmpint (g_get_monotonic_time () - start, <, TEST_TIMEOUT_US);
  start_alarm (0);

  g_assert_finalize_object (queue);
}

/* --- Foreign loops -------------------------------------------------------------------------- */

static void
test_epoll (void)
{
  MpQueue           *queue = mp_queue_new (0, NULL);
  int                fd = mp_queue_get_fd (queue);
  int                epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  struct epoll_event event = { .events = EPOLLIN };
  fd_set             set;
  struct timeval     no_time = { 0, 0 };

  g_assert_cmpint (epoll_ctl (epoll_fd, EPOLL_CTL_ADD, fd, &event), ==, 0);
  g_assert_cmpint (epoll_wait (epoll_fd, &event, 1, 0), ==, 0);
  put_int (queue, 1);
  g_assert_cmpint (epoll_wait (epoll_fd, &event, 1, 0), ==, 1);
  g_assert_cmpint (epoll_wait (epoll_fd, &event, 1, 0), ==, 1);

  FD_ZERO (&set);
  FD_SET (fd, &set);
  g_assert_cmpint (select (fd + 1, &set, NULL, NULL, &no_time), ==, 1);

  g_assert_cmpint (get_int (queue), ==, 1);
  g_assert_cmpint (epoll_wait (epoll_fd, &event, 1, 0), ==, 0);
  close (epoll_fd);

  g_assert_finalize_object (queue);
}

static gboolean
count_cb (gpointer user_data)
{
  (*(guint *) user_data)++;
  return G_SOURCE_REMOVE;
}

static void
test_source_cancelled (void)
{
  MpQueue *queue = mp_queue_new (0, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GSource *source = mp_queue_create_source (queue, cancellable);
  guint    n = 0;

  g_source_set_callback (source, count_cb, &n, NULL);
  g_source_attach (source, NULL);
  g_source_unref (source);
  test_drain_context ();
  g_assert_cmpuint (n, ==, 0);
  g_cancellable_cancel (cancellable);
  test_iterate_until (n == 1);

  test_drain_context ();
  g_assert_finalize_object (queue);
}

/* --- Waiters ---------------------------------------------------------------------------------- */

#define N_WAITERS 6

static int
get_one (gpointer data)
{
  g_autoptr (GVariant) value = mp_queue_get (data, -1, NULL, NULL);

  return value != NULL ? 0 : 1;
}

/* Wake-ups meant for killed waiters go to the others. */
static void
test_some_killed (void)
{
  MpQueue *queue = mp_queue_new (0, NULL);
  pid_t    waiters[N_WAITERS];

  for (guint i = 0; i < N_WAITERS; i++)
    {
      waiters[i] = test_fork (get_one, queue);
      test_wait_asleep (waiters[i]);
    }
  for (guint i = 0; i < N_WAITERS; i += 2)
    test_kill (waiters[i]);
  for (guint i = 1; i < N_WAITERS; i += 2)
    put_int (queue, i);
  for (guint i = 1; i < N_WAITERS; i += 2)
    test_wait_child (waiters[i], 0);
  g_assert_true (mp_queue_is_empty (queue));

  g_assert_finalize_object (queue);
}

static int
expect_closed (GError *error)
{
  return g_error_matches (error, MP_ERROR, MP_ERROR_CLOSED) ? 0 : 1;
}

static int
put_until_closed (gpointer data)
{
  g_autoptr (GError) error = NULL;

  while (mp_queue_put (data, g_variant_new_int64 (1), -1, NULL, &error))
    ;
  return expect_closed (error);
}

static int
get_task_until_closed (gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpTask) task = mp_joinable_queue_get_task (data, -1, NULL, &error);

  return task == NULL ? expect_closed (error) : 1;
}

static int
join_until_closed (gpointer data)
{
  g_autoptr (GError) error = NULL;

  return !mp_joinable_queue_join (data, -1, NULL, &error) &&
             g_error_matches (error, MP_ERROR, MP_ERROR_CLOSED)
           ? 0
           : 1;
}

static void
got_closed_cb (GObject      *object,
               GAsyncResult *result,
               gpointer      user_data)
{
  g_autoptr (GError) error = NULL;
  int *status = user_data;

  g_assert_null (mp_joinable_queue_get_task_finish (MP_JOINABLE_QUEUE (object), result, &error));
  *status = expect_closed (error);
}

static int
loop_until_closed (gpointer data)
{
  int status = -1;

  mp_joinable_queue_get_task_async (data, G_PRIORITY_DEFAULT, NULL, got_closed_cb, &status);
  while (status == -1)
    g_main_context_iteration (NULL, TRUE);
  return status;
}

/* All waiters for any condition in any process are woken. */
static void
test_shutdown_wakes_all (void)
{
  MpJoinableQueue *empty = mp_joinable_queue_new (0, NULL);
  MpJoinableQueue *full = mp_joinable_queue_new (1, NULL);
  pid_t            children[4];

  put_int (MP_QUEUE (full), 1);
  children[0] = test_fork (put_until_closed, full);
  children[1] = test_fork (join_until_closed, full);
  children[2] = test_fork (get_task_until_closed, empty);
  children[3] = test_fork (loop_until_closed, empty);
  for (guint i = 0; i < 3; i++)
    test_wait_asleep (children[i]);
  g_assert_true (mp_queue_shutdown (MP_QUEUE (full), TRUE, NULL));
  g_assert_true (mp_queue_shutdown (MP_QUEUE (empty), TRUE, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (children); i++)
    test_wait_child (children[i], 0);

  g_assert_finalize_object (empty);
  g_assert_finalize_object (full);
}

/* --- Namespaces ------------------------------------------------------------------------------ */

static int
take_and_hang (gpointer data)
{
  MpTask *task = mp_joinable_queue_get_task (data, -1, NULL, NULL);

  g_assert_nonnull (task);
  pause ();
  return 1;
}

/* The first process of another pid namespace, as a sandbox has: its pid there is 1. */
static int
hang_in_namespace (gpointer data)
{
  if (unshare (CLONE_NEWUSER | CLONE_NEWPID) == -1 && unshare (CLONE_NEWPID) == -1)
    return 77;
  test_wait_child (test_fork (take_and_hang, data), 0);
  return 1;
}

static void
test_pid_namespace (void)
{
  MpJoinableQueue *queue = mp_joinable_queue_new (0, NULL);
  g_autoptr (MpTask) task = NULL;
  g_autoptr (GError) error = NULL;
  pid_t child = test_fork (hang_in_namespace, queue);
  int   status;

  put_int (MP_QUEUE (queue), 5);
  test_wait_until (mp_queue_is_empty (MP_QUEUE (queue)) || waitpid (child, &status, WNOHANG) != 0);
  if (!mp_queue_is_empty (MP_QUEUE (queue)))
    {
      g_test_skip ("pid namespaces cannot be made here");
      g_object_unref (queue);
      return;
    }

  /* Killing the parent of the namespace kills all processes in it. */
  test_kill (child);
  task = mp_joinable_queue_get_task (queue, TEST_TIMEOUT_US, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (mp_task_get_delivery_count (task), ==, 2);
  g_assert_true (mp_task_done (task, &error));

  g_clear_object (&task);
  g_assert_finalize_object (queue);
}

/* --- A child of a child ----------------------------------------------------------------------- */

static int
put_one (gpointer data)
{
  put_int (data, 3);
  return 0;
}

static int
fork_again (gpointer data)
{
  put_int (data, 2);
  test_wait_child (test_fork (put_one, data), 0);
  return 0;
}

static void
test_grandchild (void)
{
  MpQueue *queue = mp_queue_new (0, NULL);

  put_int (queue, 1);
  test_wait_child (test_fork (fork_again, queue), 0);
  for (int i = 1; i <= 3; i++)
    g_assert_cmpint (get_int (queue), ==, i);

  g_assert_finalize_object (queue);
}

/* A main loop that was waiting before the fork waits in both processes independently. */
static int
loop_in_child (gpointer data)
{
  guint    n = 0;
  GSource *source = mp_queue_create_source (data, NULL);

  g_source_set_callback (source, count_cb, &n, NULL);
  g_source_attach (source, NULL);
  test_iterate_until (n == 1);
  return get_int (data) == 1 ? 0 : 1;
}

static void
test_loop_in_child (void)
{
  MpQueue *queue = mp_queue_new (0, NULL);
  guint    n = 0;
  GSource *source = mp_queue_create_source (queue, NULL);
  pid_t    child;

  g_source_set_callback (source, count_cb, &n, NULL);
  g_source_attach (source, NULL);
  g_source_unref (source);
  test_drain_context ();

  child = test_fork (loop_in_child, queue);
  put_int (queue, 1);
  test_wait_child (child, 0);
  put_int (queue, 2);
  test_iterate_until (n == 1);
  g_assert_cmpint (get_int (queue), ==, 2);

  test_drain_context ();
  g_assert_finalize_object (queue);
}

/* --- Memory ----------------------------------------------------------------------------------- */

static int
peek_memory (MpQueue *queue)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) description = NULL;

  description = mp_shareable_describe (MP_SHAREABLE (queue), fds, NULL);
  g_assert_nonnull (description);
  return g_unix_fd_list_get (fds, 0, NULL);
}

static guint64
memory_in_use (int fd)
{
  struct stat status;

  g_assert_cmpint (fstat (fd, &status), ==, 0);
  return (guint64) status.st_blocks * 512;
}

/* Memory of blocks and of segments is returned to the system. */
static void
test_gives_back (gconstpointer data)
{
  const gsize        size = GPOINTER_TO_SIZE (data), total = 200 << 20;
  MpQueue           *queue = mp_queue_new_full (0, 256 << 20, NULL);
  g_autofree guint8 *message = g_malloc0 (size);
  int                fd = peek_memory (queue);

  g_assert_cmpuint (memory_in_use (fd), <, 1 << 20);
  for (gsize i = 0; i < total / size; i++)
    g_assert_true (mp_queue_put_data (queue, message, size, 0, NULL, NULL));
  g_assert_cmpuint (memory_in_use (fd), >=, total / size * size);
  for (gsize i = 0; i < total / size; i++)
    g_assert_cmpint (mp_queue_get_into (queue, message, size, 0, NULL, NULL), ==, size);
  g_assert_cmpuint (memory_in_use (fd), <, total / 2);

  close (fd);
  g_assert_finalize_object (queue);
}

/* Memory is reused by later messages, whatever their size. */
static void
test_uses_again (void)
{
  const gsize        sizes[] = { 1 << 20, 1100000, 700000 };
  MpQueue           *queue = mp_queue_new (0, NULL);
  g_autofree guint8 *message = g_malloc0 (1100000);
  int                fd = peek_memory (queue);

  for (guint i = 0; i < 300; i++)
    {
      gsize size = sizes[i % G_N_ELEMENTS (sizes)];

      g_assert_true (mp_queue_put_data (queue, message, size, 0, NULL, NULL));
      g_assert_cmpint (mp_queue_get_into (queue, message, size, 0, NULL, NULL), ==, size);
    }
  g_assert_cmpuint (memory_in_use (fd), <, 8 << 20);

  close (fd);
  g_assert_finalize_object (queue);
}

static MpShareable *
open_as_queue (int      fd,
               int      bell_fd,
               GError **error)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) description =
    g_variant_ref_sink (g_variant_new ("(sv)", "MpQueue", g_variant_new ("(s)", "memory:")));

  g_unix_fd_list_append (fds, fd, NULL);
  g_unix_fd_list_append (fds, bell_fd, NULL);
  return mp_shareable_open (description, fds, error);
}

static void
assert_damaged (int fd,
                int bell_fd)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (open_as_queue (fd, bell_fd, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_DAMAGED);
}

static int
open_pipe (void)
{
  int ends[2];

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  close (ends[1]);
  return ends[0];
}

/* Untrusted descriptions and descriptors are refused before they can do harm. */
static void
test_untrusted (void)
{
  MpQueue *queue = mp_queue_new (0, NULL);
  int      sound = peek_memory (queue);
  int      bell = open_pipe ();
  int      other = eventfd (0, EFD_CLOEXEC);
  int      unsealed = memfd_create ("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  int      sealed = memfd_create ("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  int      null = open ("/dev/null", O_RDWR | O_CLOEXEC);

  g_assert_cmpint (ftruncate (unsealed, 100 << 20), ==, 0);
  assert_damaged (unsealed, bell);
  assert_damaged (null, bell);
  assert_damaged (sound, null);
  assert_damaged (sound, other);

  g_assert_cmpint (fcntl (sealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL), ==, 0);
  assert_damaged (sealed, bell);
  g_assert_cmpint (ftruncate (sealed, 100 << 20), ==, 0);
  assert_damaged (sealed, bell);

  close (null);
  close (other);
  close (sealed);
  close (unsealed);
  close (bell);
  close (sound);
  g_assert_finalize_object (queue);
}

/* One word of the header of a valid file, and the value with which it is overwritten. */
typedef struct
{
  gsize   offset;
  gsize   size;
  guint64 value;
} Forgery;

#define FORGE(member, value)                                                   \
  {                                                                            \
    G_STRUCT_OFFSET (MpConfig, member), sizeof ((MpConfig *) 0)->member, value \
  }

static int
forge (int            sound,
       const Forgery *forgery,
       off_t          size)
{
  int    fd = memfd_create ("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  guint8 head[4096];

  g_assert_cmpint (pread (sound, head, sizeof head, 0), ==, sizeof head);
  if (forgery != NULL)
    memcpy (head + forgery->offset, &forgery->value, forgery->size);
  g_assert_cmpint (pwrite (fd, head, sizeof head, 0), ==, sizeof head);
  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  g_assert_cmpint (fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL), ==, 0);
  return fd;
}

/* Almost a valid queue: sealed, and with one wrong word. */
static void
test_forged (void)
{
  static const Forgery forgeries[] = {
    FORGE (magic, 1),
    FORGE (release, MP_LAYOUT_RELEASE + 1),
    FORGE (mode, 7),
    FORGE (max_size, G_MAXUINT32),
    FORGE (n_units_cap, 0),
    FORGE (n_units_cap, G_MAXUINT64),
    FORGE (n_units_cap, 12345),
    FORGE (layout_check, 4096),
  };
  MpQueue    *queue = mp_queue_new (0, NULL);
  int         sound = peek_memory (queue);
  int         bell = open_pipe ();
  struct stat status;
  int         fd;

  g_assert_cmpint (fstat (sound, &status), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (forgeries); i++)
    {
      fd = forge (sound, &forgeries[i], status.st_size);
      assert_damaged (fd, bell);
      close (fd);
    }

  fd = forge (sound, NULL, 1 << 20);
  assert_damaged (fd, bell);
  close (fd);

  close (bell);
  close (sound);
  g_assert_finalize_object (queue);
}

/* Whether huge pages can be allocated later is unknown. */
static void
test_huge_pages (void)
{
  int fd = memfd_create ("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
  int bell = open_pipe ();
  g_autoptr (GError) error = NULL;

  if (fd == -1 || ftruncate (fd, 128 << 20) == -1)
    {
      g_test_skip ("files of huge pages cannot be made here");
    }
  else
    {
      g_assert_cmpint (fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL), ==, 0);
      g_assert_null (open_as_queue (fd, bell, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_DAMAGED);
      g_assert_nonnull (strstr (error->message, "huge pages"));
    }
  close (fd);
  close (bell);
}

/* An invalid header: every later call in every process fails with DAMAGED. */
static void
test_scribbled (void)
{
  MpQueue *queue = mp_queue_new (0, NULL);
  int      fd = peek_memory (queue);
  g_autoptr (GError) error = NULL;
  struct stat status;

  put_int (queue, 1);
  g_assert_cmpint (fstat (fd, &status), ==, 0);
  /* Overwrites every line of the arena's first segment. */
  for (off_t offset = status.st_size - (1 << 20); offset < status.st_size; offset += 16)
    g_assert_cmpint (pwrite (fd, "\377\377\377\377\377\377\377\377", 8, offset), ==, 8);

  g_assert_null (mp_queue_get (queue, 0, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_DAMAGED);
  g_clear_error (&error);
  g_assert_false (mp_queue_put (queue, g_variant_new_int64 (2), -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_DAMAGED);

  close (fd);
  g_assert_finalize_object (queue);
}

/* An empty queue takes any message within max-bytes, whatever was in it before. */
static void
test_all_of_bound (void)
{
  static const gsize bounds[] = { 10000, 1200 * 1024, 5000 * 1000 };

  for (guint i = 0; i < G_N_ELEMENTS (bounds); i++)
    {
      g_autoptr (GError) error = NULL;
      MpQueue           *queue = mp_queue_new_full (0, bounds[i], &error);
      g_autofree guint8 *data = g_malloc0 (bounds[i]);

      g_assert_no_error (error);
      for (gsize size = bounds[i] / 7; size <= bounds[i]; size += bounds[i] / 7)
        {
          const gsize rest = MIN (bounds[i] - size, 100);

          g_assert_true (mp_queue_put_data (queue, data, size, TEST_TIMEOUT_US, NULL, &error));
          g_assert_true (mp_queue_put_data (queue, data, rest, TEST_TIMEOUT_US, NULL, &error));
          g_assert_cmpint (mp_queue_get_into (queue, data, size, TEST_TIMEOUT_US, NULL, &error), ==,
                           size);
          g_assert_cmpint (mp_queue_get_into (queue, data, rest, TEST_TIMEOUT_US, NULL, &error), ==,
                           rest);

          g_assert_true (mp_queue_put_data (queue, data, bounds[i], TEST_TIMEOUT_US, NULL, &error));
          g_assert_cmpint (mp_queue_get_into (queue, data, bounds[i], TEST_TIMEOUT_US, NULL,
                                              &error),
                           ==, bounds[i]);
          g_assert_no_error (error);
        }
      g_assert_finalize_object (queue);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/queue/threads", test_threads);
  g_test_add_func ("/queue/signals", test_signals);
  g_test_add_func ("/queue/fd/epoll-and-select", test_epoll);
  g_test_add_func ("/queue/source/cancelled", test_source_cancelled);
  g_test_add_func ("/queue/waiters/some-killed", test_some_killed);
  g_test_add_func ("/queue/waiters/shutdown", test_shutdown_wakes_all);
  g_test_add_func ("/queue/fork/pid-namespace", test_pid_namespace);
  g_test_add_func ("/queue/fork/grandchild", test_grandchild);
  g_test_add_func ("/queue/fork/loop-in-child", test_loop_in_child);
  g_test_add_data_func ("/queue/memory/gives-back/large", GSIZE_TO_POINTER (1 << 20),
                        test_gives_back);
  g_test_add_data_func ("/queue/memory/gives-back/small", GSIZE_TO_POINTER (1000), test_gives_back);
  g_test_add_func ("/queue/memory/uses-again", test_uses_again);
  g_test_add_func ("/queue/memory/all-of-bound", test_all_of_bound);
  g_test_add_func ("/queue/memory/untrusted", test_untrusted);
  g_test_add_func ("/queue/memory/forged", test_forged);
  g_test_add_func ("/queue/memory/huge-pages", test_huge_pages);
  g_test_add_func ("/queue/memory/scribbled", test_scribbled);

  return g_test_run ();
}
