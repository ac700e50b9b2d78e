/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting, in one process, for the one of many connections that has a message: a message is sent to
 * each in turn, waited for, and read. */

#include "bench.h"

#include <mproc-glib/mproc-glib.h>
#include <poll.h>
#include <sys/resource.h>

#define N_MANY 1000

/* A step that visits all connections. */
#define STEP 389

typedef struct
{
  gsize         n;
  MpConnection *writers[N_MANY];
  MpWaitable   *readers[N_MANY];
  struct pollfd fds[N_MANY];
} Pipes;

typedef gsize (*WaitFunc) (Pipes *pipes);

static Pipes *
make_pipes (gsize n)
{
  Pipes        *pipes = g_new0 (Pipes, 1);
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0)
    bench_fail ("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);

  for (pipes->n = 0; pipes->n < n; pipes->n++)
    {
      MpConnection *reader;

      if (!mp_pipe (FALSE, &reader, &pipes->writers[pipes->n], NULL))
        bench_fail ("mp_pipe");
      pipes->readers[pipes->n] = MP_WAITABLE (reader);
      pipes->fds[pipes->n] = (struct pollfd){ mp_connection_get_fd (reader), POLLIN, 0 };
    }
  return pipes;
}

static gsize
find (Pipes       *pipes,
      MpWaitable **ready,
      gsize        n_ready)
{
  if (n_ready != 1)
    bench_fail ("not the one that is ready");
  for (gsize i = 0; i < pipes->n; i++)
    if (pipes->readers[i] == ready[0])
      return i;
  bench_fail ("another object");
}

static gsize
wait_blocking (Pipes *pipes)
{
  gsize                   n_ready = 0;
  g_autofree MpWaitable **ready =
    mp_wait (pipes->readers, pipes->n, MP_WAIT_FLAGS_NONE, -1, NULL, &n_ready, NULL);

  return find (pipes, ready, n_ready);
}

static void
done_cb (GObject      *object,
         GAsyncResult *result,
         gpointer      user_data)
{
  GAsyncResult **done = user_data;

  *done = g_object_ref (result);
}

static gsize
wait_async (Pipes *pipes)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autofree MpWaitable **ready = NULL;
  gsize                   n_ready = 0;

  mp_wait_async (pipes->readers, pipes->n, -1, G_PRIORITY_DEFAULT, NULL, done_cb, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  ready = mp_wait_finish (result, &n_ready, NULL);
  return find (pipes, ready, n_ready);
}

/* The straightforward way, for comparison. */
static gsize
wait_poll (Pipes *pipes)
{
  if (poll (pipes->fds, pipes->n, -1) != 1)
    bench_fail ("poll");
  for (gsize i = 0; i < pipes->n; i++)
    if (pipes->fds[i].revents != 0)
      return i;
  bench_fail ("nothing");
}

static gpointer
open_one (gpointer   user_data,
          BenchSide *side)
{
  return make_pipes (1);
}

static gpointer
open_many (gpointer   user_data,
           BenchSide *side)
{
  return make_pipes (N_MANY);
}

static void
run (Pipes     *pipes,
     BenchSide *side,
     WaitFunc   wait)
{
  gsize              size = side->options->size;
  g_autofree guint8 *buffer = g_malloc0 (size);
  gsize              next = 0;
  guint64            got = 0;

  while (bench_fill (side, buffer))
    {
      gsize i;

      next = (next + STEP) % pipes->n;
      if (!mp_connection_send_data (pipes->writers[next], buffer, size, -1, NULL, NULL))
        bench_fail ("send");
      i = wait (pipes);
      if (i != next || mp_connection_recv_into (MP_CONNECTION (pipes->readers[i]), buffer, size, 0,
                                                0, NULL, NULL) != (gssize) size)
        bench_fail ("receive");
      got += bench_sum (buffer, size);
    }
  if (got != side->sum)
    bench_fail ("another sum");
}

static void
produce (gpointer   user_data,
         BenchSide *side)
{
  run (user_data, side, wait_blocking);
}

static void
produce_async (gpointer   user_data,
               BenchSide *side)
{
  run (user_data, side, wait_async);
}

static void
produce_poll (gpointer   user_data,
              BenchSide *side)
{
  run (user_data, side, wait_poll);
}

int
main (int    argc,
      char **argv)
{
  static const BenchProgram one = { NULL, open_one, produce, NULL };
  static const BenchProgram many = { NULL, open_many, produce, NULL };
  static const BenchProgram many_async = { NULL, open_many, produce_async, NULL };
  static const BenchProgram many_poll = { NULL, open_many, produce_poll, NULL };
  static const BenchMode    modes[] = {
       { "one", &one },
       { "many", &many },
       { "many-async", &many_async },
       { "many-poll", &many_poll },
       { NULL }
  };

  return bench_main (argc, argv, modes);
}
