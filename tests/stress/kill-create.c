/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kills processes that create or remove a queue with a name, at each of their steps: the next one
 * creates it all the same, all who open it have the same one, and nothing is left over. */

#include "config.h"

#include "memory/shared-queue.h"
#include "memory/step.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANG_SECONDS 120
#define TIMEOUT_US   (10 * G_USEC_PER_SEC)
#define MAX_STEPS    1000
#define N_CREATORS   20
#define N_ROUNDS     30
#define FORMAT       2
#define URI          "local:raced?mode=joinable&max-size=100"
#define EXISTING     "local:raced?create=no"

#define backend mp_shared_queue_backend

void (*mp_step_hook) (const char *name);

static char *runtime;
static guint n_steps_left;

static void
die_at_last (const char *name)
{
  if (n_steps_left-- == 0)
    raise (SIGKILL);
}

/* --- What is done --------------------------------------------------------------------------- */

static gpointer
open_queue (const char *uri)
{
  MpQueueCall call = { .timeout_us = TIMEOUT_US };
  gpointer    queue = backend.open (uri, NULL, NULL, &call);

  g_clear_error (&call.error);
  return queue;
}

static gboolean
put_one (gpointer queue)
{
  const MpQueueItem item = { (const guint8 *) "message", 8, FORMAT, NULL };
  MpQueueCall       call = { .timeout_us = TIMEOUT_US };
  guint             n_put;

  return backend.put (queue, &item, 1, &call, &n_put) == MP_QUEUE_OK;
}

static guint32
count (gpointer queue)
{
  MpQueueCall   call = { .timeout_us = TIMEOUT_US };
  MpQueueCounts counts;

  g_assert_cmpint (backend.count (queue, &counts, &call), ==, MP_QUEUE_OK);
  return counts.size;
}

static int
create (void)
{
  gpointer queue = open_queue (URI);

  mp_step_hook = NULL;
  return queue != NULL && put_one (queue) ? 0 : 1;
}

static int
remove_existing (void)
{
  MpQueueCall call = { .timeout_us = TIMEOUT_US };
  gboolean    is_removed = backend.remove ("local:raced", &call);

  g_clear_error (&call.error);
  return is_removed ? 0 : 1;
}

/* Returns the process, which is killed after @n_steps steps. */
static pid_t
start (int (*run) (void),
       guint n_steps)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, !=, -1);
  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      n_steps_left = n_steps;
      mp_step_hook = die_at_last;
      _exit (run ());
    }
  return pid;
}

/* Returns whether it was killed; otherwise it was successful. */
static gboolean
was_killed (pid_t pid)
{
  int status;

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFSIGNALED (status) || status == 0);
  return WIFSIGNALED (status);
}

static void
assert_nothing_left (void)
{
  g_autofree char *path = g_build_filename (runtime, "mproc-glib", NULL);
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);

  g_assert_null (g_dir_read_name (folder));
}

/* --- Tests ----------------------------------------------------------------------------------- */

/* The next one has a queue that works, whether it is the one that the dead one made or not. */
static gboolean
kill_creator (guint n_steps)
{
  gboolean killed = was_killed (start (create, n_steps));
  gpointer queue = open_queue (URI);
  gpointer other = open_queue (EXISTING);
  guint32  n_before;

  g_assert_nonnull (queue);
  g_assert_nonnull (other);
  n_before = count (queue);
  g_assert_cmpuint (n_before, <=, 1);
  g_assert_true (put_one (other));
  g_assert_cmpuint (count (queue), ==, n_before + 1);
  backend.free (queue);
  backend.free (other);
  g_assert_cmpint (remove_existing (), ==, 0);
  assert_nothing_left ();
  return killed;
}

static void
test_creators (void)
{
  guint n_steps = 0;

  alarm (HANG_SECONDS);
  while (kill_creator (n_steps))
    g_assert_cmpuint (++n_steps, <, MAX_STEPS);
  alarm (0);
  g_test_message ("killed at %u steps", n_steps);
  g_assert_cmpuint (n_steps, >, 6);
}

/* A consumer that waits for the queue is released at the latest when the next one is created. */
static gboolean
kill_remover (guint n_steps)
{
  const MpQueueAccepted accepted = { .any = MP_QUEUE_TAG (FORMAT) };
  guint8                buffer[64];
  MpQueueDelivery       delivery = { .buffer = buffer, .capacity = sizeof buffer };
  MpQueueCall           call = { .timeout_us = TIMEOUT_US };
  gpointer              queue = open_queue (URI);
  gpointer              next;
  gboolean              killed, is_removed;
  guint                 n_got;

  g_assert_nonnull (queue);
  killed = was_killed (start (remove_existing, n_steps));
  next = open_queue (EXISTING);
  is_removed = next == NULL;
  g_clear_pointer (&next, backend.free);
  next = open_queue (URI);
  g_assert_nonnull (next);
  g_assert_true (put_one (next));

  g_assert_cmpint (backend.get (queue, &delivery, 1, &accepted, &call, &n_got), ==,
                   is_removed ? MP_QUEUE_CLOSED : MP_QUEUE_OK);
  backend.free (queue);
  backend.free (next);
  g_assert_cmpint (remove_existing (), ==, 0);
  assert_nothing_left ();
  return killed;
}

static void
test_removers (void)
{
  guint n_steps = 0;

  alarm (HANG_SECONDS);
  while (kill_remover (n_steps))
    g_assert_cmpuint (++n_steps, <, MAX_STEPS);
  alarm (0);
  g_test_message ("killed at %u steps", n_steps);
  g_assert_cmpuint (n_steps, >, 6);
}

/* Many create it at once, and every other one is killed somewhere: those that live have all put
 * into the same queue. */
static void
test_race (void)
{
  alarm (HANG_SECONDS);
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      pid_t    creators[N_CREATORS];
      guint    n_alive = 0, n_killed = 0;
      gpointer queue;

      for (guint i = 0; i < N_CREATORS; i++)
        creators[i] = start (create, i % 2 == 0 ? G_MAXUINT
                                                : (guint) g_test_rand_int_range (0, 60));
      for (guint i = 0; i < N_CREATORS; i++)
        if (was_killed (creators[i]))
          n_killed++;
        else
          n_alive++;

      queue = open_queue (EXISTING);
      g_assert_nonnull (queue);
      g_assert_cmpuint (count (queue), ==, n_alive);
      g_assert_cmpuint (n_alive, >=, N_CREATORS / 2);
      g_assert_cmpuint (n_alive + n_killed, ==, N_CREATORS);
      backend.free (queue);
      g_assert_cmpint (remove_existing (), ==, 0);
      assert_nothing_left ();
    }
  alarm (0);
}

static int
create_and_wait (void)
{
  const MpQueueAccepted accepted = { .any = MP_QUEUE_TAG (FORMAT) };

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      guint8          buffer[64];
      MpQueueDelivery delivery = { .buffer = buffer, .capacity = sizeof buffer };
      MpQueueCall     call = { .timeout_us = HANG_SECONDS * G_USEC_PER_SEC };
      gpointer        queue = open_queue (URI);
      guint           n_got;

      /* Nothing is put: this ends when the queue is removed. */
      if (queue == NULL ||
          backend.get (queue, &delivery, 1, &accepted, &call, &n_got) != MP_QUEUE_CLOSED)
        return 1;
      backend.free (queue);
    }
  return 0;
}

/* While others remove it: each open succeeds, and each wait ends. */
static void
test_removing (void)
{
  guint n_left = N_CREATORS;

  alarm (HANG_SECONDS);
  for (guint i = 0; i < N_CREATORS; i++)
    start (create_and_wait, G_MAXUINT);
  while (n_left > 0)
    {
      int   status;
      pid_t pid;

      remove_existing ();
      while ((pid = waitpid (-1, &status, WNOHANG)) > 0)
        {
          g_assert_cmpint (status, ==, 0);
          n_left--;
        }
      g_usleep (200);
    }
  alarm (0);
  remove_existing ();
  assert_nothing_left ();
}

static void
remove_all (void)
{
  g_autofree char *path = g_build_filename (runtime, "mproc-glib", NULL);

  g_rmdir (path);
  g_rmdir (runtime);
  g_free (runtime);
}

int
main (int    argc,
      char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  runtime = g_strdup ("/dev/shm/mproc-glib-kill-XXXXXX");
  g_assert_nonnull (g_mkdtemp (runtime));
  g_setenv ("XDG_RUNTIME_DIR", runtime, TRUE);

  g_test_add_func ("/kill-create/creators", test_creators);
  g_test_add_func ("/kill-create/removers", test_removers);
  g_test_add_func ("/kill-create/race", test_race);
  g_test_add_func ("/kill-create/removing", test_removing);

  result = g_test_run ();
  remove_all ();
  return result;
}
