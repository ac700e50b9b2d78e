/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kills a process that puts a dead letter back, at each of its steps: the letter is never lost, and
 * never there twice. */

#include "config.h"

#include "memory/recovery.h"
#include "memory/shared-queue-private.h"
#include "memory/shared-queue.h"
#include "memory/step.h"

#include <glib.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANG_SECONDS 60
#define TIMEOUT_US   (10 * G_USEC_PER_SEC)
#define N_LETTERS    3
#define FORMAT       2
#define MAX_STEPS    1000

#define backend mp_shared_queue_backend

void (*mp_step_hook) (const char *name);

static guint n_steps_left;

static void
die_at_last (const char *name)
{
  if (n_steps_left-- == 0)
    raise (SIGKILL);
}

static guint
get (gpointer         queue,
     MpQueueDelivery *delivery)
{
  const MpQueueAccepted accepted = { .any = MP_QUEUE_TAG (FORMAT) };
  MpQueueCall           call = { .timeout_us = 0 };
  guint                 n_got = 0;

  backend.get (queue, delivery, 1, &accepted, &call, &n_got);
  return n_got;
}

static void
put_letter (gpointer queue,
            guint32  number)
{
  const MpQueueItem item = { (const guint8 *) &number, sizeof number, FORMAT, NULL };
  guint8            buffer[64];
  MpQueueDelivery   delivery = { .buffer = buffer, .capacity = sizeof buffer };
  MpQueueCall       call = { .timeout_us = TIMEOUT_US };
  MpQueueStatus     answer;
  guint             n_put;

  g_assert_cmpint (backend.put (queue, &item, 1, &call, &n_put), ==, MP_QUEUE_OK);
  g_assert_cmpuint (get (queue, &delivery), ==, 1);
  backend.finish (queue, &delivery.token, 1, MP_QUEUE_FINISH_RETRY, &answer, &call);
  g_assert_cmpint (answer, ==, MP_QUEUE_OK);
}

/* Returns whether it was killed. */
static gboolean
requeue_and_die (gpointer queue,
                 guint    n_steps)
{
  const guint64 serial = 1; /* the second one */
  MpQueueCall   call = { .timeout_us = TIMEOUT_US };
  pid_t         pid = fork ();
  int           status;

  g_assert_cmpint (pid, !=, -1);
  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      backend.attach (queue, NULL);
      n_steps_left = n_steps;
      mp_step_hook = die_at_last;
      status = backend.requeue (queue, &serial, &call);
      mp_step_hook = NULL;
      _exit (status == MP_QUEUE_OK ? 0 : 1);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFSIGNALED (status) || status == 0);
  return WIFSIGNALED (status);
}

/* Takes all that is queued; returns how many, and adds each to @n_seen. */
static guint
take_queued (gpointer queue,
             guint    n_seen[N_LETTERS])
{
  guint8          buffer[64];
  MpQueueDelivery delivery = { .buffer = buffer, .capacity = sizeof buffer };
  MpQueueCall     call = { .timeout_us = TIMEOUT_US };
  MpQueueStatus   answer;
  guint           n = 0;

  for (; get (queue, &delivery) == 1; n++)
    {
      n_seen[*(guint32 *) delivery.data]++;
      g_assert_cmpuint (delivery.token.n_deliveries, ==, 1);
      backend.finish (queue, &delivery.token, 1, MP_QUEUE_FINISH_DONE, &answer, &call);
      g_assert_cmpint (answer, ==, MP_QUEUE_OK);
    }
  return n;
}

static guint
take_dead (gpointer queue,
           guint    n_seen[N_LETTERS])
{
  guint8          buffer[64];
  MpQueueDelivery delivery = { .buffer = buffer, .capacity = sizeof buffer };
  MpQueueCall     call = { .timeout_us = TIMEOUT_US };
  guint           n = 0;

  for (; backend.get_dead (queue, NULL, &delivery, &call) == MP_QUEUE_OK; n++)
    n_seen[*(guint32 *) delivery.data]++;
  return n;
}

/* Returns whether it was killed. */
static gboolean
check_one (guint n_steps)
{
  const MpQueueSettings settings = {
    .mode = MP_QUEUE_MODE_ACKNOWLEDGED,
    .max_deliveries = 1,
  };
  MpQueueCall   call = { .timeout_us = TIMEOUT_US };
  MpQueueCounts counts;
  gpointer      queue = backend.open ("memory:", NULL, &settings, &call);
  guint         n_seen[N_LETTERS] = { 0 };
  guint         n_queued;
  gboolean      was_killed;

  for (guint32 i = 0; i < N_LETTERS; i++)
    put_letter (queue, i);
  was_killed = requeue_and_die (queue, n_steps);
  mp_recovery_run (&((MpSharedQueue *) queue)->memory);

  backend.count (queue, &counts, &call);
  g_assert_cmpuint (counts.n_unfinished, ==, counts.size);
  n_queued = take_queued (queue, n_seen);
  g_assert_cmpuint (n_queued, ==, counts.size);
  g_assert_cmpuint (n_queued + take_dead (queue, n_seen), ==, N_LETTERS);
  for (guint i = 0; i < N_LETTERS; i++)
    g_assert_cmpuint (n_seen[i], ==, 1);
  if (!was_killed)
    g_assert_cmpuint (n_queued, ==, 1);

  backend.count (queue, &counts, &call);
  g_assert_cmpuint (counts.n_unfinished, ==, 0);
  g_assert_cmpuint (mp_shared_queue_count_units (queue), ==, MP_SEGMENT_SIZE / MP_UNIT_SIZE);
  backend.free (queue);
  return was_killed;
}

static void
test_each_step (void)
{
  guint n_steps = 0;

  alarm (HANG_SECONDS);
  while (check_one (n_steps))
    g_assert_cmpuint (++n_steps, <, MAX_STEPS);
  alarm (0);
  g_test_message ("killed at %u steps", n_steps);
  g_assert_cmpuint (n_steps, >, 6);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kill-requeue/each-step", test_each_step);
  return g_test_run ();
}
