/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Many processes that wait for one queue: their cost, and that each death is noticed. */

#include "config.h"

#include "test-fork.h"

#include <mproc-glib/mproc-glib.h>
#include <poll.h>

#define N_WAITING 64
#ifdef __SANITIZE_ADDRESS__
#define N_CROWD 200 /* more take too long */
#else
#define N_CROWD 1000
#endif
#define N_MOST        4096 /* maximum number of participants */
#define WATCH_SECONDS 3
#define N_EXITS       10
#define N_DEATHS      8 /* fewer than max-deliveries */
#define PROMPT_US     (500 * 1000)

/* A bound is exceeded at times if the machine is busy, and always if the library is wrong. */
#define N_TRIES 5

typedef struct
{
  MpQueue *queue;
  pid_t   *children;
  guint    n_children;
  int      pipe[2]; /* for reports of children */
} Crowd;

static void
crowd_init (Crowd *crowd,
            guint  n_children)
{
  g_autoptr (GError) error = NULL;

  crowd->queue = MP_QUEUE (mp_joinable_queue_new (0, &error));
  g_assert_no_error (error);
  crowd->children = g_new0 (pid_t, n_children);
  crowd->n_children = 0;
  g_assert_cmpint (pipe (crowd->pipe), ==, 0);
}

static void
crowd_start (Crowd *crowd,
             int (*func) (gpointer data))
{
  crowd->children[crowd->n_children++] = test_fork (func, crowd);
}

static void
crowd_clear (Crowd *crowd)
{
  for (guint i = 0; i < crowd->n_children; i++)
    if (crowd->children[i] != 0)
      test_kill (crowd->children[i]);
  g_free (crowd->children);
  close (crowd->pipe[0]);
  close (crowd->pipe[1]);
  g_assert_finalize_object (crowd->queue);
}

/* --- Children -------------------------------------------------------------------------- */

static void
say (Crowd *crowd)
{
  g_assert_cmpint (write (crowd->pipe[1], "x", 1), ==, 1);
}

static void
hear (Crowd *crowd)
{
  struct pollfd fd = { crowd->pipe[0], POLLIN, 0 };
  char          byte;

  g_assert_cmpint (poll (&fd, 1, TEST_TIMEOUT_US / 1000), ==, 1);
  g_assert_cmpint (read (crowd->pipe[0], &byte, 1), ==, 1);
}

/* The error of a child is all that says why its parent fails. */
static gboolean
succeeded (GError *error)
{
  if (error != NULL)
    g_printerr ("Process %d: %s\n", getpid (), error->message);
  return error == NULL;
}

static gboolean
get (Crowd *crowd)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *data = NULL;
  gsize              length;

  data = mp_queue_get_data (crowd->queue, -1, NULL, &length, &error);
  return succeeded (error);
}

/* Gets tasks, and dies while it holds the last one. */
static int
get_tasks (gpointer data)
{
  while (get (data))
    say (data);
  return 1;
}

static int
get_one (gpointer data)
{
  MpJoinableQueue *queue = MP_JOINABLE_QUEUE (((Crowd *) data)->queue);
  g_autoptr (GError) error = NULL;

  if (!get (data))
    return 1;
  mp_joinable_queue_task_done (queue, &error);
  return succeeded (error) ? 0 : 1;
}

static gboolean
message_cb (gpointer user_data)
{
  Crowd *crowd = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = mp_queue_try_get (crowd->queue, &error);

  g_assert_no_error (error);
  g_assert_null (value);
  return G_SOURCE_CONTINUE;
}

static int
wait_in_loop (gpointer data)
{
  Crowd *crowd = data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) source = mp_queue_create_source (crowd->queue, NULL);

  g_source_set_callback (source, message_cb, crowd, NULL);
  g_source_attach (source, context);
  while (g_main_context_iteration (context, TRUE) || TRUE)
    ;
  return 1;
}

/* Uses the queue and ends without detaching, as if it had been killed. */
static int
use (gpointer data)
{
  g_autoptr (GError) error = NULL;

  mp_queue_try_get (((Crowd *) data)->queue, &error);
  return succeeded (error) ? 0 : 1;
}

static int
use_and_stay (gpointer data)
{
  int result = use (data);

  say (data);
  pause ();
  return result;
}

/* --- What waiting costs ------------------------------------------------------------------- */

static guint64
count_switches (Crowd *crowd)
{
  guint64 n = 0;

  for (guint i = 0; i < crowd->n_children; i++)
    {
      g_autofree char *path = g_strdup_printf ("/proc/%d/status", crowd->children[i]);
      g_autofree char *content = NULL;
      const char      *found;

      g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
      found = strstr (content, "\nvoluntary_ctxt_switches:");
      g_assert_nonnull (found);
      n += g_ascii_strtoull (found + strlen ("\nvoluntary_ctxt_switches:\t"), NULL, 10);
    }
  return n;
}

static void
start_waiting (Crowd *crowd,
               int (*func) (gpointer data),
               guint n)
{
  for (guint i = 0; i < n; i++)
    crowd_start (crowd, func);
  for (guint i = 0; i < n; i++)
    test_wait_asleep (crowd->children[i]);
}

static void
let_time_pass (Crowd *crowd)
{
  g_usleep (WATCH_SECONDS * G_USEC_PER_SEC);
}

static void
let_some_exit (Crowd *crowd)
{
  for (guint i = 0; i < N_EXITS; i++)
    test_wait_child (test_fork (use, crowd), 0);
}

static void
assert_few_wake_ups (Crowd *crowd,
                     void (*func) (Crowd *crowd),
                     guint64     most,
                     const char *what)
{
  guint64 n = G_MAXUINT64;

  for (guint i = 0; i < N_TRIES && n > most; i++)
    {
      guint64 before = count_switches (crowd);

      func (crowd);
      n = count_switches (crowd) - before;
      g_test_message ("%s woke %d processes %d times", what, N_WAITING, (int) n);
    }
  g_assert_cmpuint (n, <=, most);
}

/* Without watchers, each would wake up ten times a second, and each exit would wake all. */
static void
test_idle (gconstpointer data)
{
  Crowd crowd;

  crowd_init (&crowd, N_WAITING);
  start_waiting (&crowd, (int (*) (gpointer)) data, N_WAITING);
  assert_few_wake_ups (&crowd, let_time_pass, 4 * WATCH_SECONDS, "3 s");
  assert_few_wake_ups (&crowd, let_some_exit, 8 * N_EXITS + 4, "10 exits");
  crowd_clear (&crowd);
}

/* --- Deaths ---------------------------------------------------------------------------------- */

static void
put (Crowd *crowd)
{
  g_autoptr (GError) error = NULL;

  /* With a thousand processes, a lock holder may be preempted for longer than a non-blocking call
   * waits for locks. */
  mp_queue_put_data (crowd->queue, (const guint8 *) "x", 1, TEST_TIMEOUT_US, NULL, &error);
  g_assert_no_error (error);
}

/* Measures the time until another child reports that it has the task. */
static gint64
kill_and_measure (Crowd *crowd,
                  guint  index)
{
  gint64 begin = g_get_monotonic_time ();

  test_kill (crowd->children[index]);
  crowd->children[index] = 0;
  hear (crowd);
  return g_get_monotonic_time () - begin;
}

static int
get_one_and_stay (gpointer data)
{
  if (!get (data))
    return 1;
  say (data);
  pause ();
  return 0;
}

/* Each holder of the only task is killed, and another process gets it, even if watchers are killed
 * too.  Returns the longest time until then. */
static gint64
kill_holders (void)
{
  Crowd  crowd;
  gint64 longest = 0;

  crowd_init (&crowd, N_DEATHS + 1);
  crowd_start (&crowd, get_one_and_stay);
  put (&crowd);
  hear (&crowd);
  for (guint i = 0; i < N_DEATHS; i++)
    {
      gint64 taken;

      crowd_start (&crowd, get_one_and_stay);
      test_wait_asleep (crowd.children[i + 1]);
      taken = kill_and_measure (&crowd, i);
      longest = MAX (longest, taken);
    }
  crowd_clear (&crowd);
  return longest;
}

static void
test_redelivery (void)
{
  gint64 longest = G_MAXINT64;

  for (guint i = 0; i < N_TRIES && longest >= PROMPT_US; i++)
    {
      longest = kill_holders ();
      g_test_message ("the slowest of %d redeliveries took %d µs", N_DEATHS, (int) longest);
    }
  g_assert_cmpint (longest, <, PROMPT_US);
}

static gboolean
is_watcher (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/wchan", pid);
  g_autofree char *content = NULL;

  return g_file_get_contents (path, &content, NULL, NULL) && strstr (content, "poll") != NULL;
}

static guint
count_watchers (Crowd *crowd)
{
  guint n = 0;

  for (guint i = 0; i < crowd->n_children; i++)
    n += crowd->children[i] != 0 && is_watcher (crowd->children[i]);
  return n;
}

static void
kill_watchers (Crowd *crowd,
               guint  n)
{
  for (guint i = 0; i < crowd->n_children && n > 0; i++)
    if (crowd->children[i] != 0 && is_watcher (crowd->children[i]))
      {
        kill (crowd->children[i], SIGKILL);
        n--;
      }
  for (guint i = 0; i < crowd->n_children; i++)
    if (crowd->children[i] != 0 && waitpid (crowd->children[i], NULL, WNOHANG) > 0)
      crowd->children[i] = 0;
}

static void
test_watchers (void)
{
  Crowd crowd;

  crowd_init (&crowd, 16);
  start_waiting (&crowd, get_tasks, 16);
  test_wait_until (count_watchers (&crowd) == 2);
  kill_watchers (&crowd, 1);
  test_wait_until (count_watchers (&crowd) == 2);
  kill_watchers (&crowd, 2);
  test_wait_until (count_watchers (&crowd) == 2);
  crowd_clear (&crowd);
}

/* --- Numbers ------------------------------------------------------------------------------- */

static void
test_many (void)
{
  Crowd crowd;

  crowd_init (&crowd, N_CROWD);
  start_waiting (&crowd, get_one, N_CROWD);
  for (guint i = 0; i < N_CROWD; i++)
    put (&crowd);
  for (guint i = 0; i < N_CROWD; i++)
    {
      test_wait_child (crowd.children[i], 0);
      crowd.children[i] = 0;
    }
  g_assert_true (mp_joinable_queue_join (MP_JOINABLE_QUEUE (crowd.queue), TEST_TIMEOUT_US, NULL,
                                         NULL));
  crowd_clear (&crowd);
}

static void
test_most (void)
{
  Crowd crowd;

  if (g_getenv ("MP_TEST_LONG") == NULL)
    {
      g_test_skip ("takes thousands of processes");
      return;
    }

  /* This process is one of the participants. */
  crowd_init (&crowd, N_MOST);
  for (guint i = 0; i < N_MOST - 1; i++)
    crowd_start (&crowd, use_and_stay);
  for (guint i = 0; i < N_MOST - 1; i++)
    hear (&crowd);
  crowd_clear (&crowd);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/crowd/idle/get", get_tasks, test_idle);
  g_test_add_data_func ("/crowd/idle/loop", wait_in_loop, test_idle);
  g_test_add_func ("/crowd/redelivery", test_redelivery);
  g_test_add_func ("/crowd/watchers", test_watchers);
  g_test_add_func ("/crowd/many", test_many);
  g_test_add_func ("/crowd/most", test_most);

  return g_test_run ();
}
