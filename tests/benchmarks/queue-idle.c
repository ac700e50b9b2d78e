/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What waiting costs: processes asleep in get () and in main loops, for seconds. */

#include "bench.h"

#include <mproc-glib/mproc-glib.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_PROCESSES 8
#define SETTLE_US   (1 * G_USEC_PER_SEC)
#define MEASURE_US  (5 * G_USEC_PER_SEC)

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
  mp_queue_start (queue);
  g_main_loop_run (loop);
}

static pid_t
start_waiter (MpQueue *queue,
              guint    index)
{
  pid_t  child = fork ();
  guint8 buffer[16];

  if (child != 0)
    return child;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (index % 2 == 0)
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
usage_of (const pid_t *children)
{
  Usage usage = { 0 };

  for (guint i = 0; i < N_PROCESSES; i++)
    {
      usage.switches += read_number (children[i], "status", "\nvoluntary_ctxt_switches:") +
                        read_number (children[i], "status", "nonvoluntary_ctxt_switches:");
      usage.cpu_ns += read_number (children[i], "schedstat", "");
    }
  return usage;
}

/* Each of them gets one message and ends: they were waiting, and not stuck. */
static gboolean
wake_all (MpQueue *queue)
{
  gboolean woken = TRUE;

  alarm (10);
  for (guint i = 0; i < N_PROCESSES; i++)
    {
      int status = 0;

      mp_queue_put_data (queue, (const guint8 *) "wake up", 8, -1, NULL, NULL);
      woken = wait (&status) > 0 && status == 0 && woken;
    }
  return woken;
}

int
main (void)
{
  g_autoptr (GError) error = NULL;
  MpQueue *queue = mp_queue_new (0, &error);
  pid_t    children[N_PROCESSES];
  Usage    before, after;
  gboolean woken;

  if (queue == NULL)
    bench_fail (error->message);
  for (guint i = 0; i < N_PROCESSES; i++)
    children[i] = start_waiter (queue, i);

  g_usleep (SETTLE_US);
  before = usage_of (children);
  g_usleep (MEASURE_US);
  after = usage_of (children);

  woken = wake_all (queue);
  printf ("{\"seconds\": %.1f, \"processes\": %d, \"switches\": %" G_GUINT64_FORMAT
          ", \"cpu\": %.6f, \"verified\": %s}\n",
          (double) MEASURE_US / 1e6, N_PROCESSES, after.switches - before.switches,
          (double) (after.cpu_ns - before.cpu_ns) / 1e9, woken ? "true" : "false");
  return woken ? 0 : 1;
}
