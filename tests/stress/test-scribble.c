/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Processes use a queue while another one writes harmful values to all fields of its memory.  No
 * process crashes, no call takes longer than its timeout, and soon after the last store the queue
 * works again or is reported as damaged.
 *
 * Each round has a seed, which determines the queue and the stores.  MP_STRESS_SEED sets the first
 * seed, MP_STRESS_SECONDS the duration. */

#include "config.h"

#include "memory/lock.h"
#include "memory/shared-queue-private.h"
#include "memory/shared-queue.h"
#include "test-places.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define backend mp_shared_queue_backend

#define N_WORKERS     5
#define SHORT_SECONDS 4
#define LONG_SECONDS  (30 * 60)

/* The time limits of recovery and calls; a busy machine may need more. */
#define HEAL_US    (2 * G_USEC_PER_SEC)
#define HANG_US    (2 * G_USEC_PER_SEC)
#define SLOW_TIMES 5

#define LARGEST 70000

/* Shared by all processes of a round. */
typedef struct
{
  guint32 stop;
  guint32 n_stores;
  guint64 n_calls;
  gint64  longest_us;
  gint64  begun[N_WORKERS]; /* begin of the worker's current call, or 0 */
} Board;

typedef struct
{
  guint32 n_rounds;
  guint32 n_damaged;
  guint32 n_healed;
  guint32 n_killed;
  guint64 n_stores;
  guint64 n_calls;
  gint64  longest_call_us;
  gint64  longest_healing_us;
} Totals;

static Board    *board;
static gpointer  queue;
static MpMemory *memory;

/* --- Those who use it ----------------------------------------------------------------------- */

static void
begin_call (guint worker)
{
  mp_store (&board->begun[worker], g_get_monotonic_time ());
}

static void
end_call (guint worker)
{
  gint64 took = g_get_monotonic_time () - mp_load (&board->begun[worker]);

  mp_store (&board->begun[worker], 0);
  __atomic_fetch_add (&board->n_calls, 1, __ATOMIC_RELAXED);
  if (took > mp_load (&board->longest_us))
    mp_store (&board->longest_us, took);
}

static MpQueueStatus
put (gint64 timeout_us)
{
  static const guint32 sizes[] = { 0, 8, 200, 2000, 5000, LARGEST };
  static guint8        payload[LARGEST];
  MpQueueItem          items[3];
  MpQueueCall          call = { .timeout_us = timeout_us };
  guint                n_put;

  for (guint i = 0; i < G_N_ELEMENTS (items); i++)
    items[i] = (MpQueueItem){
      payload,
      sizes[g_random_int_range (0, G_N_ELEMENTS (sizes))],
      2,
    };
  return backend.put (queue, items, (guint) g_random_int_range (1, G_N_ELEMENTS (items) + 1), &call,
                      &n_put);
}

static MpQueueStatus
get (gint64 timeout_us)
{
  static const MpQueueAccepted accepted[] = {
    { .any = G_MAXUINT32 },
    { .sound = G_MAXUINT32 },
    { .by_content = G_MAXUINT32 },
  };
  guint8          buffer[MP_INLINE_LIMIT];
  MpQueueDelivery delivery = { .buffer = buffer, .capacity = sizeof buffer };
  MpQueueCall     call = { .timeout_us = timeout_us };
  guint           n_got;
  MpQueueStatus   answer;
  MpQueueStatus   status = backend.get (queue, &delivery, 1,
                                        &accepted[g_random_int_range (0, G_N_ELEMENTS (accepted))],
                                        &call, &n_got);

  if (status != MP_QUEUE_OK)
    return status;
  if (delivery.tentative)
    backend.settle (queue, &delivery, g_random_boolean (), &call);
  if (delivery.data != buffer)
    g_free (delivery.data);
  if (delivery.token.lease != 0)
    {
      backend.progress (queue, &delivery.token, 0.5, "half", &call);
      backend.finish (queue, &delivery.token, 1,
                      g_random_boolean () ? MP_QUEUE_FINISH_DONE : MP_QUEUE_FINISH_RETRY, &answer,
                      &call);
    }
  return MP_QUEUE_OK;
}

static void
look (const MpQueueProgress *progress,
      gpointer               user_data)
{
  g_assert_cmpuint (strlen (progress->text), <, sizeof progress->text);
}

static void
do_anything (gint64 timeout_us)
{
  MpQueueCall     call = { .timeout_us = timeout_us };
  MpQueueDelivery dead = { 0 };
  MpQueueCounts   counts;
  guint64         n_dropped;

  switch (g_random_int_range (0, 7))
    {
    case 0:
      backend.count (queue, &counts, &call);
      break;
    case 1:
      backend.list (queue, look, NULL, &call);
      break;
    case 2:
      if (backend.get_dead (queue, NULL, &dead, &call) == MP_QUEUE_OK)
        g_free (dead.data);
      break;
    case 3:
      backend.clear (queue, &n_dropped, &call);
      break;
    case 4:
      backend.begin_batch (queue, &call);
      break;
    default:
      backend.wait (queue, (MpQueueCondition) g_random_int_range (0, MP_QUEUE_WAIT_DONE + 1),
                    &call);
      break;
    }
}

/* Waits with a bell, as a main loop does. */
static void
listen (gint64 timeout_us)
{
  MpQueueCondition condition = (MpQueueCondition) g_random_int_range (0, MP_QUEUE_WAIT_NEWS + 1);
  MpQueueBell     *bell = backend.bell_new (queue, condition, NULL);
  struct pollfd    fd;

  if (bell == NULL)
    return;
  fd = (struct pollfd){ backend.bell_fd (bell), POLLIN, 0 };
  for (guint i = 0; i < 3; i++)
    {
      backend.bell_arm (queue, bell, (fd.revents & POLLIN) != 0);
      if (!backend.check (queue, condition))
        poll (&fd, 1, (int) (timeout_us / 1000));
    }
  backend.bell_free (queue, bell);
}

/* Opens the queue and detaches again, as a process does that gets the queue for a short time. */
static void
come_and_go (gint64 timeout_us)
{
  MpQueueCall call = { .timeout_us = timeout_us };
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autofree char *uri = backend.describe (queue, fds, NULL);
  gpointer         other = uri != NULL ? backend.open (uri, fds, NULL, &call) : NULL;

  g_clear_error (&call.error);
  if (other != NULL)
    backend.free (other);
}

static void
work (guint worker)
{
  while (!mp_load (&board->stop))
    {
      gint64 timeout_us = g_random_int_range (0, 3) * 10000;

      begin_call (worker);
      if (worker == N_WORKERS - 1)
        (g_random_boolean () ? listen : g_random_boolean () ? come_and_go
                                                            : do_anything) (timeout_us);
      else if (worker % 2 == 0)
        put (timeout_us);
      else
        get (timeout_us);
      end_call (worker);
    }
}

/* --- The one who writes ---------------------------------------------------------------------- */

static guint64
choose_place (GRand *random)
{
  for (;;)
    {
      guint64 place;

      if (g_rand_int_range (random, 0, 6) == 0)
        return test_lock_places[g_rand_int_range (random, 0, G_N_ELEMENTS (test_lock_places))];
      place = test_place ((guint) g_rand_int_range (random, 0, G_N_ELEMENTS (test_places)),
                          g_rand_int (random), memory->arena_offset);
      if (place + sizeof (guint64) <= memory->known_size)
        return place;
    }
}

/* Plausible values of such a field do more harm than values out of all ranges. */
static guint64
choose_value (GRand  *random,
              guint64 old)
{
  const guint64 unit = (guint64) g_rand_int_range (random, 0, 64) * MP_UNIT_SIZE;

  switch (g_rand_int_range (random, 0, 10))
    {
    case 0:
      return 0;
    case 1:
      return G_MAXUINT64;
    case 2:
      return (guint64) g_rand_int (random) << 32 | g_rand_int (random);
    case 3:
      return (guint64) g_rand_int_range (random, 0, 64);
    case 4:
      return old ^ G_GUINT64_CONSTANT (1) << g_rand_int_range (random, 0, 64);
    case 5:
      return old + (guint64) g_rand_int_range (random, -16, 17);
    case 6:
      return memory->arena_offset + unit;
    case 7:
      return mp_word ((guint32) g_rand_int_range (random, 0, 1000), memory->arena_offset + unit);
    case 8:
      return *mp_memory_word_at (memory, choose_place (random) & ~(guint64) 7);
    default:
      return mp_lock_word ((guint) g_rand_int_range (random, 0, N_WORKERS + 2),
                           (guint32) g_rand_int_range (random, 0, 3)) |
             (g_rand_boolean (random) ? MP_LOCK_WAITED : 0);
    }
}

static void
scribble (guint32 seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  const int n_stores = g_rand_boolean (random) ? 1 : g_rand_int_range (random, 2, 60);

  for (int i = 0; i < n_stores; i++)
    {
      const struct timespec pause = { 0, g_rand_int_range (random, 0, 500 * 1000) };
      guint64               place = choose_place (random);
      guint32              *low = mp_memory_at (memory, place);

      ppoll (NULL, 0, &pause, NULL);
      if (place % 8 == 0 && g_rand_boolean (random))
        mp_store (mp_memory_word_at (memory, place),
                  choose_value (random, mp_load (mp_memory_word_at (memory, place))));
      else
        mp_store (low, (guint32) choose_value (random, mp_load (low)));
      mp_store (&board->n_stores, (guint32) i + 1);
    }
}

/* --- A round -------------------------------------------------------------------------------- */

static guint32 seed_of_round;

G_GNUC_PRINTF (1, 2)
static void
fail (const char *format,
      ...)
{
  g_autofree char *what = NULL;
  va_list          arguments;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_printerr ("MP_STRESS_SEED=%u, after %u stores: %s\n", seed_of_round, mp_load (&board->n_stores),
              what);
  g_test_message ("MP_STRESS_SEED=%u: %s", seed_of_round, what);
  if (g_getenv ("MP_STRESS_PAUSE") != NULL)
    pause ();
  g_test_fail ();
}

static pid_t
start (guint index)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, !=, -1);
  if (pid != 0)
    return pid;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (index == N_WORKERS)
    {
      scribble (seed_of_round);
    }
  else
    {
      g_random_set_seed (seed_of_round + index);
      work (index);
    }
  _exit (0);
}

static gboolean
is_slow (void)
{
  for (guint i = 0; i < N_WORKERS; i++)
    {
      gint64 begun = mp_load (&board->begun[i]);

      if (begun != 0 && g_get_monotonic_time () - begun > HANG_US * SLOW_TIMES)
        return TRUE;
    }
  return FALSE;
}

/* Waits for one process, and kills it if it hangs. */
static void
await (pid_t pid,
       guint index)
{
  const struct timespec pause = { 0, 1000 * 1000 };
  int                   status;
  pid_t                 ended;

  while ((ended = waitpid (pid, &status, WNOHANG)) == 0)
    {
      if (is_slow ())
        {
          fail ("process %d, which is number %u, does not end", pid, index);
          kill (pid, SIGKILL);
        }
      ppoll (NULL, 0, &pause, NULL);
    }
  g_assert_cmpint (ended, ==, pid);
  if (WIFSIGNALED (status) && WTERMSIG (status) != SIGKILL)
    fail ("process %u ended by signal %d", index, WTERMSIG (status));
  else if (WIFEXITED (status) && WEXITSTATUS (status) != 0)
    fail ("process %u ended with status %d", index, WEXITSTATUS (status));
}

/* Whether the queue works again: a message that is put is got, perhaps behind others. */
static gboolean
works (MpQueueStatus *status)
{
  *status = put (100000);
  if (*status == MP_QUEUE_OK)
    *status = get (100000);
  return *status == MP_QUEUE_OK;
}

static void
check_end (Totals *totals)
{
  const gint64  begin = g_get_monotonic_time ();
  MpQueueStatus status;
  gint64        took;

  while (!works (&status) && status != MP_QUEUE_DAMAGED && status != MP_QUEUE_CLOSED &&
         g_get_monotonic_time () - begin < HEAL_US * SLOW_TIMES)
    ;
  took = g_get_monotonic_time () - begin;
  totals->longest_healing_us = MAX (totals->longest_healing_us, took);
  if (status != MP_QUEUE_OK && status != MP_QUEUE_DAMAGED && status != MP_QUEUE_CLOSED)
    fail ("neither works nor is damaged, but says %d", status);
  totals->n_damaged += status == MP_QUEUE_DAMAGED;
  totals->n_healed += status == MP_QUEUE_OK;
}

static void
run_round (Totals *totals)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed_of_round);
  const MpQueueSettings settings = {
    .mode = g_rand_boolean (random) ? MP_QUEUE_MODE_ACKNOWLEDGED : MP_QUEUE_MODE_PLAIN,
    .max_size = (guint32) g_rand_int_range (random, 0, 3) * 4,
    .max_bytes = 1 << 20,
    .max_deliveries = (guint32) g_rand_int_range (random, 0, 3),
  };
  MpQueueCall call = { 0 };
  pid_t       pids[N_WORKERS + 1];
  gint        victim = g_rand_int_range (random, 0, N_WORKERS * 4);

  memset (board, 0, sizeof *board);
  queue = backend.open ("memory:", NULL, &settings, &call);
  g_assert_no_error (call.error);
  memory = &((MpSharedQueue *) queue)->memory;

  for (guint i = 0; i <= N_WORKERS; i++)
    pids[i] = start (i);
  if (victim < N_WORKERS)
    {
      kill (pids[victim], SIGKILL);
      totals->n_killed++;
    }
  await (pids[N_WORKERS], N_WORKERS);
  if (victim < N_WORKERS)
    mp_store (&board->begun[victim], 0);
  check_end (totals);
  mp_store (&board->stop, 1);
  for (guint i = 0; i < N_WORKERS; i++)
    await (pids[i], i);

  totals->n_rounds++;
  totals->n_stores += board->n_stores;
  totals->n_calls += board->n_calls;
  totals->longest_call_us = MAX (totals->longest_call_us, board->longest_us);
  backend.free (queue);
}

static guint64
get_setting (const char *name,
             guint64     otherwise)
{
  const char *setting = g_getenv (name);

  return setting != NULL ? g_ascii_strtoull (setting, NULL, 10) : otherwise;
}

static void
test_scribble (void)
{
  const guint64 seconds = get_setting ("MP_STRESS_SECONDS",
                                       g_getenv ("MP_TEST_LONG") != NULL ? LONG_SECONDS
                                                                         : SHORT_SECONDS);
  const gint64  end = g_get_monotonic_time () + (gint64) seconds * G_USEC_PER_SEC;
  Totals        totals = { 0 };

  board = mmap (NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (board != MAP_FAILED);
  seed_of_round = (guint32) get_setting ("MP_STRESS_SEED", 1);
  do
    {
      run_round (&totals);
      seed_of_round++;
    }
  while (!g_test_failed () && g_get_monotonic_time () < end);
  munmap (board, sizeof *board);

  g_test_message ("%u rounds, %" G_GUINT64_FORMAT " stores, %" G_GUINT64_FORMAT
                  " calls, %u killed; %u times damaged, %u times it went on;"
                  " longest call %.3f s, longest wait for either %.3f s",
                  totals.n_rounds, totals.n_stores, totals.n_calls, totals.n_killed,
                  totals.n_damaged, totals.n_healed,
                  (double) totals.longest_call_us / G_USEC_PER_SEC,
                  (double) totals.longest_healing_us / G_USEC_PER_SEC);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/scribble", test_scribble);
  return g_test_run ();
}
