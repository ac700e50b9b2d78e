/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Callbacks that iterate the main context until others were called, as a program does that shows a
 * dialog.  Nothing that was begun may wait for the callback to return. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "test-child.h"
#include "test-fork.h"

#define N_CALLS 5

typedef struct
{
  gpointer objects[2];

  /* How many callbacks were called, and how many have returned. */
  guint n_called;
  guint n_returned;
} Fixture;

typedef struct
{
  const char *name;
  void (*set_up) (Fixture *fixture);

  /* Begins one call. */
  void (*begin) (Fixture            *fixture,
                 GAsyncReadyCallback callback);
} Case;

/* Each callback begins a call as long as there were not enough, and waits for all. */
static void
called_cb (GObject      *object,
           GAsyncResult *result,
           gpointer      user_data)
{
  Fixture *fixture = user_data;

  fixture->n_called++;
  test_iterate_until (fixture->n_called == N_CALLS);
  fixture->n_returned++;
}

static void
begin_another_cb (GObject      *object,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  Fixture    *fixture = user_data;
  const Case *tested = g_object_get_data (object, "case");

  if (++fixture->n_called < N_CALLS)
    tested->begin (fixture, begin_another_cb);
  test_iterate_until (fixture->n_called == N_CALLS);
  fixture->n_returned++;
}

static void
fixture_clear (Fixture *fixture)
{
  test_iterate_until (fixture->n_returned == N_CALLS);
  test_drain_context ();
  g_clear_object (&fixture->objects[0]);
  g_clear_object (&fixture->objects[1]);
}

/* All calls are begun before the main context is iterated. */
static void
test_at_once (gconstpointer data)
{
  const Case *tested = data;
  Fixture     fixture = { 0 };

  tested->set_up (&fixture);
  for (guint i = 0; i < N_CALLS; i++)
    tested->begin (&fixture, called_cb);
  test_iterate_until (fixture.n_called == N_CALLS);
  fixture_clear (&fixture);
}

/* Each call is begun by the callback of the one before. */
static void
test_in_turn (gconstpointer data)
{
  const Case *tested = data;
  Fixture     fixture = { 0 };

  tested->set_up (&fixture);
  g_object_set_data (fixture.objects[0], "case", (gpointer) tested);
  tested->begin (&fixture, begin_another_cb);
  test_iterate_until (fixture.n_called == N_CALLS);
  fixture_clear (&fixture);
}

/* --- Connections and listeners ---------------------------------------------------------------- */

static void
set_up_pipe (Fixture *fixture)
{
  g_assert_true (mp_pipe (TRUE, (MpConnection **) &fixture->objects[0],
                          (MpConnection **) &fixture->objects[1], NULL));
}

static void
begin_send (Fixture            *fixture,
            GAsyncReadyCallback callback)
{
  mp_connection_send_async (fixture->objects[0], g_variant_new_int32 (1), G_PRIORITY_DEFAULT, NULL,
                            callback, fixture);
}

static void
begin_receive (Fixture            *fixture,
               GAsyncReadyCallback callback)
{
  mp_connection_recv_async (fixture->objects[0], G_PRIORITY_DEFAULT, NULL, callback, fixture);
  g_assert_true (mp_connection_send (fixture->objects[1], g_variant_new_int32 (1), -1, NULL, NULL));
}

static void
answer_cb (MpConnection *connection,
           MpInvocation *invocation,
           gpointer      user_data)
{
  mp_invocation_return_value (invocation, g_variant_new_int32 (2));
}

static void
set_up_calls (Fixture *fixture)
{
  set_up_pipe (fixture);
  g_signal_connect (fixture->objects[1], "called", G_CALLBACK (answer_cb), NULL);
  mp_connection_start (fixture->objects[1], G_PRIORITY_DEFAULT);
}

static void
begin_call (Fixture            *fixture,
            GAsyncReadyCallback callback)
{
  mp_connection_call_async (fixture->objects[0], g_variant_new_int32 (1), -1, G_PRIORITY_DEFAULT,
                            NULL, callback, fixture);
}

static void
set_up_listener (Fixture *fixture)
{
  g_autofree char *address = NULL;

  fixture->objects[0] = mp_listener_new ("unix:", NULL, NULL);
  g_assert_nonnull (fixture->objects[0]);
  address = mp_listener_get_address (fixture->objects[0]);
  fixture->objects[1] = mp_connector_new (address, NULL);
}

static void
begin_accept (Fixture            *fixture,
              GAsyncReadyCallback callback)
{
  mp_listener_accept_async (fixture->objects[0], G_PRIORITY_DEFAULT, NULL, callback, fixture);
  mp_connector_open_async (fixture->objects[1], G_PRIORITY_DEFAULT, NULL, NULL, NULL);
}

/* --- Queues ----------------------------------------------------------------------------------- */

static void
set_up_queue (Fixture *fixture)
{
  fixture->objects[0] = mp_queue_new (0, NULL);
}

static void
set_up_full_queue (Fixture *fixture)
{
  fixture->objects[0] = mp_queue_new (1, NULL);
  g_assert_true (mp_queue_put (fixture->objects[0], g_variant_new_int32 (0), -1, NULL, NULL));
}

static void
begin_get (Fixture            *fixture,
           GAsyncReadyCallback callback)
{
  mp_queue_get_async (fixture->objects[0], G_PRIORITY_DEFAULT, NULL, callback, fixture);
  g_assert_true (mp_queue_put (fixture->objects[0], g_variant_new_int32 (1), -1, NULL, NULL));
}

static gboolean
get_cb (gpointer queue)
{
  g_autoptr (GVariant) value = mp_queue_try_get (queue, NULL);

  return value == NULL;
}

static void
begin_put (Fixture            *fixture,
           GAsyncReadyCallback callback)
{
  mp_queue_put_async (fixture->objects[0], g_variant_new_int32 (1), G_PRIORITY_DEFAULT, NULL,
                      callback, fixture);
  g_timeout_add (1, get_cb, fixture->objects[0]);
}

static void
set_up_tasks (Fixture *fixture)
{
  fixture->objects[0] = mp_joinable_queue_new (0, NULL);
}

static void
begin_join (Fixture            *fixture,
            GAsyncReadyCallback callback)
{
  g_autoptr (GVariant) value = NULL;

  g_assert_true (mp_queue_put (fixture->objects[0], g_variant_new_int32 (1), -1, NULL, NULL));
  mp_joinable_queue_join_async (fixture->objects[0], G_PRIORITY_DEFAULT, NULL, callback, fixture);
  value = mp_queue_get (fixture->objects[0], -1, NULL, NULL);
  g_assert_true (mp_joinable_queue_task_done (fixture->objects[0], NULL));
}

/* --- Processes and pools ---------------------------------------------------------------------- */

static GVariant *
do_task (const char *function,
         GVariant   *argument,
         gpointer    user_data,
         GError    **error)
{
  return g_variant_ref (argument);
}

static int
child_work (const char *argument)
{
  return mp_pool_work (do_task, NULL);
}

static const TestChild children[] = { { "work", child_work },
                                      { "nothing", child_nothing },
                                      { NULL } };

static void
set_up_process (Fixture *fixture)
{
  fixture->objects[0] = make_child ("nothing", "");
  start (fixture->objects[0]);
}

static void
begin_join_process (Fixture            *fixture,
                    GAsyncReadyCallback callback)
{
  mp_process_join_async (fixture->objects[0], G_PRIORITY_DEFAULT, NULL, callback, fixture);
}

static void
set_up_pool (Fixture *fixture)
{
  const char *const argv[] = { get_program (), "--child", "work", "", NULL };

  fixture->objects[0] = mp_pool_new (argv, 1);
  g_assert_true (mp_pool_start (fixture->objects[0], NULL));
}

static void
begin_submit (Fixture            *fixture,
              GAsyncReadyCallback callback)
{
  mp_pool_submit_async (fixture->objects[0], "echo", g_variant_new_int32 (1), G_PRIORITY_DEFAULT,
                        NULL, callback, fixture);
}

static const Case cases[] = {
  { "connection-send", set_up_pipe, begin_send },
  { "connection-receive", set_up_pipe, begin_receive },
  { "connection-call", set_up_calls, begin_call },
  { "listener-accept", set_up_listener, begin_accept },
  { "queue-get", set_up_queue, begin_get },
  { "queue-put", set_up_full_queue, begin_put },
  { "queue-join", set_up_tasks, begin_join },
  { "process-join", set_up_process, begin_join_process },
  { "pool-submit", set_up_pool, begin_submit },
};

int
main (int   argc,
      char *argv[])
{
  run_child (argc, argv, children);
  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *at_once = g_strdup_printf ("/nested-loops/%s/at-once", cases[i].name);
      g_autofree char *in_turn = g_strdup_printf ("/nested-loops/%s/in-turn", cases[i].name);

      g_test_add_data_func (at_once, &cases[i], test_at_once);
      g_test_add_data_func (in_turn, &cases[i], test_in_turn);
    }

  return g_test_run ();
}
