/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Many processes at one end of a queue: each gets its share of the messages in a second, and no
 * wait of a second times out while others are served. */

#include "config.h"

#include <glib.h>
#include <mproc-glib/mproc-glib.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_WORKERS  50
#define WAIT_US      G_USEC_PER_SEC
#define SIZE         64
#define HANG_SECONDS 120

/* On a busy machine it is the system's scheduler that decides who gets how much. */
#define MAX_ROUNDS 10

typedef struct
{
  const char *name;
  guint       n_workers;
  gboolean    producers; /* the many */
  guint       max_size;
  guint       period_us;  /* between messages at the other end; 0: full speed */
  double      least_part; /* of the mean */
} Case;

typedef struct
{
  guint64 n;
  guint64 n_in_vain; /* waits of a second that timed out */
  guint8  padding[112];
} Share;

/* The results, in memory shared by all processes. */
typedef struct
{
  guint32 n_ready;
  guint32 stop;
  Share   shares[MAX_WORKERS];
} Log;

static Log *log_;

static gboolean
pass (MpQueue *queue,
      gboolean produces,
      gint64   timeout_us)
{
  guint8 buffer[SIZE] = { 0 };

  return produces ? mp_queue_put_data (queue, buffer, SIZE, timeout_us, NULL, NULL)
                  : mp_queue_get_into (queue, buffer, SIZE, timeout_us, NULL, NULL) == SIZE;
}

static gboolean
has_ended (void)
{
  return __atomic_load_n (&log_->stop, __ATOMIC_ACQUIRE) != 0;
}

static void
work (MpQueue *queue,
      gboolean produces,
      Share   *share)
{
  __atomic_fetch_add (&log_->n_ready, 1, __ATOMIC_SEQ_CST);
  while (!has_ended ())
    {
      if (pass (queue, produces, WAIT_US))
        __atomic_fetch_add (&share->n, 1, __ATOMIC_RELAXED);
      else if (!has_ended ())
        __atomic_fetch_add (&share->n_in_vain, 1, __ATOMIC_RELAXED);
    }
}

static pid_t
start_worker (MpQueue *queue,
              gboolean produces,
              Share   *share)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, !=, -1);
  if (pid != 0)
    return pid;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  work (queue, produces, share);
  _exit (0);
}

static void
pause_until (gint64 time)
{
  gint64 left = time - g_get_monotonic_time ();

  if (left > 0)
    {
      const struct timespec duration = { left / G_USEC_PER_SEC, left % G_USEC_PER_SEC * 1000 };

      ppoll (NULL, 0, &duration, NULL);
    }
}

/* Runs the other end for @duration_us. */
static void
serve (MpQueue    *queue,
       const Case *test,
       gint64      duration_us)
{
  gint64 next = g_get_monotonic_time ();
  gint64 end = next + duration_us;

  while (g_get_monotonic_time () < end)
    {
      if (test->period_us != 0)
        pause_until (next += test->period_us);
      pass (queue, !test->producers, WAIT_US);
    }
}

/* Returns the least share as a part of the mean; nothing if somebody waited in vain. */
static double
measure_shares (const Case *test)
{
  guint64 total = 0, least = G_MAXUINT64, most = 0, n_in_vain = 0;
  double  mean;

  for (guint i = 0; i < test->n_workers; i++)
    {
      guint64 n = __atomic_load_n (&log_->shares[i].n, __ATOMIC_RELAXED);

      total += n;
      least = MIN (least, n);
      most = MAX (most, n);
      n_in_vain += __atomic_load_n (&log_->shares[i].n_in_vain, __ATOMIC_RELAXED);
    }
  mean = (double) total / test->n_workers;
  g_test_message ("%u processes: %.0f each on average, least %" G_GUINT64_FORMAT
                  " (%.2f of it), most %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT
                  " waits of a second in vain",
                  test->n_workers, mean, least, (double) least / mean, most, n_in_vain);
  return n_in_vain > 0 ? 0 : (double) least / mean;
}

/* Measures longer with a slow peer: on a busy machine a worker may not run for a while. */
static gint64
duration_of (const Case *test)
{
  if (g_getenv ("MP_TEST_LONG") != NULL)
    return 10 * G_USEC_PER_SEC;

  return (test->period_us != 0 ? 3 : 1) * G_USEC_PER_SEC;
}

static void
test_shares (gconstpointer data)
{
  const Case *test = data;
  g_autoptr (MpQueue) queue = mp_queue_new_full (test->max_size, 0, NULL);
  pid_t  workers[MAX_WORKERS];
  double part = 0;

  alarm (HANG_SECONDS);
  memset (log_, 0, sizeof *log_);
  for (guint i = 0; i < test->n_workers; i++)
    workers[i] = start_worker (queue, test->producers, &log_->shares[i]);
  while (__atomic_load_n (&log_->n_ready, __ATOMIC_ACQUIRE) < test->n_workers)
    sched_yield ();
  serve (queue, test, G_USEC_PER_SEC / 5);
  for (guint round = 0; round < MAX_ROUNDS && part < test->least_part; round++)
    {
      for (guint i = 0; i < test->n_workers; i++)
        {
          __atomic_store_n (&log_->shares[i].n, 0, __ATOMIC_RELAXED);
          __atomic_store_n (&log_->shares[i].n_in_vain, 0, __ATOMIC_RELAXED);
        }
      serve (queue, test, duration_of (test));
      part = measure_shares (test);
    }
  g_assert_cmpfloat (part, >=, test->least_part);

  __atomic_store_n (&log_->stop, 1, __ATOMIC_RELEASE);
  mp_queue_shutdown (queue, TRUE, NULL);
  for (guint i = 0; i < test->n_workers; i++)
    waitpid (workers[i], NULL, 0);
  alarm (0);
}

int
main (int    argc,
      char **argv)
{
  static const Case cases[] = {
    { "/fair-queue/producers/4/slow", 4, TRUE, 1, 1000, 0.5 },
    { "/fair-queue/producers/20/slow", 20, TRUE, 1, 1000, 0.5 },
    { "/fair-queue/producers/50/slow", 50, TRUE, 1, 1000, 0.5 },
    { "/fair-queue/producers/4/fast", 4, TRUE, 1, 0, 0.5 },
    { "/fair-queue/producers/20/fast", 20, TRUE, 1, 0, 0.5 },
    { "/fair-queue/producers/50/fast", 50, TRUE, 1, 0, 0.25 },
    { "/fair-queue/producers/4/many", 4, TRUE, 100, 0, 0.5 },
    { "/fair-queue/producers/20/many", 20, TRUE, 100, 0, 0.5 },
    { "/fair-queue/producers/50/many", 50, TRUE, 100, 0, 0.25 },
    { "/fair-queue/consumers/4/slow", 4, FALSE, 0, 1000, 0.5 },
    { "/fair-queue/consumers/20/slow", 20, FALSE, 0, 1000, 0.5 },
    { "/fair-queue/consumers/50/slow", 50, FALSE, 0, 1000, 0.5 },
    { "/fair-queue/consumers/4/fast", 4, FALSE, 100, 0, 0.5 },
    { "/fair-queue/consumers/20/fast", 20, FALSE, 100, 0, 0.5 },
    { "/fair-queue/consumers/50/fast", 50, FALSE, 100, 0, 0.25 },
  };

  g_test_init (&argc, &argv, NULL);
  log_ = mmap (NULL, sizeof *log_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (log_ != MAP_FAILED);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].name, &cases[i], test_shares);
  return g_test_run ();
}
