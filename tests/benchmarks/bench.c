/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bench.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_SIDES 64

/* No run takes longer; a program that hangs must not block the others. */
#define TIMEOUT_SECONDS 15

/* The size of queues: their content stays in the caches, like that of the ring they are compared
 * with. */
#define QUEUE_BYTES (512 << 10)

typedef struct
{
  guint64 n_messages;
  guint64 sum;
  gint64  end_ns;
} BenchResult;

struct _BenchControl
{
  int         n_ready;
  int         go;
  int         n_producing;
  BenchResult results[MAX_SIDES];
};

gint64
bench_now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

/* Raises the priority, on a busy machine and if permitted. */
static void
be_important (void)
{
  const struct sched_param parameters = { .sched_priority = 1 };

  if (g_getenv ("MP_BENCH_REALTIME") != NULL)
    sched_setscheduler (0, SCHED_RR, &parameters);
}

void
bench_pin (guint cpu)
{
  cpu_set_t set;
  long      n_cpus = sysconf (_SC_NPROCESSORS_ONLN);

  CPU_ZERO (&set);
  CPU_SET (cpu % (guint) MAX (n_cpus, 1), &set);
  sched_setaffinity (0, sizeof set, &set);
  /* The other side runs on another processor, which a process with one of its own cannot know. */
  g_setenv ("MPROC_GLIB_SPIN_US", "100", FALSE);
  be_important ();
}

void
bench_fail (const char *what)
{
  fprintf (stderr, "%s\n", what);
  _exit (1);
}

/* Zeroed memory that children share. */
gpointer
bench_shared (gsize size)
{
  gpointer memory = mmap (NULL, size, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

  if (memory == MAP_FAILED)
    bench_fail ("no shared memory");
  return memory;
}

gboolean
bench_fill_marker (BenchSide *side,
                   guint8    *buffer)
{
  if (!side->has_ended)
    {
      side->has_ended = TRUE;
      if (__atomic_sub_fetch (&side->control->n_producing, 1, __ATOMIC_ACQ_REL) == 0)
        side->n_markers = side->options->n_consumers;
    }
  if (side->n_markers == 0)
    return FALSE;

  side->n_markers--;
  memset (buffer, 0, side->options->size);
  bench_set_word (buffer, BENCH_MARKER);
  return TRUE;
}

static guint64
share_of (const BenchOptions *options)
{
  guint64 share = options->n_messages / MAX (options->n_producers, 1);

  return MAX ((share + BENCH_BATCH - 1) / BENCH_BATCH, 1) * BENCH_BATCH;
}

static void
run_side (const BenchProgram *program,
          gpointer            user_data,
          const BenchOptions *options,
          BenchControl       *control,
          guint               index)
{
  guint64      share = share_of (options);
  BenchSide    side = { .options = options,
                        .control = control,
                        .index = index,
                        .is_producer = index < options->n_producers };
  BenchResult *result = &control->results[index];

  if (side.is_producer)
    {
      side.next = index * share;
      side.end = side.next + share;
    }
  else
    {
      side.index -= options->n_producers;
      side.end = share * options->n_producers / options->n_consumers;
    }

  if (program->open != NULL)
    user_data = program->open (user_data, &side);
  __atomic_add_fetch (&control->n_ready, 1, __ATOMIC_ACQ_REL);
  while (!__atomic_load_n (&control->go, __ATOMIC_ACQUIRE))
    g_usleep (20);

  (side.is_producer ? program->produce : program->consume) (user_data, &side);

  result->end_ns = bench_now_ns ();
  result->n_messages = side.is_producer ? share : side.n_messages;
  result->sum = side.sum;
}

/* Producers are pinned to the processors in turn, consumers in reverse order, so that one producer
 * and one consumer are on different ones. */
static pid_t
start_side (const BenchProgram *program,
            gpointer            user_data,
            const BenchOptions *options,
            BenchControl       *control,
            guint               index)
{
  pid_t child = fork ();

  if (child != 0)
    return child;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  alarm (TIMEOUT_SECONDS);
  bench_pin (index < options->n_producers ? index : index - options->n_producers + 1);
  run_side (program, user_data, options, control, index);
  _exit (0);
}

/* If one child fails, kill the others, which would wait for it. */
static gboolean
wait_for_all (const pid_t *children,
              guint        n)
{
  gboolean success = TRUE;

  for (guint i = 0; i < n; i++)
    {
      int status = 0;

      if (wait (&status) >= 0 && status == 0)
        continue;
      for (guint j = 0; success && j < n; j++)
        kill (children[j], SIGKILL);
      success = FALSE;
    }
  return success;
}

static gboolean
account (const BenchOptions *options,
         const BenchResult  *results,
         gint64             *end_ns)
{
  guint64 n_put = 0, n_got = 0, sum_put = 0, sum_got = 0;

  *end_ns = 0;
  for (guint i = 0; i < options->n_producers + options->n_consumers; i++)
    {
      gboolean is_producer = i < options->n_producers;

      *(is_producer ? &n_put : &n_got) += results[i].n_messages;
      *(is_producer ? &sum_put : &sum_got) += results[i].sum;
      if (!is_producer || options->n_consumers == 0)
        *end_ns = MAX (*end_ns, results[i].end_ns);
    }
  return options->n_consumers == 0 || (n_put == n_got && sum_put == sum_got);
}

/* Prints one line of JSON.  The number of preemptions shows how much other programs interfered. */
static void
report (const BenchOptions *options,
        gint64              elapsed_ns,
        gboolean            verified)
{
  struct rusage usage;

  getrusage (RUSAGE_CHILDREN, &usage);
  printf ("{\"seconds\": %.9f, \"messages\": %" G_GUINT64_FORMAT ", \"verified\": %s, "
          "\"switches\": %ld, \"preemptions\": %ld, \"cpu\": %.6f}\n",
          (double) elapsed_ns / 1e9, share_of (options) * MAX (options->n_producers, 1),
          verified ? "true" : "false", usage.ru_nvcsw, usage.ru_nivcsw,
          (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
            (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

static gboolean
run (const BenchProgram *program,
     const BenchOptions *options)
{
  guint         n = options->n_producers + options->n_consumers;
  BenchControl *control = bench_shared (sizeof *control);
  gpointer      user_data = program->set_up != NULL ? program->set_up (options) : NULL;
  pid_t         children[MAX_SIDES];
  gint64        start_ns, end_ns;
  gboolean      verified;

  be_important ();
  control->n_producing = (int) options->n_producers;
  for (guint i = 0; i < n; i++)
    if ((children[i] = start_side (program, user_data, options, control, i)) < 0)
      bench_fail ("cannot fork");

  while (__atomic_load_n (&control->n_ready, __ATOMIC_ACQUIRE) < (int) n &&
         waitid (P_ALL, 0, &(siginfo_t){ 0 }, WEXITED | WNOHANG | WNOWAIT) == 0)
    g_usleep (200);
  start_ns = bench_now_ns ();
  __atomic_store_n (&control->go, 1, __ATOMIC_RELEASE);

  verified = wait_for_all (children, n);
  verified = account (options, control->results, &end_ns) && verified;
  report (options, end_ns - start_ns, verified);
  return verified;
}

int
bench_main (int              argc,
            char           **argv,
            const BenchMode *modes)
{
  g_autofree char   *mode = NULL;
  int                size = 64, n_producers = 1, n_consumers = 1, depth = 0;
  gint64             n_messages = 100000;
  const GOptionEntry entries[] = {
    { "mode", 0, 0, G_OPTION_ARG_STRING, &mode, "What to measure", "MODE" },
    { "size", 0, 0, G_OPTION_ARG_INT, &size, "Bytes of each message", "N" },
    { "producers", 0, 0, G_OPTION_ARG_INT, &n_producers, "Processes that put", "N" },
    { "consumers", 0, 0, G_OPTION_ARG_INT, &n_consumers, "Processes that get", "N" },
    { "messages", 0, 0, G_OPTION_ARG_INT64, &n_messages, "Messages of all together", "N" },
    { "depth", 0, 0, G_OPTION_ARG_INT, &depth, "The bound of a queue", "N" },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  BenchOptions options;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, NULL) ||
      size < 16 || n_producers < 1 || n_producers + n_consumers > MAX_SIDES)
    bench_fail ("bad arguments");

  options = (BenchOptions){ (gsize) size, (guint) n_producers, (guint) n_consumers,
                            (guint64) n_messages, (guint) depth };
  if (options.depth == 0)
    options.depth = (guint) CLAMP (QUEUE_BYTES / options.size, 2, 1024);
  while (modes->name != NULL && mode != NULL && !g_str_equal (modes->name, mode))
    modes++;
  if (modes->name == NULL)
    bench_fail ("no such mode");
  return run (modes->program, &options) ? 0 : 1;
}
