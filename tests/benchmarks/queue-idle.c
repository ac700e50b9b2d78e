/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* bench-queue-idle PROCESSES get|loop: measures the cost of waiting for seconds, in get () or in
 * main loops, and the cost for the waiting processes of the exit of a short-lived peer. */

#include "bench.h"

#include <mproc-glib/mproc-glib.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PROCESSES 4000
#define N_EXITS       50
#define SETTLE_US     (10 * G_USEC_PER_SEC)
#define MEASURE_US    (10 * G_USEC_PER_SEC)

static guint n_processes;
static pid_t children[MAX_PROCESSES];

typedef struct
{
  guint64 switches;
  guint64 cpu_ns;
} Usage;

static void
message_cb (MpQueue   *queue,
            MpMessage *message,
            GMainLoop *loop)
{
  mp_queue_stop (queue);
  g_main_loop_quit (loop);
}

static void
wait_in_loop (MpQueue *queue)
{
  GMainLoop *loop = g_main_loop_new (NULL, FALSE);

  g_signal_connect (queue, "message", G_CALLBACK (message_cb), loop);
  mp_queue_start (queue, G_PRIORITY_DEFAULT);
  g_main_loop_run (loop);
}

static pid_t
start_waiter (MpQueue *queue,
              gboolean in_loop)
{
  pid_t  child = fork ();
  guint8 buffer[16];

  if (child != 0)
    return child;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (in_loop)
    wait_in_loop (queue);
  else if (mp_queue_get_into (queue, buffer, sizeof buffer, -1, NULL, NULL) < 0)
    _exit (1);
  _exit (0);
}

static guint64
read_number (pid_t       pid,
             const char *file,
             const char *label)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/%s", pid, file);
  g_autofree char *content = NULL;
  const char      *found;

  if (!g_file_get_contents (path, &content, NULL, NULL) ||
      (found = strstr (content, label)) == NULL)
    bench_fail (path);
  return g_ascii_strtoull (g_strchug (g_strdup (found + strlen (label))), NULL, 10);
}

static Usage
measure_usage (void)
{
  Usage usage = { 0 };

  for (guint i = 0; i < n_processes; i++)
    {
      usage.switches += read_number (children[i], "status", "\nvoluntary_ctxt_switches:") +
                        read_number (children[i], "status", "nonvoluntary_ctxt_switches:");
      usage.cpu_ns += read_number (children[i], "schedstat", "");
    }
  return usage;
}

/* Each process gets one message and ends, which shows that they were waiting and not stuck. */
static gboolean
wake_all (MpQueue *queue)
{
  gboolean woken = TRUE;

  alarm (30);
  for (guint i = 0; i < n_processes; i++)
    {
      int status = 0;

      mp_queue_put_data (queue, (const guint8 *) "wake up", 8, -1, NULL, NULL);
      woken = wait (&status) > 0 && status == 0 && woken;
    }
  return woken;
}

/* Runs peers one after the other that use the queue and end as if they had been killed. */
static void
run_peers (MpQueue *queue)
{
  for (guint i = 0; i < N_EXITS; i++)
    {
      pid_t child = fork ();

      if (child == 0)
        {
          mp_queue_try_get (queue, NULL);
          _exit (0);
        }
      waitpid (child, NULL, 0);
      g_usleep (10000);
    }
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  MpQueue *queue = mp_queue_new (0, &error);
  Usage    usages[3];
  gboolean woken;

  if (queue == NULL)
    bench_fail (error->message);
  n_processes = argc == 3 ? (guint) g_ascii_strtoull (argv[1], NULL, 10) : 0;
  if (n_processes == 0 || n_processes > MAX_PROCESSES)
    bench_fail ("bench-queue-idle PROCESSES get|loop");
  for (guint i = 0; i < n_processes; i++)
    children[i] = start_waiter (queue, g_str_equal (argv[2], "loop"));

  g_usleep (SETTLE_US);
  usages[0] = measure_usage ();
  g_usleep (MEASURE_US);
  usages[1] = measure_usage ();
  run_peers (queue);
  usages[2] = measure_usage ();

  woken = wake_all (queue);
  printf ("{\"seconds\": %.1f, \"processes\": %u, \"switches\": %" G_GUINT64_FORMAT
          ", \"cpu\": %.6f, \"exit\": %.6f, \"verified\": %s}\n",
          (double) MEASURE_US / 1e6, n_processes, usages[1].switches - usages[0].switches,
          (double) (usages[1].cpu_ns - usages[0].cpu_ns) / 1e9,
          (double) (usages[2].cpu_ns - usages[1].cpu_ns) / 1e9 / N_EXITS,
          woken ? "true" : "false");
  return woken ? 0 : 1;
}
