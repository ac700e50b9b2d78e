/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kills a user of a queue at one marked step, at which its death has consequences for others. */

#include "config.h"

#include "memory/recovery.h"
#include "memory/shared-queue-private.h"
#include "memory/shared-queue.h"
#include "memory/step.h"

#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANG_SECONDS 60

#define backend mp_shared_queue_backend

void (*mp_step_hook) (const char *name);

static gpointer queue;

/* --- A process that is stopped while others die ------------------------------------------ */

#define LARGE 20000

static gboolean has_committed;

static void
stop_after_commit (const char *name)
{
  has_committed |= g_str_equal (name, "put/committed");
  if (has_committed && g_str_equal (name, "lock/released"))
    {
      mp_step_hook = NULL;
      raise (SIGSTOP);
    }
}

static void
die_unpublished (const char *name)
{
  if (g_str_equal (name, "put/copied"))
    raise (SIGKILL);
}

static int
put_large (void)
{
  static guint8     buffer[LARGE];
  MpQueueCall       call = { .timeout_us = 0 };
  const MpQueueItem item = { buffer, sizeof buffer, 2 };
  guint             n_put;

  return backend.put (queue, &item, 1, &call, &n_put) == MP_QUEUE_OK ? 0 : 1;
}

static void
get_large (void)
{
  static guint8   buffer[LARGE];
  MpQueueCall     call = { .timeout_us = 0 };
  MpQueueDelivery delivery = { .buffer = buffer, .capacity = sizeof buffer };

  const MpQueueAccepted accepted = { .any = MP_QUEUE_TAG (2) };
  guint                 n_got;

  g_assert_cmpint (backend.get (queue, &delivery, 1, &accepted, &call, &n_got), ==, MP_QUEUE_OK);
}

static pid_t
start_putting (void (*hook) (const char *name))
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, !=, -1);
  if (pid != 0)
    return pid;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  mp_step_hook = hook;
  _exit (put_large ());
}

/* A block that was published, got, and allocated again by a process that died is freed, even while
 * its first owner is still stopped. */
static void
test_stopped (void)
{
  MpQueueCall           call = { 0 };
  const MpQueueSettings settings = { .mode = MP_QUEUE_MODE_PLAIN };
  pid_t                 stopped, killed;
  int                   status;

  queue = backend.open ("memory:", NULL, &settings, &call);
  alarm (HANG_SECONDS);
  stopped = start_putting (stop_after_commit);
  g_assert_cmpint (waitpid (stopped, &status, WUNTRACED), ==, stopped);
  g_assert_true (WIFSTOPPED (status));
  get_large ();

  killed = start_putting (die_unpublished);
  g_assert_cmpint (waitpid (killed, &status, 0), ==, killed);
  g_assert_true (WIFSIGNALED (status));
  /* A process that attaches recovers the dead one. */
  g_assert_cmpint (waitpid (start_putting (NULL), &status, 0), >, 0);
  get_large ();
  g_assert_cmpuint (mp_shared_queue_count_units (queue), ==, MP_SEGMENT_SIZE / MP_UNIT_SIZE);

  kill (stopped, SIGCONT);
  g_assert_cmpint (waitpid (stopped, &status, 0), ==, stopped);
  g_assert_true (WIFEXITED (status));
  alarm (0);
  backend.free (queue);
}

/* --- A block of one that dies during a recovery ------------------------------------------ */

static pid_t owner_of_block;
static guint n_retired;

static void
die_published (const char *name)
{
  if (g_str_equal (name, "put/counted"))
    raise (SIGKILL);
}

static void
get_in_child (void)
{
  pid_t pid = fork ();
  int   status;

  g_assert_cmpint (pid, !=, -1);
  if (pid == 0)
    {
      get_large ();
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

static void
put_and_die (void)
{
  pid_t pid = start_putting (die_published);
  int   status;

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFSIGNALED (status));
}

static void
stop_unpublished (const char *name)
{
  if (g_str_equal (name, "put/copied"))
    {
      mp_step_hook = NULL;
      raise (SIGSTOP);
    }
}

/* After the recoverer has retired the first one, and before it looks for leaks: another one dies
 * with the lock of the tail, just after it has published a block, which is got, freed, and given to
 * a third one. */
static void
reuse_block (const char *name)
{
  int status;

  n_retired += g_str_equal (name, "recovery/retired");
  if (n_retired == 0 || !g_str_equal (name, "lock/released") || ++n_retired <= MP_N_LOCKS)
    return;

  mp_step_hook = NULL;
  put_and_die ();
  get_in_child ();
  owner_of_block = start_putting (stop_unpublished);
  g_assert_cmpint (waitpid (owner_of_block, &status, WUNTRACED), ==, owner_of_block);
  g_assert_true (WIFSTOPPED (status));
}

/* It keeps the block, although the one that died still names it as its own. */
static void
test_reused (void)
{
  const MpQueueSettings settings = { .mode = MP_QUEUE_MODE_PLAIN };
  MpQueueCall           call = { 0 };
  int                   status;

  queue = backend.open ("memory:", NULL, &settings, &call);
  alarm (HANG_SECONDS);
  put_and_die ();
  get_large ();
  n_retired = 0;
  mp_step_hook = reuse_block;
  mp_recovery_run (&((MpSharedQueue *) queue)->memory);
  g_assert_null (mp_step_hook);
  mp_recovery_run (&((MpSharedQueue *) queue)->memory);

  g_assert_cmpint (put_large (), ==, 0);
  kill (owner_of_block, SIGCONT);
  g_assert_cmpint (waitpid (owner_of_block, &status, 0), ==, owner_of_block);
  g_assert_cmpint (status, ==, 0);
  get_large ();
  get_large ();
  g_assert_cmpuint (mp_shared_queue_count_units (queue), ==, MP_SEGMENT_SIZE / MP_UNIT_SIZE);
  alarm (0);
  backend.free (queue);
}

/* --- What a recovery costs ---------------------------------------------------------------- */

static guint n_walks;

static void
count_walks (const char *name)
{
  n_retired += g_str_equal (name, "recovery/retired");
  n_walks += g_str_equal (name, "recovery/counted");
}

static void
recover_one (void)
{
  n_retired = n_walks = 0;
  mp_step_hook = count_walks;
  g_assert_true (mp_recovery_run (&((MpSharedQueue *) queue)->memory));
  mp_step_hook = NULL;
  g_assert_cmpuint (n_retired, ==, 1);
}

/* All messages that are queued are visited, with all locks held, only if the dead process held a
 * lock. */
static void
test_walks (void)
{
  const MpQueueSettings settings = { .mode = MP_QUEUE_MODE_PLAIN };
  MpQueueCall           call = { 0 };
  pid_t                 pid;

  queue = backend.open ("memory:", NULL, &settings, &call);
  alarm (HANG_SECONDS);
  g_assert_cmpint (put_large (), ==, 0);
  get_in_child ();
  recover_one ();
  g_assert_cmpuint (n_walks, ==, 0);

  pid = start_putting (die_unpublished);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  recover_one ();
  g_assert_cmpuint (n_walks, ==, 0);

  put_and_die ();
  recover_one ();
  g_assert_cmpuint (n_walks, ==, 1);
  alarm (0);
  backend.free (queue);
}

/* --- A participant that leaves ----------------------------------------------------------- */

static pid_t leaver, holder;

static int
stop_and_leave (void)
{
  backend.attach (queue, NULL);
  raise (SIGSTOP);
  backend.free (queue);
  return 0;
}

static int
hold_and_stop (void)
{
  get_large ();
  raise (SIGSTOP);
  return 0;
}

static pid_t
start_and_stop (int (*run) (void))
{
  pid_t pid = fork ();
  int   status;

  g_assert_cmpint (pid, !=, -1);
  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      mp_step_hook = NULL;
      _exit (run ());
    }
  g_assert_cmpint (waitpid (pid, &status, WUNTRACED), ==, pid);
  g_assert_true (WIFSTOPPED (status));
  return pid;
}

static void
end_stopped (pid_t pid)
{
  int status;

  kill (pid, SIGCONT);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

static guint32
state_of_slot (guint participant)
{
  MpMemory *memory = &((MpSharedQueue *) queue)->memory;

  return mp_load (&mp_memory_participant (memory, participant)->state);
}

/* While the recoverer looks at the slot of the first child, that one leaves, and another one takes
 * the slot and a message. */
static void
leave_slot (const char *name)
{
  if (g_str_equal (name, "slots/used") && leaver != 0 && holder == 0 && n_retired++ == 1)
    {
      end_stopped (leaver);
      leaver = 0;
    }
  else if (g_str_equal (name, "slots/missing") && holder == 0)
    {
      holder = start_and_stop (hold_and_stop);
    }
}

/* The new one is not taken for the one that left. */
static void
test_left (void)
{
  const MpQueueSettings settings = { .mode = MP_QUEUE_MODE_ACKNOWLEDGED };
  MpQueueCall           call = { 0 };
  MpMemory             *memory;

  queue = backend.open ("memory:", NULL, &settings, &call);
  memory = &((MpSharedQueue *) queue)->memory;
  alarm (HANG_SECONDS);
  g_assert_cmpint (put_large (), ==, 0);
  leaver = start_and_stop (stop_and_leave);
  n_retired = 0;
  mp_store (&memory->state->is_leaky, 1);
  mp_step_hook = leave_slot;
  mp_recovery_run (memory);
  mp_step_hook = NULL;

  g_assert_cmpint (holder, !=, 0);
  g_assert_cmpuint (state_of_slot (1), !=, 0);
  g_assert_cmpuint (mp_load (&memory->head->n_orphans), ==, 0);
  end_stopped (holder);
  alarm (0);
  backend.free (queue);
}

/* --- Messages held by a plain consumer --------------------------------------------------- */

static void
die_in_hand (const char *name)
{
  if (g_str_equal (name, "get/leased"))
    has_committed = TRUE;
  if (has_committed && g_str_equal (name, "lock/released"))
    raise (SIGKILL);
}

static gsize
pass_one (void)
{
  static guint8         buffer[LARGE];
  const MpQueueItem     item = { buffer, 8, 2 };
  const MpQueueAccepted accepted = { .any = MP_QUEUE_TAG (2) };
  MpQueueCall           call = { .timeout_us = 0 };
  MpQueueDelivery       delivery = { .buffer = buffer, .capacity = sizeof buffer };
  guint                 n;

  g_assert_cmpint (backend.put (queue, &item, 1, &call, &n), ==, MP_QUEUE_OK);
  g_assert_cmpint (backend.get (queue, &delivery, 1, &accepted, &call, &n), ==, MP_QUEUE_OK);
  return delivery.size;
}

/* A large message that was not copied completely is redelivered, even under constant load when no
 * consumer sleeps. */
static void
test_in_hand (void)
{
  const MpQueueSettings settings = { .mode = MP_QUEUE_MODE_PLAIN };
  MpQueueCall           call = { 0 };
  pid_t                 pid;
  int                   status;

  queue = backend.open ("memory:", NULL, &settings, &call);
  g_assert_cmpint (put_large (), ==, 0);
  pid = fork ();
  g_assert_cmpint (pid, !=, -1);
  if (pid == 0)
    {
      has_committed = FALSE;
      mp_step_hook = die_in_hand;
      get_large ();
      _exit (1);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFSIGNALED (status));

  /* Without the check of a consumer that never sleeps, this would go on for ever. */
  alarm (HANG_SECONDS);
  while (pass_one () != LARGE)
    continue;
  alarm (0);
  backend.free (queue);
}

/* --- A thief that dies ------------------------------------------------------------------- */

static int
put_small (gint64 timeout_us)
{
  MpQueueCall       call = { .timeout_us = timeout_us };
  const MpQueueItem item = { (const guint8 *) "message", 8, 2 };
  guint             n_put;

  return backend.put (queue, &item, 1, &call, &n_put);
}

/* The owner of a lock stops before it announces that it has it, and again inside. */
static void
stop_with_lock (const char *name)
{
  if (g_str_equal (name, "lock/taken") || g_str_equal (name, "put/written"))
    raise (SIGSTOP);
}

/* The thief stops when it has seen that, and dies when it has revoked the lock. */
static void
stop_and_die (const char *name)
{
  if (g_str_equal (name, "lock/silent"))
    raise (SIGSTOP);
  if (g_str_equal (name, "lock/revoked"))
    raise (SIGKILL);
}

static pid_t
start_with (void (*hook) (const char *name))
{
  pid_t pid = fork ();
  int   status;

  g_assert_cmpint (pid, !=, -1);
  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      mp_step_hook = hook;
      _exit (put_small (10 * G_USEC_PER_SEC));
    }

  g_assert_cmpint (waitpid (pid, &status, WUNTRACED), ==, pid);
  g_assert_true (WIFSTOPPED (status));
  return pid;
}

static int
go_on (pid_t pid)
{
  int status;

  kill (pid, SIGCONT);
  g_assert_cmpint (waitpid (pid, &status, WUNTRACED), ==, pid);
  return status;
}

/* The owner of a lock goes on in the very moment in which another process takes it away, which is
 * killed: nobody else gets the lock. */
static void
test_thief_dies (void)
{
  const MpQueueSettings settings = { .mode = MP_QUEUE_MODE_PLAIN };
  MpQueueCall           call = { 0 };
  MpQueueCounts         counts;
  pid_t                 owner, thief;

  queue = backend.open ("memory:", NULL, &settings, &call);
  alarm (HANG_SECONDS);
  owner = start_with (stop_with_lock);
  thief = start_with (stop_and_die);
  g_assert_true (WIFSTOPPED (go_on (owner)));
  g_assert_true (WIFSIGNALED (go_on (thief)));

  g_assert_cmpint (put_small (G_USEC_PER_SEC), ==, MP_QUEUE_BUSY);
  g_assert_true (WIFEXITED (go_on (owner)));
  g_assert_cmpint (put_small (G_USEC_PER_SEC), ==, MP_QUEUE_OK);
  backend.count (queue, &counts, &call);
  g_assert_cmpuint (counts.size, ==, 2);
  alarm (0);
  backend.free (queue);
}

/* --- Recoverers that die ----------------------------------------------------------------- */

#define N_DEAD      40
#define N_HELD      20
#define N_RECOVERED 400 /* steps until a recoverer dies: less than there are to do */

static guint n_steps_left;

static void
die_soon (const char *name)
{
  if (--n_steps_left == 0)
    raise (SIGKILL);
}

static guint
count_used_slots (void)
{
  MpMemory *memory = &((MpSharedQueue *) queue)->memory;
  guint     n = 0;

  for (guint i = 0; i < MP_N_PARTICIPANTS; i++)
    n += mp_load (&mp_memory_participant (memory, i)->state) != 0;
  return n;
}

static pid_t
start_holding (void)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, !=, -1);
  if (pid != 0)
    return pid;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  for (guint i = 0; i < N_HELD; i++)
    pass_one ();
  raise (SIGSTOP);
  _exit (0);
}

static pid_t
start_recovering (guint n_steps)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, !=, -1);
  if (pid != 0)
    return pid;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  n_steps_left = n_steps;
  mp_step_hook = die_soon;
  /* Perhaps attaching does not look for the dead, since that was done just before. */
  backend.attach (queue, NULL);
  mp_recovery_run (&((MpSharedQueue *) queue)->memory);
  _exit (0);
}

/* Many die with messages in hand, and so do those that recover them: each of these leaves less to
 * do for the next one, also of the slots. */
static void
test_recoverers_die (void)
{
  const MpQueueSettings settings = { .mode = MP_QUEUE_MODE_ACKNOWLEDGED };
  MpQueueCall           call = { 0 };
  pid_t                 dead[N_DEAD];
  guint                 n_used;
  int                   status;

  queue = backend.open ("memory:", NULL, &settings, &call);
  alarm (HANG_SECONDS);
  for (guint i = 0; i < N_DEAD; i++)
    {
      dead[i] = start_holding ();
      g_assert_cmpint (waitpid (dead[i], &status, WUNTRACED), ==, dead[i]);
      g_assert_true (WIFSTOPPED (status));
    }
  for (guint i = 0; i < N_DEAD; i++)
    {
      kill (dead[i], SIGKILL);
      waitpid (dead[i], &status, 0);
    }
  n_used = count_used_slots ();
  g_assert_cmpuint (n_used, ==, N_DEAD + 1);

  while (n_used > 2)
    {
      guint n_before = n_used;

      waitpid (start_recovering (N_RECOVERED), &status, 0);
      n_used = count_used_slots ();
      /* The recoverer has a slot of its own. */
      g_assert_cmpuint (n_used, <, n_before + 1);
    }
  g_assert_cmpuint (mp_load (&((MpSharedQueue *) queue)->memory.head->n_orphans), ==,
                    N_DEAD * N_HELD);
  alarm (0);
  backend.free (queue);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/kill-once/stopped", test_stopped);
  g_test_add_func ("/kill-once/reused", test_reused);
  g_test_add_func ("/kill-once/walks", test_walks);
  g_test_add_func ("/kill-once/left", test_left);
  g_test_add_func ("/kill-once/in-hand", test_in_hand);
  g_test_add_func ("/kill-once/thief-dies", test_thief_dies);
  g_test_add_func ("/kill-once/recoverers-die", test_recoverers_die);
  return g_test_run ();
}
