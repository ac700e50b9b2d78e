/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <mproc-glib/mproc-glib.h>

/* A window draws at G_PRIORITY_HIGH_IDLE + 20. */
#define DRAW_PRIORITY (G_PRIORITY_HIGH_IDLE + 20)

#define N_DRAWN    10
#define N_MESSAGES 1000

typedef struct
{
  MpConnection *first;
  MpConnection *second;
  guint         n_drawn;
  guint         n_messages;
} Fixture;

static void
fixture_set_up (Fixture      *fixture,
                gconstpointer data)
{
  mp_pipe (TRUE, &fixture->first, &fixture->second, NULL);
}

static void
fixture_tear_down (Fixture      *fixture,
                   gconstpointer data)
{
  mp_connection_stop (fixture->second);
  g_assert_finalize_object (fixture->first);
  g_assert_finalize_object (fixture->second);
}

static gboolean
draw_cb (gpointer user_data)
{
  Fixture *fixture = user_data;

  return ++fixture->n_drawn < N_DRAWN;
}

/* There is always another one. */
static void
send_again_cb (MpConnection *connection,
               MpMessage    *message,
               Fixture      *fixture)
{
  fixture->n_messages++;
  mp_connection_send (fixture->first, g_variant_new_uint32 (fixture->n_messages), -1, NULL, NULL);
}

static void
stream (Fixture *fixture,
        int      io_priority)
{
  guint id = g_idle_add_full (DRAW_PRIORITY, draw_cb, fixture, NULL);

  g_signal_connect (fixture->second, "message", G_CALLBACK (send_again_cb), fixture);
  mp_connection_start (fixture->second, io_priority);
  mp_connection_send (fixture->first, g_variant_new_uint32 (0), -1, NULL, NULL);
  while (fixture->n_drawn < N_DRAWN && fixture->n_messages < N_MESSAGES)
    g_main_context_iteration (NULL, TRUE);

  if (fixture->n_drawn < N_DRAWN)
    g_source_remove (id);
}

static void
test_below_drawing (Fixture      *fixture,
                    gconstpointer data)
{
  stream (fixture, G_PRIORITY_DEFAULT_IDLE);
  g_assert_cmpuint (fixture->n_drawn, ==, N_DRAWN);
}

static void
test_above_drawing (Fixture      *fixture,
                    gconstpointer data)
{
  stream (fixture, G_PRIORITY_DEFAULT);
  g_assert_cmpuint (fixture->n_drawn, <, N_DRAWN);
  g_assert_cmpuint (fixture->n_messages, >=, N_MESSAGES);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/connection/start/below-drawing", Fixture, NULL, fixture_set_up,
              test_below_drawing, fixture_tear_down);
  g_test_add ("/connection/start/above-drawing", Fixture, NULL, fixture_set_up,
              test_above_drawing, fixture_tear_down);
  return g_test_run ();
}
