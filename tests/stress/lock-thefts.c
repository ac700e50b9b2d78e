/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Takes locks away from owners that are stopped before they announce them, and that go on at the
 * most unfavourable moment. */

#include "config.h"

#include "memory/lock.h"
#include "memory/shared-queue-private.h"
#include "memory/shared-queue.h"
#include "memory/step.h"

#include <glib.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANG_SECONDS 60
#define TIMEOUT_US   (30 * G_USEC_PER_SEC)

#define backend mp_shared_queue_backend

void (*mp_step_hook) (const char *name);

static gpointer queue;

static void
begin (MpQueueMode mode)
{
  const MpQueueSettings settings = { .mode = mode };
  MpQueueCall           call = { 0 };

  queue = backend.open ("memory:", NULL, &settings, &call);
  g_assert_no_error (call.error);
  alarm (HANG_SECONDS);
}

static void
end (guint n_messages)
{
  MpQueueCall   call = { 0 };
  MpQueueCounts counts;

  g_assert_cmpint (backend.count (queue, &counts, &call), ==, MP_QUEUE_OK);
  g_assert_cmpuint (counts.size, ==, n_messages);
  alarm (0);
  backend.free (queue);
}

static MpMemory *
get_memory (void)
{
  return &((MpSharedQueue *) queue)->memory;
}

/* The first process that is started takes the slot behind that of the test, and so on. */
static MpParticipant *
get_participant (guint number)
{
  return mp_memory_participant (get_memory (), number);
}

static int
put (void)
{
  MpQueueCall       call = { .timeout_us = TIMEOUT_US };
  const MpQueueItem item = { (const guint8 *) "message", 8, 2 };
  guint             n_put;

  return backend.put (queue, &item, 1, &call, &n_put);
}

/* --- Processes that stop at steps -------------------------------------------------------- */

static const char *const *stops;

/* Stops at each of the steps in turn. */
static void
stop_at_steps (const char *name)
{
  if (*stops != NULL && g_str_equal (name, *stops))
    {
      stops++;
      raise (SIGSTOP);
    }
}

static void
await_stop (pid_t pid)
{
  int status;

  g_assert_cmpint (waitpid (pid, &status, WUNTRACED), ==, pid);
  g_assert_true (WIFSTOPPED (status));
}

static pid_t
start (int (*run) (void),
       const char *const *steps)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, !=, -1);
  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      stops = steps;
      mp_step_hook = stop_at_steps;
      _exit (run ());
    }
  await_stop (pid);
  return pid;
}

static void
go_on_to_stop (pid_t pid)
{
  kill (pid, SIGCONT);
  await_stop (pid);
}

static void
go_on_to_end (pid_t pid)
{
  int status;

  kill (pid, SIGCONT);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

/* --- A lock that is given back to nobody ------------------------------------------------- */

static const char *const owner_steps[] = { "lock/taken", "lock/lost", NULL };
static const char *const thief_steps[] = { "lock/revoked", "lock/returning", NULL };

/* The owner announces the lock just after it was revoked, and the thief sees that. */
static void
begin_giving_back (pid_t *owner,
                   pid_t *thief)
{
  begin (MP_QUEUE_MODE_PLAIN);
  *owner = start (put, owner_steps);
  *thief = start (put, thief_steps);
  go_on_to_stop (*owner);
  go_on_to_stop (*thief);
}

/* Both get the lock without another theft, for which they would have to wait. */
static void
end_giving_back (void)
{
  g_assert_cmpuint (mp_load (&get_participant (1)->n_thefts), ==, 2);
  end (2);
}

/* The owner withdraws its announcement before it gets the lock back. */
static void
test_withdrawn_before (void)
{
  pid_t owner, thief;

  begin_giving_back (&owner, &thief);
  kill (owner, SIGCONT);
  while (mp_load (&get_participant (1)->holds[MP_LOCK_TAIL]) != 0)
    sched_yield ();
  kill (owner, SIGSTOP);
  await_stop (owner);
  go_on_to_end (thief);
  go_on_to_end (owner);
  end_giving_back ();
}

/* And after that. */
static void
test_withdrawn_after (void)
{
  pid_t owner, thief;

  begin_giving_back (&owner, &thief);
  kill (thief, SIGCONT);
  while (mp_lock_is_revoked (mp_load (get_memory ()->locks[MP_LOCK_TAIL])))
    sched_yield ();
  go_on_to_end (owner);
  go_on_to_end (thief);
  end_giving_back ();
}

/* An owner that has the lock from a dead one must not release it before it has repaired what that
 * one has left half changed. */
static void
test_withdrawn_from_dead (void)
{
  static const char *const repairing[] = { "lock/taking", "lock/changed", "lock/lost", NULL };
  static const char *const dying[] = { "put/committed", NULL };
  pid_t                    owner, dead, thief;

  begin (MP_QUEUE_MODE_PLAIN);
  /* It attaches first: whoever attaches looks for dead ones. */
  owner = start (put, repairing);
  dead = start (put, dying);
  kill (dead, SIGKILL);
  g_assert_cmpint (waitpid (dead, NULL, 0), ==, dead);
  go_on_to_stop (owner);

  thief = start (put, thief_steps);
  go_on_to_stop (owner);
  go_on_to_stop (thief);
  kill (thief, SIGCONT);
  while (mp_lock_is_revoked (mp_load (get_memory ()->locks[MP_LOCK_TAIL])))
    sched_yield ();
  go_on_to_end (owner);
  go_on_to_end (thief);
  end (3);
}

/* --- Waiting for a lock that was taken away ---------------------------------------------- */

static int
get (MpQueueDelivery *delivery)
{
  static guint8         buffer[8];
  const MpQueueAccepted accepted = { .any = MP_QUEUE_TAG (2) };
  MpQueueCall           call = { .timeout_us = TIMEOUT_US };
  guint                 n;

  *delivery = (MpQueueDelivery){ .buffer = buffer, .capacity = sizeof buffer };
  return backend.get (queue, delivery, 1, &accepted, &call, &n);
}

/* Stops only in the call without a timeout. */
static int
finish (void)
{
  MpQueueCall     call = { .timeout_us = -1 };
  MpQueueDelivery delivery;
  MpQueueStatus   answer;

  mp_step_hook = NULL;
  if (put () != MP_QUEUE_OK || get (&delivery) != MP_QUEUE_OK)
    return 1;
  mp_step_hook = stop_at_steps;
  return backend.finish (queue, &delivery.token, 1, MP_QUEUE_FINISH_DONE, &answer, &call);
}

static int
put_and_get (void)
{
  MpQueueDelivery delivery;

  return put () == MP_QUEUE_OK ? get (&delivery) : 1;
}

/* An owner that has lost a lock waits for the new one. */
static void
test_waits (void)
{
  static const char *const taking[] = { "lock/revoked", "lock/taken", NULL };
  pid_t                    owner, thief;

  begin (MP_QUEUE_MODE_ACKNOWLEDGED);
  owner = start (finish, owner_steps);
  thief = start (put_and_get, taking);
  go_on_to_stop (thief);
  go_on_to_stop (owner);
  kill (owner, SIGCONT);
  go_on_to_end (thief);
  go_on_to_end (owner);
  end (0);
}

/* --- Two threads of one participant ------------------------------------------------------ */

/* What the threads did, and how far they may go. */
static guint32 n_reached[2], n_allowed[2];
static guint32 has_lost[2];

static GPrivate thread_number;

static void
stop_thread (const char *name)
{
  static const char *const steps[2][3] = {
    { "lock/taken", "put/written" },
    { "lock/taking", "lock/taken", "put/written" },
  };
  guint number = GPOINTER_TO_UINT (g_private_get (&thread_number));
  guint next;

  if (number == 0)
    return;
  number--;
  if (g_str_equal (name, "lock/lost"))
    mp_store (&has_lost[number], 1);
  next = mp_load (&n_reached[number]);
  if (next == G_N_ELEMENTS (steps[number]) || g_strcmp0 (name, steps[number][next]) != 0)
    return;
  mp_store (&n_reached[number], next + 1);
  while (mp_load (&n_allowed[number]) <= next)
    sched_yield ();
}

static gpointer
put_in_thread (gpointer number)
{
  g_private_set (&thread_number, number);
  return GINT_TO_POINTER (put ());
}

static void
await_thread (guint   number,
              guint32 n)
{
  while (mp_load (&n_reached[number]) < n)
    sched_yield ();
}

static int
put_as_thief (void)
{
  mp_step_hook = NULL;
  raise (SIGSTOP);
  return put ();
}

/* The lock is taken away from one thread, and then another one, which wanted it before, takes it
 * with the same word: only one of the two has it. */
static void
test_threads (void)
{
  static const char *const none[] = { NULL };
  GThread                 *threads[2];
  pid_t                    thief;

  begin (MP_QUEUE_MODE_PLAIN);
  thief = start (put_as_thief, none);
  mp_step_hook = stop_thread;
  threads[0] = g_thread_new ("first", put_in_thread, GUINT_TO_POINTER (1));
  await_thread (0, 1);
  threads[1] = g_thread_new ("second", put_in_thread, GUINT_TO_POINTER (2));
  await_thread (1, 1);
  go_on_to_end (thief);

  mp_store (&n_allowed[1], 1);
  await_thread (1, 2);
  mp_store (&n_allowed[0], 1);
  await_thread (0, 2);
  mp_store (&n_allowed[1], 2);
  while (!mp_load (&has_lost[1]))
    g_assert_cmpuint (mp_load (&n_reached[1]), ==, 2);

  mp_store (&n_allowed[0], 2);
  mp_store (&n_allowed[1], 3);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (threads[i])), ==, MP_QUEUE_OK);
  mp_step_hook = NULL;
  end (3);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lock-thefts/withdrawn-before", test_withdrawn_before);
  g_test_add_func ("/lock-thefts/withdrawn-after", test_withdrawn_after);
  g_test_add_func ("/lock-thefts/withdrawn-from-dead", test_withdrawn_from_dead);
  g_test_add_func ("/lock-thefts/waits", test_waits);
  g_test_add_func ("/lock-thefts/threads", test_threads);
  return g_test_run ();
}
