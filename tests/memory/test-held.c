/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Many messages held by consumers: the cost of each does not depend on their number, and those of a
 * dead consumer are redelivered at once. */

#include "config.h"

#include "memory/layout.h"
#include "memory/shared-queue.h"
#include "test-usage.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define backend mp_shared_queue_backend

#define N_MANY    (1000 * 1000)
#define N_ORPHANS 262144
#define N_POISON  50000

static gpointer
open_queue (guint32 max_deliveries)
{
  const MpQueueSettings settings = {
    .mode = MP_QUEUE_MODE_ACKNOWLEDGED,
    .max_deliveries = max_deliveries,
  };
  MpQueueCall call = { 0 };
  gpointer    queue = backend.open (MP_SHARED_QUEUE_SCHEME ":", NULL, &settings, &call);

  g_assert_no_error (call.error);
  return queue;
}

static void
put (gpointer queue,
     guint32  n)
{
  for (guint32 i = 0; i < n; i++)
    {
      const MpQueueItem item = { (const guint8 *) &i, sizeof i, 2 };
      MpQueueCall       call = { 0 };
      guint             n_put;

      g_assert_cmpint (backend.put (queue, &item, 1, &call, &n_put), ==, MP_QUEUE_OK);
    }
}

static MpQueueStatus
get (gpointer      queue,
     MpQueueToken *token,
     guint32      *value)
{
  const MpQueueAccepted accepted = { .any = G_MAXUINT32 };
  MpQueueDelivery       delivery = { .buffer = (guint8 *) value, .capacity = sizeof *value };
  MpQueueCall           call = { 0 };
  guint                 n_got;
  MpQueueStatus         status = backend.get (queue, &delivery, 1, &accepted, &call, &n_got);

  *token = delivery.token;
  return status;
}

static void
get_all (gpointer      queue,
         MpQueueToken *tokens,
         guint32       n)
{
  for (guint32 i = 0; i < n; i++)
    {
      guint32 value;

      g_assert_cmpint (get (queue, &tokens[i], &value), ==, MP_QUEUE_OK);
      g_assert_cmpuint (value, ==, i);
    }
}

static void
finish_all (gpointer            queue,
            const MpQueueToken *tokens,
            guint32             n)
{
  g_autofree MpQueueStatus *answers = g_new (MpQueueStatus, n);
  MpQueueCall               call = { .timeout_us = -1 };

  g_assert_cmpint (backend.finish (queue, tokens, n, MP_QUEUE_FINISH_DONE, answers, &call), ==,
                   MP_QUEUE_OK);
  for (guint32 i = 0; i < n; i++)
    g_assert_cmpint (answers[i], ==, MP_QUEUE_OK);
}

static guint64
get_memory_in_use (gpointer queue)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autofree char *uri = backend.describe (queue, fds, NULL);
  struct stat      status;

  g_assert_nonnull (uri);
  g_assert_cmpint (fstat (g_unix_fd_list_peek_fds (fds, NULL)[0], &status), ==, 0);
  return (guint64) status.st_blocks * 512;
}

static void
assert_all_done (gpointer queue)
{
  MpQueueCounts counts;
  MpQueueCall   call = { 0 };

  g_assert_cmpint (backend.count (queue, &counts, &call), ==, MP_QUEUE_OK);
  g_assert_cmpuint (counts.size, ==, 0);
  g_assert_cmpuint (counts.n_unfinished, ==, 0);
  g_assert_cmpuint (mp_shared_queue_count_units (queue), ==, MP_SEGMENT_SIZE / MP_UNIT_SIZE);
}

/* Each uses a lease and a cell; both are returned to the system. */
static void
test_many (void)
{
  const guint              n = test_fewer_under_valgrind (N_MANY);
  gpointer                 queue = open_queue (0);
  g_autofree MpQueueToken *tokens = g_new (MpQueueToken, n);
  guint32                  value;
  MpQueueToken             token;

  put (queue, n);
  get_all (queue, tokens, n);
  g_assert_cmpuint (get_memory_in_use (queue), <, G_GUINT64_CONSTANT (300) * n);
  finish_all (queue, tokens, n);
  g_assert_cmpint (get (queue, &token, &value), ==, MP_QUEUE_EMPTY);
  g_assert_cmpuint (get_memory_in_use (queue), <, 100 << 20);

  assert_all_done (queue);
  backend.free (queue);
}

static void
take_and_die (gpointer queue,
              guint32  n)
{
  pid_t pid = fork ();
  int   status;

  g_assert_cmpint (pid, !=, -1);
  if (pid == 0)
    {
      g_autofree MpQueueToken *tokens = g_new (MpQueueToken, n);

      get_all (queue, tokens, n);
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

/* Redelivered in the order in which the dead consumer got them, ahead of later messages. */
static void
test_orphans (void)
{
  const guint              n = test_fewer_under_valgrind (N_ORPHANS);
  gpointer                 queue = open_queue (0);
  g_autofree MpQueueToken *tokens = g_new (MpQueueToken, n);
  gint64                   start;

  put (queue, n);
  take_and_die (queue, n);
  start = g_get_monotonic_time ();
  get_all (queue, tokens, n);
  finish_all (queue, tokens, n);
  /* With quadratic cost, this took minutes. */
  g_assert_cmpint (g_get_monotonic_time () - start, <, 30 * G_USEC_PER_SEC);

  assert_all_done (queue);
  backend.free (queue);
}

/* Messages that were returned too often become dead letters at once, and a get that finds none ends
 * in time. */
static void
test_poison (void)
{
  const guint  n = test_fewer_under_valgrind (N_POISON);
  gpointer     queue = open_queue (1);
  guint8       buffer[4];
  guint32      value, n_dead = 0;
  MpQueueToken token;
  MpQueueCall  call = { 0 };
  gint64       start = g_get_monotonic_time ();

  put (queue, n);
  take_and_die (queue, n);
  g_assert_cmpint (get (queue, &token, &value), ==, MP_QUEUE_EMPTY);
  for (;;)
    {
      MpQueueDelivery delivery = { .buffer = buffer, .capacity = sizeof buffer };

      if (backend.get_dead (queue, NULL, &delivery, &call) != MP_QUEUE_OK)
        break;
      g_assert_cmpuint (delivery.size, ==, sizeof n_dead);
      g_assert_cmpint (memcmp (buffer, &n_dead, sizeof n_dead), ==, 0);
      n_dead++;
    }
  g_assert_cmpuint (n_dead, ==, n);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 30 * G_USEC_PER_SEC);

  assert_all_done (queue);
  backend.free (queue);
}

static gpointer
open_again (gpointer queue)
{
  const MpQueueSettings settings = { 0 };
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autofree char *uri = backend.describe (queue, fds, NULL);
  MpQueueCall      call = { 0 };

  return backend.open (uri, fds, &settings, &call);
}

/* Two workers that finish their messages at the end do not wait for each other. */
static void
test_batches (void)
{
  gpointer     queues[2];
  MpQueueToken tokens[2];
  guint32      value;
  MpQueueCall  call = { 0 };

  queues[0] = open_queue (0);
  queues[1] = open_again (queues[0]);
  put (queues[0], 2);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpint (get (queues[i], &tokens[i], &value), ==, MP_QUEUE_OK);
  g_assert_cmpint (backend.shutdown (queues[0], FALSE, &call), ==, MP_QUEUE_OK);
  for (guint i = 0; i < 2; i++)
    {
      MpQueueToken none;

      g_assert_cmpint (get (queues[i], &none, &value), ==, MP_QUEUE_CLOSED);
    }
  /* A consumer that holds nothing waits for messages that may be returned. */
  finish_all (queues[0], &tokens[0], 1);
  g_assert_cmpint (get (queues[0], &tokens[0], &value), ==, MP_QUEUE_EMPTY);
  finish_all (queues[1], &tokens[1], 1);
  g_assert_cmpint (get (queues[0], &tokens[0], &value), ==, MP_QUEUE_CLOSED);

  assert_all_done (queues[0]);
  backend.free (queues[1]);
  backend.free (queues[0]);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/held/many", test_many);
  g_test_add_func ("/held/orphans", test_orphans);
  g_test_add_func ("/held/poison", test_poison);
  g_test_add_func ("/held/batches", test_batches);
  return g_test_run ();
}
