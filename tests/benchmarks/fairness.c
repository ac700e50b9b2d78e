/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* bench-fairness queue|alone producers|consumers PROCESSES DEPTH SECONDS: how evenly many processes
 * at one end of a queue are served, while one process works at the other end, all at full speed.
 * In the mode "alone", as many processes count in memory of their own: then only the system's
 * scheduler decides who gets how much.
 *
 * Prints the share of the process that was served least, as a part of the mean, in each second. */

#include "bench.h"

#include <mproc-glib/mproc-glib.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PROCESSES 200
#define SIZE          64
#define WARM_UP_NS    (500 * 1000 * 1000)
#define SECOND_NS     G_GINT64_CONSTANT (1000000000)

/* What one process did, on a cache line of its own. */
typedef struct
{
  guint64 n;
  guint64 sum;
  guint8  padding[112];
} Share;

typedef struct
{
  guint32 n_ready;
  guint32 has_ended;
  Share   shares[MAX_PROCESSES];
} Board;

typedef struct
{
  MpQueue *queue; /* NULL: alone */
  gboolean many_produce;
  guint    n_processes;
  guint    n_seconds;
} Options;

static Board *board;

static void
count (Share  *share,
       guint64 number)
{
  __atomic_store_n (&share->n, share->n + 1, __ATOMIC_RELAXED);
  share->sum += number;
}

static gboolean
has_ended (void)
{
  return __atomic_load_n (&board->has_ended, __ATOMIC_ACQUIRE) != 0;
}

static void
put (MpQueue *queue,
     Share   *share,
     guint64  number)
{
  guint8 buffer[SIZE] = { 0 };

  bench_set_word (buffer, number);
  if (!mp_queue_put_data (queue, buffer, SIZE, -1, NULL, NULL))
    bench_fail ("put");
  count (share, number);
}

/* Returns FALSE if the queue was shut down and is empty, or after the timeout. */
static gboolean
get (MpQueue *queue,
     Share   *share,
     gint64   timeout_us)
{
  guint8 buffer[SIZE];

  if (mp_queue_get_into (queue, buffer, SIZE, timeout_us, NULL, NULL) != SIZE)
    return FALSE;
  count (share, bench_word (buffer));
  return TRUE;
}

static void
work (const Options *options,
      guint          index)
{
  Share  *share = &board->shares[index];
  guint64 number = (guint64) index << 40;

  __atomic_fetch_add (&board->n_ready, 1, __ATOMIC_SEQ_CST);
  if (options->queue == NULL)
    while (!has_ended ())
      count (share, number++);
  else if (options->many_produce)
    while (!has_ended ())
      put (options->queue, share, number++);
  else
    while (get (options->queue, share, -1))
      ;
}

static void
start (const Options *options,
       guint          index)
{
  pid_t pid = fork ();

  if (pid == -1)
    bench_fail ("cannot fork");
  if (pid != 0)
    return;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  work (options, index);
  _exit (0);
}

/* Works at the other end until @time. */
static void
serve_until (const Options *options,
             Share         *own,
             gint64         time)
{
  while (bench_now_ns () < time)
    {
      if (options->queue == NULL)
        count (own, 0);
      else if (options->many_produce)
        get (options->queue, own, G_USEC_PER_SEC);
      else
        put (options->queue, own, own->n);
    }
}

/* Prints the least share in one second. */
static void
measure_second (const Options *options,
                Share         *own)
{
  guint64 before[MAX_PROCESSES];
  guint64 total = 0, least = G_MAXUINT64, most = 0;
  gint64  begin = bench_now_ns ();
  double  mean;

  for (guint i = 0; i < options->n_processes; i++)
    before[i] = __atomic_load_n (&board->shares[i].n, __ATOMIC_RELAXED);
  serve_until (options, own, begin + SECOND_NS);
  for (guint i = 0; i < options->n_processes; i++)
    {
      guint64 n = __atomic_load_n (&board->shares[i].n, __ATOMIC_RELAXED) - before[i];

      total += n;
      least = MIN (least, n);
      most = MAX (most, n);
    }
  mean = (double) total / options->n_processes;
  printf ("{\"least\": %.3f, \"most\": %.3f, \"mean\": %.0f}\n", (double) least / mean,
          (double) most / mean, mean);
  fflush (stdout);
}

/* Returns whether each message that was put was got, once all have ended. */
static gboolean
finish (const Options *options,
        Share         *own)
{
  guint   n_left = options->n_processes;
  guint64 n = 0, sum = 0;

  __atomic_store_n (&board->has_ended, 1, __ATOMIC_RELEASE);
  if (options->queue != NULL && !options->many_produce)
    mp_queue_shutdown (options->queue, FALSE, NULL);
  while (n_left > 0 || (options->queue != NULL && options->many_produce &&
                        get (options->queue, own, 0)))
    {
      if (options->queue != NULL && options->many_produce)
        get (options->queue, own, 1000);
      if (n_left > 0 && waitpid (-1, NULL, WNOHANG) > 0)
        n_left--;
    }

  for (guint i = 0; i < options->n_processes; i++)
    {
      n += board->shares[i].n;
      sum += board->shares[i].sum;
    }
  return options->queue == NULL || (n == own->n && sum == own->sum);
}

static Options
parse (int    argc,
       char **argv)
{
  g_autoptr (GError) error = NULL;
  Options options = { 0 };

  if (argc != 6)
    bench_fail ("bench-fairness queue|alone producers|consumers PROCESSES DEPTH SECONDS");
  options.many_produce = g_str_equal (argv[2], "producers");
  options.n_processes = (guint) g_ascii_strtoull (argv[3], NULL, 10);
  options.n_seconds = (guint) g_ascii_strtoull (argv[5], NULL, 10);
  if (options.n_processes == 0 || options.n_processes > MAX_PROCESSES)
    bench_fail ("that many processes are not possible");
  if (g_str_equal (argv[1], "queue"))
    {
      guint depth = (guint) g_ascii_strtoull (argv[4], NULL, 10);

      options.queue = mp_queue_new_full (depth, 0, &error);
      if (options.queue == NULL)
        bench_fail (error->message);
    }
  return options;
}

int
main (int    argc,
      char **argv)
{
  Options options = parse (argc, argv);
  Share   own = { 0 };

  board = bench_shared (sizeof *board);
  for (guint i = 0; i < options.n_processes; i++)
    start (&options, i);
  while (__atomic_load_n (&board->n_ready, __ATOMIC_ACQUIRE) < options.n_processes)
    g_usleep (200);
  serve_until (&options, &own, bench_now_ns () + WARM_UP_NS);
  for (guint i = 0; i < options.n_seconds; i++)
    measure_second (&options, &own);
  if (!finish (&options, &own))
    bench_fail ("messages were lost");
  g_clear_object (&options.queue);
  return 0;
}
