/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Forks while other threads use a queue: the child finds no lock held and uses no descriptor of its
 * parent, whatever those threads were doing. */

#include "config.h"

#include "test-fork.h"

#include <mproc-glib/mproc-glib.h>

#define N_ROUNDS      200
#define N_LONG_ROUNDS 20000
#define N_CHILDREN    3 /* of each round, at different times */

/* Longer than any child takes. */
#define ALARM_SECONDS 120

typedef gboolean (*Use) (MpQueue *queue);

typedef struct
{
  MpQueue *queue;
  Use      use;
  guint    delay; /* iterations before forking */
  guint    begun;
} Round;

static gboolean
use_put (MpQueue *queue)
{
  return mp_queue_put_data (queue, (const guint8 *) "x", 1, TEST_TIMEOUT_US, NULL, NULL);
}

static gboolean
use_fd (MpQueue *queue)
{
  return mp_queue_get_fd (queue) != -1;
}

static gboolean
ready_cb (gpointer user_data)
{
  return G_SOURCE_REMOVE;
}

static gboolean
use_source (MpQueue *queue)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) source = mp_queue_create_source (queue, NULL);

  g_source_set_callback (source, ready_cb, NULL, NULL);
  g_source_attach (source, context);
  g_main_context_iteration (context, FALSE);
  g_source_destroy (source);
  return TRUE;
}

static gboolean
use_new (MpQueue *queue)
{
  g_autoptr (MpQueue) other = mp_queue_new (0, NULL);

  return other != NULL && use_put (other) && use_put (queue);
}

static gpointer
use_cb (gpointer data)
{
  Round *round = data;

  __atomic_store_n (&round->begun, 1, __ATOMIC_RELEASE);
  g_assert_true (round->use (round->queue));
  return NULL;
}

/* Without objects and main contexts: GLib holds locks while creating and freeing them. */
static int
grandchild (gpointer data)
{
  Round *round = data;

  alarm (ALARM_SECONDS);
  return (round->use == use_put ? use_put : use_fd) (round->queue) ? 0 : 1;
}

/* A forked child, whose handle is not attached yet: one thread begins to use it while another
 * forks. */
static int
child (gpointer data)
{
  Round   *round = data;
  GThread *thread;
  pid_t    children[N_CHILDREN];

  alarm (ALARM_SECONDS);
  thread = g_thread_new ("user", use_cb, round);
  while (!__atomic_load_n (&round->begun, __ATOMIC_ACQUIRE))
    ;
  for (guint i = 0; i < N_CHILDREN; i++)
    {
      for (volatile guint turn = 0; turn < round->delay; turn++)
        ;
      children[i] = test_fork (grandchild, round);
    }
  g_thread_join (thread);
  for (guint i = 0; i < N_CHILDREN; i++)
    test_wait_child (children[i], 0);
  return 0;
}

static void
test_fork_from_thread (gconstpointer data)
{
  guint n_rounds = g_getenv ("MP_TEST_LONG") != NULL ? N_LONG_ROUNDS : N_ROUNDS;
  g_autoptr (GError) error = NULL;
  Round round = { .use = (Use) data };

  /* Triggers GLib's one-time initialisations here: a child that is forked during one would wait for
   * ever in g_once_init_enter (). */
  round.queue = mp_queue_new (0, NULL);
  g_assert_true (round.use (round.queue));

  for (guint i = 0; i < n_rounds; i++)
    {
      if (i % 100 == 0)
        {
          g_clear_object (&round.queue);
          round.queue = mp_queue_new (0, &error);
          g_assert_no_error (error);
        }
      round.delay = (guint) g_test_rand_int_range (0, 20000);
      test_wait_child (test_fork (child, &round), 0);
    }
  g_assert_finalize_object (round.queue);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/forks/put", use_put, test_fork_from_thread);
  g_test_add_data_func ("/forks/descriptor", use_fd, test_fork_from_thread);
  g_test_add_data_func ("/forks/source", use_source, test_fork_from_thread);
  g_test_add_data_func ("/forks/new", use_new, test_fork_from_thread);

  return g_test_run ();
}
