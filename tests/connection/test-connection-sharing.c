/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#define DEADLINE_US (10 * G_USEC_PER_SEC)

typedef struct
{
  MpConnection *first;
  MpConnection *second;
} Fixture;

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  mp_pipe (TRUE, &fixture->first, &fixture->second, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  g_assert_finalize_object (fixture->first);
  g_assert_finalize_object (fixture->second);
}

static void
send (Fixture *fixture,
      gpointer shareable)
{
  g_autoptr (GError) error = NULL;

  mp_connection_send_shareable (fixture->first, MP_SHAREABLE (shareable), DEADLINE_US, NULL,
                                &error);
  g_assert_no_error (error);
}

static gpointer
receive (Fixture *fixture,
         GType    type)
{
  g_autoptr (GError) error = NULL;
  MpShareable *shareable =
    mp_connection_recv_shareable (fixture->second, DEADLINE_US, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (G_OBJECT_TYPE (shareable) == type);
  return shareable;
}

static void
test_queue (Fixture      *fixture,
            gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;
  MpJoinableQueue *queue = mp_joinable_queue_new (3, &error);
  MpJoinableQueue *same;

  g_assert_no_error (error);
  send (fixture, queue);
  same = receive (fixture, MP_TYPE_JOINABLE_QUEUE);
  g_assert_cmpuint (mp_queue_get_max_size (MP_QUEUE (same)), ==, 3);

  mp_queue_put (MP_QUEUE (queue), g_variant_new_int64 (12), DEADLINE_US, NULL, &error);
  g_assert_no_error (error);
  value = mp_queue_get (MP_QUEUE (same), DEADLINE_US, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int64 (value), ==, 12);

  g_assert_finalize_object (same);
  g_assert_finalize_object (queue);
}

static void
test_connection (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) hello = g_bytes_new_static ("hello", 5);
  g_autoptr (GBytes) received = NULL;
  MpConnection *reader = NULL, *writer = NULL, *same;

  mp_pipe (FALSE, &reader, &writer, &error);
  g_assert_no_error (error);
  send (fixture, writer);
  same = receive (fixture, MP_TYPE_CONNECTION);
  g_assert_false (mp_connection_get_readable (same));

  mp_connection_send_bytes (same, hello, DEADLINE_US, NULL, &error);
  g_assert_no_error (error);
  received = mp_connection_recv_bytes (reader, -1, DEADLINE_US, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (received, hello));

  g_assert_finalize_object (same);
  g_assert_finalize_object (writer);
  g_assert_finalize_object (reader);
}

/* A message that is not a description leaves the connection usable. */
static void
test_other_message (Fixture      *fixture,
                    gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  MpShareable *shareable;

  mp_connection_send (fixture->first, g_variant_new_string ("hello"), DEADLINE_US, NULL, &error);
  g_assert_no_error (error);
  shareable = mp_connection_recv_shareable (fixture->second, DEADLINE_US, NULL, &error);
  g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
  g_assert_null (shareable);
  g_clear_error (&error);

  shareable = mp_connection_recv_shareable (fixture->second, 0, NULL, &error);
  g_assert_nonnull (error);
  g_assert_null (shareable);
  g_assert_false (mp_connection_get_closed (fixture->second));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, function) \
  g_test_add (path, Fixture, NULL, set_up, function, tear_down)

  ADD ("/connection/sharing/queue", test_queue);
  ADD ("/connection/sharing/connection", test_connection);
  ADD ("/connection/sharing/other-message", test_other_message);

#undef ADD

  return g_test_run ();
}
