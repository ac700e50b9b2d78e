/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What looking at queues costs: observer [PROCESSES DESCRIPTORS SECONDS]
 *
 * Prints a table: the processor time of a search through so many processes, which have so many
 * descriptors besides the ones that each needs itself; the time of a sample; and the messages a
 * second of a queue at full speed without and with somebody who looks ten times and a thousand
 * times a second, with the part of a processor that this takes.  The processes that are there
 * anyway are searched, too: start it with `unshare --pid --fork --mount-proc` to have none. */

#include <mproc-glib/mproc-glib.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_ROUNDS 20

static pid_t *children;
static guint  n_children;

static double
now (void)
{
  return (double) g_get_monotonic_time () / G_USEC_PER_SEC;
}

static double
processor_time (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (double) usage.ru_utime.tv_sec + (double) usage.ru_stime.tv_sec +
         (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / G_USEC_PER_SEC;
}

static void
add_child (pid_t pid)
{
  children = g_renew (pid_t, children, n_children + 1);
  children[n_children++] = pid;
}

static void
end_children (void)
{
  for (guint i = 0; i < n_children; i++)
    kill (children[i], SIGKILL);
  for (guint i = 0; i < n_children; i++)
    waitpid (children[i], NULL, 0);
  n_children = 0;
}

/* --- A search --------------------------------------------------------------------------------- */

/* A process that takes part in the queue, with further descriptors. */
static void
start_process (MpQueue *queue,
               guint    n_descriptors)
{
  pid_t pid = fork ();

  if (pid > 0)
    {
      add_child (pid);
      return;
    }
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  g_assert_true (mp_queue_put_data (queue, (const guint8 *) "x", 1, -1, NULL, NULL));
  for (guint i = 0; i < n_descriptors; i++)
    (void) open ("/dev/null", O_RDONLY);
  while (TRUE)
    pause ();
}

static void
bench_search (guint n_processes,
              guint n_descriptors)
{
  g_autoptr (MpQueue) queue = mp_queue_new (0, NULL);
  double least = G_MAXDOUBLE, sum = 0;
  guint  n_found = 0;

  for (guint i = 0; i < n_processes; i++)
    start_process (queue, n_descriptors / n_processes);
  while (mp_queue_get_size (queue) < n_processes)
    g_usleep (1000);

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      const double start = processor_time ();
      double       time;
      g_autoptr (GPtrArray) monitors = mp_queue_monitor_find (NULL, NULL);

      n_found = 0;
      for (guint j = 0; j < monitors->len; j++)
        {
          g_autoptr (GVariant) processes =
            mp_queue_monitor_list_processes (g_ptr_array_index (monitors, j), NULL);

          n_found += (guint) g_variant_n_children (processes);
        }
      time = (processor_time () - start) * 1000;
      least = MIN (least, time);
      sum += time;
    }
  g_print ("%-44s %8.2f ms least, %.2f ms mean\n", "processor time of a search, with processes",
           least, sum / N_ROUNDS);
  g_print ("%-44s %8u\n", "handles found (with those of others)", n_found);
  g_assert_cmpuint (n_found, >=, n_processes + 1);
  end_children ();
}

/* --- At full speed ---------------------------------------------------------------------------- */

static void
run_producer (MpQueue *queue)
{
  pid_t pid = fork ();

  if (pid > 0)
    {
      add_child (pid);
      return;
    }
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  while (mp_queue_put_data (queue, (const guint8 *) "12345678", 8, -1, NULL, NULL))
    ;
  _exit (0);
}

static void
run_consumer (MpQueue *queue)
{
  guint8 buffer[64];
  pid_t  pid = fork ();

  if (pid > 0)
    {
      add_child (pid);
      return;
    }
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  while (mp_queue_get_into (queue, buffer, sizeof buffer, -1, NULL, NULL) >= 0)
    ;
  _exit (0);
}

/* Returns the messages a second while the queue is looked at so often; *@part is that of a
 * processor. */
static double
measure (double  seconds,
         gulong  pause_us,
         double *part)
{
  g_autoptr (MpQueue) queue = mp_queue_new (1000, NULL);
  g_autoptr (MpQueueMonitor) monitor =
    mp_queue_monitor_new_for_queue (MP_SHAREABLE (queue), NULL);
  guint64 first, last;
  double  start, used;

  run_producer (queue);
  run_consumer (queue);
  g_usleep (G_USEC_PER_SEC / 10);
  mp_queue_monitor_refresh (monitor, NULL);
  /* The first list looks for the processes, which is measured above. */
  g_variant_unref (mp_queue_monitor_list_processes (monitor, NULL));
  g_object_get (monitor, "n-got", &first, NULL);
  start = now ();
  used = processor_time ();
  while (now () - start < seconds)
    {
      g_usleep (pause_us);
      mp_queue_monitor_refresh (monitor, NULL);
      if (pause_us < G_USEC_PER_SEC)
        {
          g_variant_unref (mp_queue_monitor_list_processes (monitor, NULL));
          g_variant_unref (mp_queue_monitor_list_tasks (monitor, 100));
        }
    }
  *part = (processor_time () - used) / (now () - start);
  start = now () - start;
  g_object_get (monitor, "n-got", &last, NULL);
  end_children ();
  return (double) (last - first) / start;
}

static void
bench_speed (double seconds)
{
  static const struct
  {
    const char *name;
    gulong      pause_us;
  } rows[] = {
    { "full speed, nobody looks", G_USEC_PER_SEC },
    { "full speed, looked at 10 times a second", G_USEC_PER_SEC / 10 },
    { "full speed, looked at 1,000 times a second", G_USEC_PER_SEC / 1000 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      double part;
      double rate = measure (seconds, rows[i].pause_us, &part);

      g_print ("%-44s %8.3f M/s, %.2f %% of a processor for looking\n", rows[i].name, rate / 1e6,
               part * 100);
    }
}

static void
bench_sample (void)
{
  g_autoptr (MpQueue) queue = mp_queue_new (0, NULL);
  g_autoptr (MpQueueMonitor) monitor =
    mp_queue_monitor_new_for_queue (MP_SHAREABLE (queue), NULL);
  const guint n = 100000;
  double      start = now ();

  for (guint i = 0; i < n; i++)
    mp_queue_monitor_refresh (monitor, NULL);
  g_print ("%-44s %8.2f us\n", "a sample", (now () - start) / n * 1e6);
}

int
main (int   argc,
      char *argv[])
{
  const guint  n_processes = argc > 1 ? (guint) atoi (argv[1]) : 200;
  const guint  n_descriptors = argc > 2 ? (guint) atoi (argv[2]) : 1000;
  const double seconds = argc > 3 ? g_ascii_strtod (argv[3], NULL) : 3;

  g_print ("%u processes with %u descriptors besides\n", n_processes, n_descriptors);
  bench_search (MAX (n_processes, 1), n_descriptors);
  bench_sample ();
  if (seconds > 0)
    bench_speed (seconds);
  return 0;
}
