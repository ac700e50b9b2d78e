/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mp-fork.h"
#include "waiting/poll-set.h"
#include "test-fork.h"

/* Waits for so many objects that an epoll set is kept between the waits. */
#define N_OBJECTS (MP_POLL_SET_FEW + 50)
#define N_ROUNDS  5

typedef MpWaitable **(*WaitFunc) (MpWaitable **objects,
                                  gsize        n_objects,
                                  gint64       timeout_us,
                                  gsize       *n_ready,
                                  GError     **error);

typedef struct
{
  MpWaitable *objects[N_OBJECTS];
  int         fds[N_OBJECTS][2];
  WaitFunc    wait;
} Fixture;

static MpWaitable **
wait_blocking (MpWaitable **objects,
               gsize        n_objects,
               gint64       timeout_us,
               gsize       *n_ready,
               GError     **error)
{
  return mp_wait (objects, n_objects, MP_WAIT_FLAGS_NONE, timeout_us, NULL, n_ready, error);
}

static void
done_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_set_object ((GAsyncResult **) user_data, result);
}

static MpWaitable **
wait_async (MpWaitable **objects,
            gsize        n_objects,
            gint64       timeout_us,
            gsize       *n_ready,
            GError     **error)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GAsyncResult) result = NULL;

  g_main_context_push_thread_default (context);
  mp_wait_async (objects, n_objects, timeout_us, G_PRIORITY_DEFAULT, NULL, done_cb, &result);
  while (result == NULL)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);
  return mp_wait_finish (result, n_ready, error);
}

static void
open_pipe (Fixture *fixture,
           gsize    i)
{
  g_autoptr (GError) error = NULL;

  g_unix_open_pipe (fixture->fds[i], FD_CLOEXEC, &error);
  g_assert_no_error (error);
  fixture->objects[i] = mp_waitable_new_for_fd (fixture->fds[i][0]);
}

static void
fixture_set_up (Fixture      *fixture,
                gconstpointer data)
{
  fixture->wait = data;
  for (gsize i = 0; i < N_OBJECTS; i++)
    open_pipe (fixture, i);
}

static void
fixture_tear_down (Fixture      *fixture,
                   gconstpointer data)
{
  for (gsize i = 0; i < N_OBJECTS; i++)
    {
      g_assert_finalize_object (fixture->objects[i]);
      close (fixture->fds[i][0]);
      close (fixture->fds[i][1]);
    }
}

static void
write_byte (int fd)
{
  g_assert_cmpint (write (fd, "x", 1), ==, 1);
}

static void
read_byte (int fd)
{
  char byte;

  g_assert_cmpint (read (fd, &byte, 1), ==, 1);
}

/* Makes the object at @i ready, and expects only that one. */
static void
check_one (Fixture *fixture,
           gsize    i)
{
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (GError) error = NULL;
  gsize n_ready = 0;

  write_byte (fixture->fds[i][1]);
  ready = fixture->wait (fixture->objects, N_OBJECTS, -1, &n_ready, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_ready, ==, 1);
  g_assert_true (ready[0] == fixture->objects[i]);
  read_byte (fixture->fds[i][0]);
}

static void
check_none (Fixture *fixture)
{
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (GError) error = NULL;
  gsize n_ready = 7;

  ready = fixture->wait (fixture->objects, N_OBJECTS, 0, &n_ready, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_ready, ==, 0);
}

static void
test_again (Fixture      *fixture,
            gconstpointer data)
{
  for (gsize i = 0; i < N_OBJECTS; i++)
    {
      check_one (fixture, (i * 37) % N_OBJECTS);
      check_none (fixture);
    }
}

static guint
count_watches (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  guint       n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/fd", name, NULL);
      g_autofree char *target = g_file_read_link (path, NULL);

      n += target != NULL && g_str_equal (target, "anon_inode:[eventpoll]");
    }
  return n;
}

/* Only one set is kept however often one waits; it holds no references, and is freed with the first
 * object. */
static void
test_kept (Fixture      *fixture,
           gconstpointer data)
{
  guint n_before = count_watches ();

  for (guint round = 0; round < N_ROUNDS; round++)
    check_one (fixture, round);
  g_assert_cmpuint (count_watches (), ==, n_before + 1);

  g_assert_finalize_object (fixture->objects[0]);
  g_assert_cmpuint (count_watches (), ==, n_before);
  fixture->objects[0] = mp_waitable_new_for_fd (fixture->fds[0][0]);
  check_one (fixture, 1);
}

static void
test_few (Fixture      *fixture,
          gconstpointer data)
{
  guint n_before = count_watches ();

  write_byte (fixture->fds[3][1]);
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      g_autofree MpWaitable **ready = NULL;
      gsize                   n_ready = 0;

      ready = fixture->wait (fixture->objects, MP_POLL_SET_FEW, -1, &n_ready, NULL);
      g_assert_cmpuint (n_ready, ==, 1);
      g_assert_true (ready[0] == fixture->objects[3]);
    }
  g_assert_cmpuint (count_watches (), ==, n_before);
}

/* Creates an object for @fd at @address, if the allocator reuses that address soon. */
static MpWaitable *
wrap_at (gconstpointer address,
         int           fd)
{
  g_autoptr (GPtrArray) others = g_ptr_array_new_with_free_func (g_object_unref);
  MpWaitable *object = mp_waitable_new_for_fd (fd);

  while (object != address && others->len < 1000)
    {
      g_ptr_array_add (others, object);
      object = mp_waitable_new_for_fd (fd);
    }
  return object;
}

/* Descriptor number and address are reused by another object; the previous one stays ready and must
 * not be mistaken for it. */
static void
test_reused (Fixture      *fixture,
             gconstpointer data)
{
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      const gsize   i = N_OBJECTS / 2;
      int           former = fcntl (fixture->fds[i][0], F_DUPFD_CLOEXEC, 3);
      int           fd = fixture->fds[i][0];
      gconstpointer address = fixture->objects[i];

      g_assert_no_errno (former);
      check_one (fixture, i);
      check_one (fixture, i);
      write_byte (fixture->fds[i][1]);

      g_assert_finalize_object (fixture->objects[i]);
      close (fixture->fds[i][1]);
      close (fd);
      g_unix_open_pipe (fixture->fds[i], FD_CLOEXEC, NULL);
      g_assert_cmpint (fixture->fds[i][0], ==, fd);
      fixture->objects[i] = wrap_at (address, fd);

      check_none (fixture);
      check_one (fixture, i);
      check_one (fixture, 1);
      close (former);
    }
}

static void
test_closed (Fixture      *fixture,
             gconstpointer data)
{
  g_autoptr (MpWaitable) former = g_steal_pointer (&fixture->objects[9]);
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (GError) error = NULL;
  MpConnection *reader, *writer;

  mp_pipe (FALSE, &reader, &writer, &error);
  g_assert_no_error (error);
  fixture->objects[9] = MP_WAITABLE (reader);
  for (guint round = 0; round < N_ROUNDS; round++)
    check_one (fixture, round);

  g_assert_true (mp_connection_close (reader, NULL));
  write_byte (fixture->fds[1][1]);
  ready = fixture->wait (fixture->objects, N_OBJECTS, -1, NULL, &error);
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_assert_null (ready);
  read_byte (fixture->fds[1][0]);

  fixture->objects[9] = g_steal_pointer (&former);
  check_one (fixture, 9);
  check_one (fixture, 9);
  g_assert_finalize_object (reader);
  g_assert_finalize_object (writer);
}

/* An epoll instance can contain a descriptor only once. */
static void
test_twins (Fixture      *fixture,
            gconstpointer data)
{
  g_autoptr (MpWaitable) former = g_steal_pointer (&fixture->objects[8]);
  MpWaitable *twin = mp_waitable_new_for_fd (fixture->fds[5][0]);

  fixture->objects[8] = twin;
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      g_autofree MpWaitable **ready = NULL;
      gsize                   n_ready = 0;

      write_byte (fixture->fds[5][1]);
      ready = fixture->wait (fixture->objects, N_OBJECTS, -1, &n_ready, NULL);
      g_assert_cmpuint (n_ready, ==, 2);
      g_assert_true (ready[0] == fixture->objects[5] && ready[1] == twin);
      read_byte (fixture->fds[5][0]);
      check_one (fixture, 6);
    }

  fixture->objects[8] = g_steal_pointer (&former);
  g_assert_finalize_object (twin);
}

/* A regular file can be passed to poll (), but not added to an epoll instance. */
static void
test_file (Fixture      *fixture,
           gconstpointer data)
{
  g_autoptr (MpWaitable) former = g_steal_pointer (&fixture->objects[8]);
  int         fd = g_open ("/proc/self/exe", O_RDONLY | O_CLOEXEC, 0);
  MpWaitable *file = mp_waitable_new_for_fd (fd);

  fixture->objects[8] = file;
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      g_autofree MpWaitable **ready = NULL;
      g_autoptr (GError) error = NULL;
      gsize n_ready = 0;

      ready = fixture->wait (fixture->objects, N_OBJECTS, -1, &n_ready, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (n_ready, ==, 1);
      g_assert_true (ready[0] == file);
    }

  fixture->objects[8] = g_steal_pointer (&former);
  g_assert_finalize_object (file);
  close (fd);
}

static gpointer
wait_often (gpointer data)
{
  Fixture *fixture = data;

  for (guint round = 0; round < 50 * N_ROUNDS; round++)
    {
      g_autofree MpWaitable **ready = NULL;
      g_autoptr (GError) error = NULL;
      gsize n_ready = 0;

      ready = fixture->wait (fixture->objects, N_OBJECTS, -1, &n_ready, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (n_ready, ==, 1);
      g_assert_true (ready[0] == fixture->objects[77]);
    }
  return NULL;
}

static void
test_threads (Fixture      *fixture,
              gconstpointer data)
{
  GThread *threads[3];

  write_byte (fixture->fds[77][1]);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("wait", wait_often, fixture);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

/* Gets the messages of the first queue of the list, and answers each. */
static int
get_in_child (gpointer data)
{
  Fixture *fixture = data;

  for (guint round = 0; round < 20 * N_ROUNDS; round++)
    {
      g_autofree MpWaitable **ready = NULL;
      g_autoptr (GVariant) item = NULL;
      gsize n_ready = 0;

      ready = fixture->wait (fixture->objects, N_OBJECTS, TEST_TIMEOUT_US, &n_ready, NULL);
      if (n_ready != 1 || ready[0] != fixture->objects[0] || mp_own_pid () != getpid ())
        return 1;
      item = mp_queue_try_get (MP_QUEUE (ready[0]), NULL);
      if (item == NULL)
        return 2;
      write_byte (fixture->fds[0][1]);
    }
  return 0;
}

/* In a forked child, a queue has new descriptors under the same numbers. */
static void
test_child (Fixture      *fixture,
            gconstpointer data)
{
  g_autoptr (MpWaitable) former = g_steal_pointer (&fixture->objects[0]);
  g_autoptr (GError) error = NULL;
  MpQueue *queue = mp_queue_new (0, &error);
  pid_t    child;

  g_assert_no_error (error);
  fixture->objects[0] = MP_WAITABLE (queue);
  g_assert_cmpint (mp_own_pid (), ==, getpid ());
  check_one (fixture, 4);
  check_one (fixture, 4);

  child = test_fork (get_in_child, fixture);
  for (guint round = 0; round < 20 * N_ROUNDS; round++)
    {
      g_assert_true (mp_queue_put (queue, g_variant_new_int32 (1), 0, NULL, NULL));
      read_byte (fixture->fds[0][0]);
    }
  test_wait_child (child, 0);

  check_one (fixture, 4);
  fixture->objects[0] = g_steal_pointer (&former);
  g_assert_finalize_object (queue);
}

int
main (int   argc,
      char *argv[])
{
  static const struct
  {
    const char *name;
    void (*func) (Fixture *, gconstpointer);
  } cases[] = {
    { "again", test_again },
    { "kept", test_kept },
    { "few", test_few },
    { "reused", test_reused },
    { "closed", test_closed },
    { "twins", test_twins },
    { "file", test_file },
    { "threads", test_threads },
    { "child", test_child },
  };

  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *blocking = g_strconcat ("/poll-set/blocking/", cases[i].name, NULL);
      g_autofree char *async = g_strconcat ("/poll-set/async/", cases[i].name, NULL);

      g_test_add (blocking, Fixture, wait_blocking, fixture_set_up, cases[i].func,
                  fixture_tear_down);
      g_test_add (async, Fixture, wait_async, fixture_set_up, cases[i].func, fixture_tear_down);
    }

  return g_test_run ();
}
