/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

/* A wait over a thousand objects of every kind: it returns exactly those that were made ready, and
 * its duration is reported. */
#define N_OBJECTS 1000

/* How many objects come between two queues: 32 bit have address space for a dozen of them. */
#define QUEUES_APART (GLIB_SIZEOF_VOID_P == 8 ? 3 : 150)
#define N_PROCESSES  20
#define N_ROUNDS     100

/* The maximum number of objects that are ready at once. */
#define MAX_READY 8

/* One object, and how to make it ready and no longer ready. */
typedef struct
{
  MpWaitable   *object;
  int           fd;
  MpConnection *writer;
  MpQueue      *queue;
  gboolean      ready;
} Thing;

typedef struct
{
  Thing       things[N_OBJECTS];
  MpWaitable *objects[N_OBJECTS];
  GRand      *random;
} Fixture;

static void
make_descriptor (Thing *thing)
{
  thing->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  g_assert_no_errno (thing->fd);
  thing->object = mp_waitable_new_for_fd (thing->fd);
}

static void
make_connection (Thing *thing)
{
  g_autoptr (GError) error = NULL;
  MpConnection *reader;

  thing->fd = -1;
  mp_pipe (FALSE, &reader, &thing->writer, &error);
  g_assert_no_error (error);
  thing->object = MP_WAITABLE (reader);
}

static void
make_queue (Thing *thing)
{
  g_autoptr (GError) error = NULL;

  thing->fd = -1;
  thing->queue = mp_queue_new (0, &error);
  g_assert_no_error (error);
  thing->object = MP_WAITABLE (thing->queue);
}

/* Creates a process, which is never made ready. */
static void
make_process (Thing *thing)
{
  const char *argv[] = { "sleep", "600", NULL };
  g_autoptr (GError) error = NULL;
  MpProcess *process = mp_process_new (argv);

  mp_process_set_die_with_parent (process, TRUE);
  mp_process_start (process, &error);
  g_assert_no_error (error);
  thing->fd = -1;
  thing->object = MP_WAITABLE (process);
}

static void
fixture_set_up (Fixture      *fixture,
                gconstpointer data)
{
  struct rlimit limit;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  limit.rlim_cur = limit.rlim_max;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));

  fixture->random = g_rand_new_with_seed (g_test_rand_int ());
  for (gsize i = 0; i < N_OBJECTS; i++)
    {
      Thing *thing = &fixture->things[i];

      if (i % (N_OBJECTS / N_PROCESSES) == 0)
        make_process (thing);
      else if (i % 3 == 0)
        make_connection (thing);
      else if (i % QUEUES_APART == 1)
        make_queue (thing);
      else
        make_descriptor (thing);
      fixture->objects[i] = thing->object;
    }
}

static void
fixture_tear_down (Fixture      *fixture,
                   gconstpointer data)
{
  for (gsize i = 0; i < N_OBJECTS; i++)
    {
      Thing *thing = &fixture->things[i];

      if (MP_IS_PROCESS (thing->object))
        {
          mp_process_kill (MP_PROCESS (thing->object));
          mp_process_join (MP_PROCESS (thing->object), -1, NULL, NULL);
        }
      g_assert_finalize_object (thing->object);
      g_clear_object (&thing->writer);
      if (thing->fd >= 0)
        close (thing->fd);
    }

  g_rand_free (fixture->random);
}

/* Makes one object ready, if it is of a kind that can be.  A connection gets two messages, so
 * that the second may be read ahead with the first. */
static void
make_ready (Thing *thing)
{
  const guint8 *data = (const guint8 *) "x";

  if (thing->fd >= 0)
    g_assert_no_errno (eventfd_write (thing->fd, 1));

  for (int i = 0; thing->writer != NULL && i < 2; i++)
    g_assert_true (mp_connection_send_data (thing->writer, data, 1, -1, NULL, NULL));

  for (int i = 0; thing->queue != NULL && i < 2; i++)
    g_assert_true (mp_queue_put_data (thing->queue, data, 1, 0, NULL, NULL));

  thing->ready = thing->fd >= 0 || thing->writer != NULL || thing->queue != NULL;
}

/* Takes one message; a connection and a queue have had two. */
static void
consume (Thing *thing)
{
  g_autofree guint8 *data = NULL;
  eventfd_t          value;
  gsize              length;

  if (thing->fd >= 0)
    {
      g_assert_no_errno (eventfd_read (thing->fd, &value));
      thing->ready = FALSE;
      return;
    }

  if (thing->queue != NULL)
    {
      data = mp_queue_get_data (thing->queue, 0, NULL, &length, NULL);
      g_assert_nonnull (data);
      thing->ready = !mp_queue_is_empty (thing->queue);
      return;
    }

  data = mp_connection_recv_data (MP_CONNECTION (thing->object), 0, NULL, &length, NULL);
  g_assert_nonnull (data);
  thing->ready = mp_connection_poll (MP_CONNECTION (thing->object), 0, NULL, NULL);
}

static void
make_some_ready (Fixture *fixture)
{
  int n = g_rand_int_range (fixture->random, 1, MAX_READY + 1);

  while (n > 0)
    {
      Thing *thing = &fixture->things[g_rand_int_range (fixture->random, 0, N_OBJECTS)];

      if (!thing->ready)
        make_ready (thing);
      if (thing->ready)
        n--;
    }
}

/* Checks that the returned objects were made ready, and their order; with @all, that none is
 * missing. */
static void
check_ready (Fixture     *fixture,
             MpWaitable **ready,
             gsize        n_ready,
             gboolean     all)
{
  gsize n = 0;

  g_assert_cmpuint (n_ready, >, 0);
  for (gsize i = 0; i < N_OBJECTS; i++)
    {
      Thing *thing = &fixture->things[i];

      if (n < n_ready && ready[n] == thing->object)
        {
          g_assert_true (thing->ready);
          consume (thing);
          n++;
        }
      else if (all)
        g_assert_false (thing->ready);
    }

  g_assert_cmpuint (n, ==, n_ready);
}

static int
compare_times (const void *a,
               const void *b)
{
  gint64 difference = *(const gint64 *) a - *(const gint64 *) b;

  return difference < 0 ? -1 : difference > 0;
}

/* Reports the median, since other programs are running. */
static void
report (const char *what,
        gint64     *spent)
{
  qsort (spent, N_ROUNDS, sizeof *spent, compare_times);
  g_test_minimized_result (spent[N_ROUNDS / 2], "%s over %d objects: %d µs", what, N_OBJECTS,
                           (int) spent[N_ROUNDS / 2]);
}

static void
test_blocking (Fixture      *fixture,
               gconstpointer data)
{
  gint64 spent[N_ROUNDS];

  for (guint round = 0; round < N_ROUNDS; round++)
    {
      g_autofree MpWaitable **ready = NULL;
      g_autoptr (GError) error = NULL;
      gsize  n_ready = 0;
      gint64 begin;

      make_some_ready (fixture);
      begin = g_get_monotonic_time ();
      ready = mp_wait (fixture->objects, N_OBJECTS, MP_WAIT_FLAGS_NONE, -1, NULL, &n_ready, &error);
      spent[round] = g_get_monotonic_time () - begin;
      g_assert_no_error (error);
      check_ready (fixture, ready, n_ready, TRUE);
    }

  report ("mp_wait", spent);
}

typedef struct
{
  MpWaitable **ready;
  gsize        n_ready;
  gboolean     done;
} Done;

static void
done_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr (GError) error = NULL;
  Done *done = user_data;

  done->ready = mp_wait_finish (result, &done->n_ready, &error);
  g_assert_no_error (error);
  done->done = TRUE;
}

static void
consume_all (Fixture *fixture)
{
  for (gsize i = 0; i < N_OBJECTS; i++)
    while (fixture->things[i].ready)
      consume (&fixture->things[i]);
}

/* The objects become ready while the wait is in progress.  It need not return all of them, since it
 * ends with the first ones that it finds. */
static void
test_async (Fixture      *fixture,
            gconstpointer data)
{
  gint64 spent[N_ROUNDS];

  for (guint round = 0; round < N_ROUNDS; round++)
    {
      Done   done = { 0 };
      gint64 begin;

      consume_all (fixture);
      begin = g_get_monotonic_time ();
      mp_wait_async (fixture->objects, N_OBJECTS, -1, G_PRIORITY_DEFAULT, NULL, done_cb, &done);
      make_some_ready (fixture);
      while (!done.done)
        g_main_context_iteration (NULL, TRUE);
      spent[round] = g_get_monotonic_time () - begin;

      check_ready (fixture, done.ready, done.n_ready, FALSE);
      g_free (done.ready);
    }

  report ("mp_wait_async", spent);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/stress/wait/blocking", Fixture, NULL, fixture_set_up, test_blocking,
              fixture_tear_down);
  g_test_add ("/stress/wait/async", Fixture, NULL, fixture_set_up, test_async,
              fixture_tear_down);

  return g_test_run ();
}
