/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "test-fork.h"
#include "test-server.h"

#include <sys/mman.h>

/* Producers and consumers of a joinable queue, while consumers and the server, which writes each
 * change to its disk, are killed again and again: nothing that was put is lost, and nothing is done
 * twice. */

#define N_PRODUCERS 4
#define N_CONSUMERS 4
#define MAX_PUTS    2000000 /* of each producer */

#define ROUNDS     9
#define ROUND_PUTS 100
#define LONG_US    (30 * 60 * G_USEC_PER_SEC)

static const char *const persistent[] = { "--appendonly", "yes", "--appendfsync", "always", NULL };

/* Shared by all processes. */
typedef struct
{
  gint   is_over;
  gint   n_put[N_PRODUCERS];               /* confirmed ones, in order */
  guint8 begun[N_PRODUCERS * MAX_PUTS];    /* a consumer was about to finish it */
  guint8 finished[N_PRODUCERS * MAX_PUTS]; /* how often it was */
} Board;

static Board *board;
static char  *uri;

static int
produce (gpointer data)
{
  const int producer = GPOINTER_TO_INT (data);
  g_autoptr (MpQueue) queue = mp_queue_open (uri, NULL, NULL);

  if (queue == NULL)
    return 1;
  for (int i = 0; i < MAX_PUTS && !g_atomic_int_get (&board->is_over); i++)
    {
      if (!mp_queue_put (queue, g_variant_new_int64 (producer * MAX_PUTS + i), -1, NULL, NULL))
        return 1;
      g_atomic_int_set (&board->n_put[producer], i + 1);
    }
  return 0;
}

static int
consume (gpointer data)
{
  g_autoptr (MpJoinableQueue) queue = mp_joinable_queue_open (uri, NULL, NULL);
  MpTask *task;

  while (queue != NULL && (task = mp_joinable_queue_get_task (queue, -1, NULL, NULL)) != NULL)
    {
      g_autoptr (GVariant) value = mp_message_get_variant (mp_task_get_message (task), NULL);
      const gint64 number = g_variant_get_int64 (value);
      gboolean     is_done;
      g_autoptr (GError) error = NULL;

      board->begun[number] = 1;
      do
        {
          g_clear_error (&error);
          is_done = mp_task_done (task, &error);
        }
      while (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
      if (is_done)
        board->finished[number]++;
      g_object_unref (task);
    }
  return 0;
}

static int
count_put (void)
{
  int n = 0;

  for (int producer = 0; producer < N_PRODUCERS; producer++)
    n += g_atomic_int_get (&board->n_put[producer]);
  return n;
}

static gboolean
goes_on (guint  round,
         gint64 start)
{
  return g_getenv ("MP_TEST_LONG") != NULL
           ? g_get_monotonic_time () - start < LONG_US && count_put () < MAX_PUTS
           : round < ROUNDS;
}

static void
check_board (void)
{
  guint n_put = 0;

  for (int producer = 0; producer < N_PRODUCERS; producer++)
    for (int i = 0; i < board->n_put[producer]; i++)
      {
        g_assert_cmpuint (board->finished[producer * MAX_PUTS + i], <=, 1);
        g_assert_cmpuint (board->begun[producer * MAX_PUTS + i], ==, 1);
        n_put++;
      }
  g_assert_cmpuint (n_put, >, 0);
  g_test_message ("%u messages", n_put);
}

static void
test_campaign (void)
{
  const gint64     start = g_get_monotonic_time ();
  TestServer      *server = test_server_start (persistent);
  pid_t            producers[N_PRODUCERS], consumers[N_CONSUMERS];
  MpJoinableQueue *queue;
  g_autoptr (GError) error = NULL;

  uri = test_server_make_uri (server, "q", "&mode=joinable&max-size=1000&grace=0.5"
                                           "&max-deliveries=0");
  board = mmap (NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (board != MAP_FAILED);
  for (int i = 0; i < N_PRODUCERS; i++)
    producers[i] = test_fork (produce, GINT_TO_POINTER (i));
  for (int i = 0; i < N_CONSUMERS; i++)
    consumers[i] = test_fork (consume, NULL);

  for (guint round = 0; goes_on (round, start); round++)
    {
      const int before = count_put ();

      test_wait_until (count_put () >= before + ROUND_PUTS);
      test_kill (consumers[round % N_CONSUMERS]);
      consumers[round % N_CONSUMERS] = test_fork (consume, NULL);
      if (round % 3 == 0)
        {
          test_server_kill (server);
          test_server_restart (server, persistent);
        }
    }

  g_atomic_int_set (&board->is_over, TRUE);
  for (int i = 0; i < N_PRODUCERS; i++)
    test_wait_child (producers[i], 0);
  queue = mp_joinable_queue_open (uri, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (mp_joinable_queue_join (queue, 90 * G_USEC_PER_SEC, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (mp_queue_shutdown (MP_QUEUE (queue), FALSE, &error));
  for (int i = 0; i < N_CONSUMERS; i++)
    test_wait_child (consumers[i], 0);
  check_board ();

  g_assert_finalize_object (queue);
  munmap (board, sizeof *board);
  g_free (uri);
  test_server_stop (server);
}

int
main (int    argc,
      char **argv)
{
  g_autofree char *program = g_find_program_in_path ("redis-server");

  g_test_init (&argc, &argv, NULL);
  if (program == NULL)
    {
      g_print ("1..0 # SKIP there is no redis-server\n");
      return 0;
    }
  g_test_add_func ("/redis-kill", test_campaign);
  return g_test_run ();
}
