/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Forks while another thread is busy with an object: the child finds no lock held, whatever that
 * thread was doing.  See test-forks.c for queues. */

#include "config.h"

#include "test-fork.h"

#include <mproc-glib/mproc-glib.h>

#include "connection/mp-connection-private.h"
#include "wire/handshake.h"

#define N_ROUNDS      100
#define N_LONG_ROUNDS 5000

/* Longer than any of these takes. */
#define ALARM_SECONDS 120

/* One short use of an object, without the locks of GLib itself: a child may find those held. */
typedef struct
{
  gpointer (*make) (void);
  void (*use) (gpointer object);
  GDestroyNotify free;
} Kind;

typedef struct
{
  const Kind *kind;
  gpointer    object;
  gint        n_uses;
  gint        stops;
} Round;

static gpointer
busy_cb (gpointer data)
{
  Round *round = data;

  while (!g_atomic_int_get (&round->stops))
    {
      round->kind->use (round->object);
      g_atomic_int_inc (&round->n_uses);
    }
  return NULL;
}

static int
child (gpointer data)
{
  Round *round = data;

  alarm (ALARM_SECONDS);
  round->kind->use (round->object);
  return 0;
}

static void
test_fork_from_thread (gconstpointer data)
{
  guint    n_rounds = g_getenv ("MP_TEST_LONG") != NULL ? N_LONG_ROUNDS : N_ROUNDS;
  Round    round = { .kind = data };
  GThread *thread;

  round.object = round.kind->make ();
  thread = g_thread_new ("busy", busy_cb, &round);
  for (guint i = 0; i < n_rounds; i++)
    {
      gint before = g_atomic_int_get (&round.n_uses);

      test_wait_until (g_atomic_int_get (&round.n_uses) != before);
      test_wait_child (test_fork (child, &round), 0);
    }
  g_atomic_int_set (&round.stops, TRUE);
  g_thread_join (thread);
  round.kind->free (round.object);
}

static gpointer
make_connection (void)
{
  g_autoptr (MpConnection) other = NULL;
  g_autoptr (GError) error = NULL;
  MpConnection *connection;

  mp_pipe (TRUE, &connection, &other, &error);
  g_assert_no_error (error);
  return connection;
}

static void
use_connection (gpointer object)
{
  mp_connection_stop (object);
}

/* As after the first send that waits. */
static gpointer
make_flushed (void)
{
  MpConnection        *connection = make_connection ();
  MpConnectionPrivate *priv = mp_connection_get_private (connection);

  mp_flushers_ensure (&priv->flushers, priv->channel, connection, NULL, G_PRIORITY_DEFAULT);
  return connection;
}

static void
use_flushers (gpointer object)
{
  MpConnectionPrivate *priv = mp_connection_get_private (object);

  mp_flushers_ensure (&priv->flushers, priv->channel, object, NULL, G_PRIORITY_DEFAULT);
}

static void
free_flushed (gpointer object)
{
  test_drain_context ();
  g_assert_finalize_object (G_OBJECT (object));
}

static gpointer
make_caller (void)
{
  MpConnection *connection = make_connection ();

  g_assert_nonnull (mp_connection_get_calls (connection, NULL));
  return connection;
}

static void
use_calls (gpointer object)
{
  mp_calls_are_many (mp_connection_get_private (object)->calls);
}

static gpointer
make_listener (void)
{
  return g_object_new (MP_TYPE_LISTENER, NULL);
}

static void
use_listener (gpointer object)
{
  g_free (mp_listener_get_address (object));
}

static gpointer
make_connector (void)
{
  return mp_connector_new ("nonsense", NULL);
}

static void
use_connector (gpointer object)
{
  g_assert_null (mp_connector_open (object, -1, NULL, NULL));
}

static gpointer
make_process (void)
{
  return g_object_new (MP_TYPE_PROCESS, NULL);
}

static void
use_process (gpointer object)
{
  mp_process_get_pid (object);
}

static gpointer
make_nothing (void)
{
  return NULL;
}

static void
free_nothing (gpointer object)
{
}

static void
use_inherited (gpointer object)
{
  g_strfreev (mp_inherit_names ());
}

static void
use_handshake (gpointer object)
{
  g_autoptr (GBytes) key = g_bytes_new_static ("key", 3);

  mp_handshake_free (mp_handshake_new (MP_HANDSHAKE_SERVER, key, FALSE));
}

static const Kind kinds[] = {
  { make_connection, use_connection, g_object_unref },
  { make_flushed, use_flushers, free_flushed },
  { make_caller, use_calls, g_object_unref },
  { make_listener, use_listener, g_object_unref },
  { make_connector, use_connector, g_object_unref },
  { make_process, use_process, g_object_unref },
  { make_nothing, use_inherited, free_nothing },
  { make_nothing, use_handshake, free_nothing },
};

static const char *const names[G_N_ELEMENTS (kinds)] = {
  "/fork-objects/connection",
  "/fork-objects/flushers",
  "/fork-objects/calls",
  "/fork-objects/listener",
  "/fork-objects/connector",
  "/fork-objects/process",
  "/fork-objects/inherited",
  "/fork-objects/handshake",
};

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    g_test_add_data_func (names[i], &kinds[i], test_fork_from_thread);

  return g_test_run ();
}
