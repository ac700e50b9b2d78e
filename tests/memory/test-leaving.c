/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A process that ends normally needs no recovery by others. */

#include "config.h"

#include "memory/leaving.h"
#include "memory/recovery.h"
#include "memory/shared-queue-private.h"
#include "memory/shared-queue.h"
#include "test-fork.h"

#include <stdlib.h>

#define backend mp_shared_queue_backend

static gpointer
open_queue (void)
{
  const MpQueueSettings settings = { .mode = MP_QUEUE_MODE_ACKNOWLEDGED };
  MpQueueCall           call = { 0 };
  gpointer              queue = backend.open ("memory:", NULL, &settings, &call);

  g_assert_no_error (call.error);
  return queue;
}

static void
put (gpointer queue)
{
  const MpQueueItem item = { (const guint8 *) "task", 4, 2 };
  MpQueueCall       call = { 0 };
  guint             n_put;

  g_assert_cmpint (backend.put (queue, &item, 1, &call, &n_put), ==, MP_QUEUE_OK);
}

static MpQueueStatus
get (gpointer         queue,
     MpQueueDelivery *delivery)
{
  static guint8         buffer[100];
  const MpQueueAccepted accepted = { .any = G_MAXUINT32 };
  MpQueueCall           call = { 0 };
  guint                 n_got;

  *delivery = (MpQueueDelivery){ .buffer = buffer, .capacity = sizeof buffer };
  return backend.get (queue, delivery, 1, &accepted, &call, &n_got);
}

static guint32
count_recoveries (gpointer queue)
{
  return mp_load (&((MpSharedQueue *) queue)->memory.state->recoverer);
}

static int
get_and_exit (gpointer queue)
{
  MpQueueDelivery delivery;

  if (get (queue, &delivery) == MP_QUEUE_OK)
    exit (0);
  return 1;
}

static int
get_and_leave (gpointer queue)
{
  MpQueueDelivery delivery;

  if (get (queue, &delivery) != MP_QUEUE_OK)
    return 1;
  mp_leaving_leave_all ();
  return 0;
}

/* Messages that it held are redelivered at once, without a recovery. */
static void
test_end (gconstpointer data)
{
  int (*end) (gpointer queue) = data;
  gpointer        queue = open_queue ();
  MpMemory       *memory = &((MpSharedQueue *) queue)->memory;
  MpQueueDelivery delivery;

  put (queue);
  for (guint i = 0; i < 3; i++)
    {
      pid_t         pid = test_fork (end, queue);
      guint32       n_recoveries;
      MpQueueStatus answer;

      test_wait_child (pid, 0);
      n_recoveries = count_recoveries (queue);
      g_assert_cmpint (get (queue, &delivery), ==, MP_QUEUE_OK);
      g_assert_cmpuint (delivery.token.n_deliveries, ==, 2 + 2 * i);
      g_assert_false (mp_recovery_run (memory));
      g_assert_cmpuint (count_recoveries (queue), ==, n_recoveries);
      g_assert_cmpint (backend.finish (queue, &delivery.token, 1, MP_QUEUE_FINISH_RETRY, &answer,
                                       &(MpQueueCall){ 0 }),
                       ==, MP_QUEUE_OK);
    }
  /* An attaching participant frees the slot of one that has left. */
  g_assert_cmpuint (mp_load (&memory->state->n_participants), <=, 3);
  backend.free (queue);
}

static int
leave_and_die (gpointer queue)
{
  MpQueueDelivery delivery;

  mp_leaving_leave_all ();
  if (get (queue, &delivery) == MP_QUEUE_OK)
    raise (SIGKILL);
  return 1;
}

/* The death of a participant that continues after having left is detected again. */
static void
test_go_on (void)
{
  gpointer        queue = open_queue ();
  MpQueueDelivery delivery;
  int             status;
  pid_t           pid;

  put (queue);
  pid = test_fork (leave_and_die, queue);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFSIGNALED (status));
  g_assert_true (mp_recovery_run (&((MpSharedQueue *) queue)->memory));
  g_assert_cmpint (get (queue, &delivery), ==, MP_QUEUE_OK);
  backend.free (queue);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/leaving/exit", get_and_exit, test_end);
  g_test_add_data_func ("/leaving/before-_exit", get_and_leave, test_end);
  g_test_add_func ("/leaving/go-on", test_go_on);
  return g_test_run ();
}
