/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* bench-queue-exit MESSAGES: what the end of a process costs the others if so many messages are
 * queued.  One process puts and gets all the time.  The table has its longest call in the 50 ms in
 * which another one ends, the median and the worst of 20. */

#include "bench.h"

#include <mproc-glib/mproc-glib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_ENDS    20
#define WINDOW_NS (50 * 1000 * 1000)
#define SIZE      8
#define MAX_BYTES (G_GUINT64_CONSTANT (4) << 30)

typedef enum
{
  END_NONE,    /* no other process */
  END_FOREIGN, /* one that never used the queue */
  END_EXIT,
  END_NOW,
  END_KILLED, /* while it puts and gets, perhaps with a lock */
  N_ENDINGS,
} Ending;

static const char *const names[N_ENDINGS] = {
  "nobody ends",
  "ends, and never used the queue",
  "`exit ()` after a put and a get",
  "`_exit ()` after a put and a get",
  "killed while it puts and gets",
};

/* In memory that both processes have, in microseconds. */
typedef struct
{
  gint64 begun;   /* when the present call began */
  gint64 longest; /* the longest call since this was set to 0 */
} Clock;

static Clock *shared_clock;

static void
pass (MpQueue *queue)
{
  guint8 buffer[SIZE] = { 0 };

  if (!mp_queue_put_data (queue, buffer, SIZE, -1, NULL, NULL) ||
      mp_queue_get_into (queue, buffer, SIZE, -1, NULL, NULL) != SIZE)
    bench_fail ("put and get");
}

static void
work (MpQueue *queue)
{
  for (;;)
    {
      gint64 begun = g_get_monotonic_time ();
      gint64 took;

      __atomic_store_n (&shared_clock->begun, begun, __ATOMIC_RELAXED);
      pass (queue);
      took = g_get_monotonic_time () - begun;
      if (took > __atomic_load_n (&shared_clock->longest, __ATOMIC_RELAXED))
        __atomic_store_n (&shared_clock->longest, took, __ATOMIC_RELAXED);
    }
}

static pid_t
start (MpQueue *queue,
       Ending   how)
{
  pid_t pid = fork ();

  if (pid != 0)
    return pid;
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (how == END_FOREIGN)
    _exit (0);
  do
    pass (queue);
  while (how == END_KILLED);
  if (how == END_EXIT)
    exit (0);
  _exit (0);
}

static void
pause_ns (long ns)
{
  const struct timespec duration = { 0, ns };

  ppoll (NULL, 0, &duration, NULL);
}

/* Also if the call has not ended yet. */
static gint64
get_longest (void)
{
  gint64 present = g_get_monotonic_time () -
                   __atomic_load_n (&shared_clock->begun, __ATOMIC_RELAXED);
  gint64 longest = __atomic_load_n (&shared_clock->longest, __ATOMIC_RELAXED);

  return MAX (longest, present);
}

static int
compare (const void *a,
         const void *b)
{
  const gint64 first = *(const gint64 *) a, second = *(const gint64 *) b;

  return (first > second) - (first < second);
}

static void
measure (MpQueue *queue,
         Ending   how)
{
  gint64 longest[N_ENDS];

  for (guint i = 0; i < N_ENDS; i++)
    {
      pid_t pid = 0;

      if (how == END_KILLED)
        {
          pid = start (queue, how);
          pause_ns (WINDOW_NS / 10);
        }
      __atomic_store_n (&shared_clock->longest, 0, __ATOMIC_RELAXED);
      if (how == END_KILLED)
        kill (pid, SIGKILL);
      else if (how != END_NONE)
        pid = start (queue, how);
      pause_ns (WINDOW_NS);
      longest[i] = get_longest ();
      if (pid != 0)
        waitpid (pid, NULL, 0);
    }
  qsort (longest, N_ENDS, sizeof *longest, compare);
  printf ("| %s | %.2f ms | %.2f ms |\n", names[how], (double) longest[N_ENDS / 2] / 1e3,
          (double) longest[N_ENDS - 1] / 1e3);
  fflush (stdout);
}

static void
fill (MpQueue *queue,
      guint64  n)
{
  const guint8 message[SIZE] = { 0 };

  for (guint64 i = 0; i < n; i++)
    if (!mp_queue_put_data (queue, message, SIZE, 0, NULL, NULL))
      bench_fail ("the queue is full");
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpQueue) queue = mp_queue_new_full (0, MAX_BYTES, &error);
  guint64 n = argc == 2 ? g_ascii_strtoull (argv[1], NULL, 10) : 0;
  pid_t   worker;

  if (queue == NULL)
    bench_fail (error->message);
  if (n == 0)
    bench_fail ("bench-queue-exit MESSAGES");
  shared_clock = bench_shared (sizeof *shared_clock);
  fill (queue, n);
  worker = fork ();
  if (worker == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      work (queue);
    }

  printf ("| a process | longest call of another one, median | worst of %d |\n|---|---|---|\n",
          N_ENDS);
  for (Ending how = 0; how < N_ENDINGS; how++)
    measure (queue, how);
  kill (worker, SIGKILL);
  waitpid (worker, NULL, 0);
  if (mp_queue_get_size (queue) < n)
    bench_fail ("messages were lost");
  return 0;
}
