/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "test-fork.h"
#include "test-server.h"

#include <signal.h>
#include <sys/mman.h>

/* Producers and consumers of a joinable queue, while both and the server, which writes each change
 * to its disk, are killed or stopped again and again: nothing whose put returned success is lost,
 * and nothing is delivered after its done returned success.  For half an hour with MP_TEST_LONG. */

#define N_PRODUCERS 4
#define N_CONSUMERS 4
#define MAX_PUTS    8000000 /* of each producer */

#define ROUNDS          12
#define ROUND_PUTS      100
#define LONG_ROUND_PUTS 2500
#define LONG_US         (30 * 60 * G_USEC_PER_SEC)

/* The file is written anew often, so that it is read in little time. */
static const char *const persistent[] = { "--appendonly", "yes", "--appendfsync", "always",
                                          "--auto-aof-rewrite-min-size", "16mb", NULL };

/* Flags of a message. */
enum
{
  CONFIRMED = 1, /* its put returned success */
  DELIVERED = 2,
  DONE = 4,     /* its done returned success */
  TOO_MUCH = 8, /* it was delivered after that, or its done returned success twice */
};

/* Shared by all processes. */
typedef struct
{
  gint  is_over;
  gint  n_put;
  gint  n_redelivered;
  gint  next[N_PRODUCERS]; /* a number is never used again, whatever became of its put */
  guint flags[N_PRODUCERS * MAX_PUTS / 4];
} Board;

static Board      *board;
static char       *uri;
static TestServer *server;

static guint
set_flag (gint64 number,
          guint  flag)
{
  const guint shift = (guint) (number % 4) * 8;

  return g_atomic_int_or (&board->flags[number / 4], flag << shift) >> shift & 0xff;
}

static int
produce (gpointer data)
{
  const int producer = GPOINTER_TO_INT (data);
  g_autoptr (MpQueue) queue = mp_queue_open (uri, NULL, NULL);
  int number;

  if (queue == NULL)
    return 1;
  while (!g_atomic_int_get (&board->is_over) &&
         (number = g_atomic_int_add (&board->next[producer], 1)) < MAX_PUTS)
    {
      number += producer * MAX_PUTS;
      if (!mp_queue_put (queue, g_variant_new_int64 (number), -1, NULL, NULL))
        return 1;
      set_flag (number, CONFIRMED);
      g_atomic_int_inc (&board->n_put);
    }
  return 0;
}

/* A done that was not answered in time may have been carried out, and is repeated. */
static gboolean
is_done (MpTask *task)
{
  gboolean is_done;
  g_autoptr (GError) error = NULL;

  do
    {
      g_clear_error (&error);
      is_done = mp_task_done (task, &error);
    }
  while (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
  return is_done;
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

      if (set_flag (number, DELIVERED) & DONE)
        set_flag (number, TOO_MUCH);
      if (mp_task_get_delivery_count (task) > 1)
        g_atomic_int_inc (&board->n_redelivered);
      if (is_done (task) && set_flag (number, DONE) & DONE)
        set_flag (number, TOO_MUCH);
      g_object_unref (task);
    }
  return 0;
}

static gboolean
is_long (void)
{
  return g_getenv ("MP_TEST_LONG") != NULL;
}

static gboolean
goes_on (guint  round,
         gint64 start)
{
  return is_long () ? g_get_monotonic_time () - start < LONG_US : round < ROUNDS;
}

static void
check_board (void)
{
  guint n_put = 0, n_lost = 0, n_too_much = 0;

  for (int number = 0; number < N_PRODUCERS * MAX_PUTS; number++)
    {
      const guint flags = set_flag (number, 0);

      n_put += (flags & CONFIRMED) != 0;
      n_lost += (flags & (CONFIRMED | DELIVERED)) == CONFIRMED;
      n_too_much += (flags & TOO_MUCH) != 0;
    }
  g_test_message ("%u messages, %d delivered again, %u lost, %u done twice", n_put,
                  board->n_redelivered, n_lost, n_too_much);
  g_assert_cmpuint (n_put, >, 0);
  g_assert_cmpuint (n_lost, ==, 0);
  g_assert_cmpuint (n_too_much, ==, 0);
}

/* Kills or stops one process or the server, in turn. */
static void
disturb (guint  round,
         pid_t *producers,
         pid_t *consumers)
{
  const guint i = round / 4 % N_CONSUMERS;

  switch (round % 4)
    {
    case 0:
      test_server_kill (server);
      test_server_restart (server, persistent);
      break;
    case 1:
      test_kill (consumers[i]);
      consumers[i] = test_fork (consume, NULL);
      break;
    case 2:
      test_kill (producers[i]);
      producers[i] = test_fork (produce, GUINT_TO_POINTER (i));
      break;
    case 3:
      kill (server->pid, SIGSTOP);
      test_kill (consumers[i]);
      consumers[i] = test_fork (consume, NULL);
      kill (server->pid, SIGCONT);
      break;
    default:
      g_assert_not_reached ();
    }
}

static void
test_campaign (void)
{
  const gint64     start = g_get_monotonic_time ();
  const int        round_puts = is_long () ? LONG_ROUND_PUTS : ROUND_PUTS;
  pid_t            producers[N_PRODUCERS], consumers[N_CONSUMERS];
  MpJoinableQueue *queue;
  guint            round;
  g_autoptr (GError) error = NULL;

  test_server_kill (server);
  test_server_restart (server, persistent);
  uri = test_server_make_uri (server, "q", "&mode=joinable&max-size=1000&grace=0.5"
                                           "&max-deliveries=0");
  board = mmap (NULL, sizeof *board, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  g_assert_true (board != MAP_FAILED);
  for (int i = 0; i < N_PRODUCERS; i++)
    producers[i] = test_fork (produce, GINT_TO_POINTER (i));
  for (int i = 0; i < N_CONSUMERS; i++)
    consumers[i] = test_fork (consume, NULL);

  for (round = 0; goes_on (round, start); round++)
    {
      const int before = g_atomic_int_get (&board->n_put);

      test_wait_until (g_atomic_int_get (&board->n_put) >= before + round_puts);
      disturb (round, producers, consumers);
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
  g_test_message ("%u times killed or stopped, of these the server %u times", round, round / 2);
  check_board ();

  g_assert_finalize_object (queue);
  munmap (board, sizeof *board);
  g_free (uri);
}

static void
add_tests (void)
{
  g_test_add_func ("/redis-kill", test_campaign);
}

int
main (int    argc,
      char **argv)
{
  return test_server_run_tests (argc, argv, &server, add_tests);
}
