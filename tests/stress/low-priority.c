/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A process that seldom gets a processor is preempted while it holds a lock of the queue: calls of
 * others that do not wait are not delayed by that. */

#include "config.h"

#include "memory/shared-queue.h"
#include "memory/step.h"
#include "test-fork.h"

#include <poll.h>
#include <sched.h>
#include <time.h>

#define backend mp_shared_queue_backend

#define N_CALLS   50
#define PERIOD_MS 1

/* Processor time that is used with the lock held.  Beside a process of normal priority that takes
 * hundreds of milliseconds. */
#define HELD_NS (1000 * 1000)

/* A call waits for a lock 20 ms at most. */
#define MOST_US (150 * 1000)

/* On a busy machine this process may be preempted, too. */
#define N_ROUNDS 10

void (*mp_step_hook) (const char *name);

static int
use_processor (gpointer data)
{
  for (;;)
    ;
  return 0;
}

static gint64
get_processor_time (void)
{
  struct timespec time;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * G_GINT64_CONSTANT (1000000000) + time.tv_nsec;
}

static void
hold_lock (const char *name)
{
  gint64 end = get_processor_time () + HELD_NS;

  while (g_str_equal (name, "put/written") && get_processor_time () < end)
    continue;
}

static MpQueueStatus
put (gpointer queue,
     gint64   timeout_us)
{
  const MpQueueItem item = { (const guint8 *) "message", 8, 2 };
  MpQueueCall       call = { .timeout_us = timeout_us };
  guint             n_put;

  return backend.put (queue, &item, 1, &call, &n_put);
}

static int
put_all_the_time (gpointer queue)
{
  const struct sched_param parameters = { 0 };

  if (sched_setscheduler (0, SCHED_IDLE, &parameters) != 0)
    return 1;
  mp_step_hook = hold_lock;
  for (;;)
    put (queue, -1);
  return 0;
}

/* Returns whether all calls ended soon, and some of them because the lock was held. */
static gboolean
put_often (gpointer queue)
{
  gint64 longest = 0;
  guint  n_busy = 0;

  for (guint i = 0; i < N_CALLS && longest < MOST_US; i++)
    {
      gint64 begin, taken;

      poll (NULL, 0, PERIOD_MS);
      begin = g_get_monotonic_time ();
      n_busy += put (queue, 0) == MP_QUEUE_BUSY;
      taken = g_get_monotonic_time () - begin;
      longest = MAX (longest, taken);
    }
  g_test_message ("the longest call took %d µs; in %u the lock was held", (int) longest, n_busy);
  return longest < MOST_US && n_busy > 0;
}

/* Children inherit it. */
static void
stay_on_first_processor (cpu_set_t *before)
{
  cpu_set_t one;
  int       cpu = 0;

  g_assert_cmpint (sched_getaffinity (0, sizeof *before, before), ==, 0);
  while (!CPU_ISSET (cpu, before))
    cpu++;
  CPU_ZERO (&one);
  CPU_SET (cpu, &one);
  g_assert_cmpint (sched_setaffinity (0, sizeof one, &one), ==, 0);
}

static void
test_try_put (void)
{
  const MpQueueSettings settings = { .mode = MP_QUEUE_MODE_PLAIN };
  MpQueueCall           call = { 0 };
  gpointer              queue = backend.open ("memory:", NULL, &settings, &call);
  cpu_set_t             before;
  pid_t                 hog, other;
  gboolean              succeeded = FALSE;

  g_assert_no_error (call.error);
  stay_on_first_processor (&before);
  hog = test_fork (use_processor, NULL);
  other = test_fork (put_all_the_time, queue);
  g_assert_cmpint (sched_setaffinity (0, sizeof before, &before), ==, 0);
  test_wait_until (put (queue, 0) == MP_QUEUE_BUSY);
  for (guint i = 0; i < N_ROUNDS && !succeeded; i++)
    succeeded = put_often (queue);
  g_assert_true (succeeded);

  test_kill (other);
  test_kill (hog);
  backend.free (queue);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/low-priority/try-put", test_try_put);
  return g_test_run ();
}
