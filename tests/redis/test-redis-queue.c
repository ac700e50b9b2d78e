/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "queue/numbers.h"
#include "test-fork.h"
#include "test-server.h"

static TestServer *server;

static gpointer
open_queue (const char *name,
            const char *parameters)
{
  g_autofree char *uri = test_server_make_uri (server, name, parameters);
  g_autoptr (GError) error = NULL;
  gpointer queue = mp_queue_open (uri, NULL, &error);

  g_assert_no_error (error);
  return queue;
}

static void
test_put_and_get (void)
{
  MpQueue *producer = open_queue ("simple", "");
  MpQueue *consumer = open_queue ("simple", "");

  g_assert_false (MP_IS_JOINABLE_QUEUE (producer));
  for (int i = 0; i < 100; i++)
    put_int (producer, i);
  g_assert_cmpuint (mp_queue_get_size (consumer), ==, 100);
  for (int i = 0; i < 100; i++)
    g_assert_cmpint (get_int (consumer), ==, i);
  g_assert_true (mp_queue_is_empty (producer));
  g_assert_finalize_object (producer);
  g_assert_finalize_object (consumer);
}

static void
test_joinable (void)
{
  MpJoinableQueue *producer = open_queue ("joinable", "&mode=joinable");
  MpJoinableQueue *consumer = open_queue ("joinable", "");
  g_autoptr (GError) error = NULL;

  put_int (producer, 1);
  g_assert_cmpint (get_int (consumer), ==, 1);
  g_assert_cmpuint (mp_joinable_queue_get_unfinished (producer), ==, 1);
  g_assert_true (mp_joinable_queue_task_done (consumer, &error));
  g_assert_no_error (error);
  g_assert_true (mp_joinable_queue_join (producer, TEST_TIMEOUT_US, NULL, &error));
  g_assert_no_error (error);
  g_assert_finalize_object (producer);
  g_assert_finalize_object (consumer);
}

int
main (int    argc,
      char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  server = test_server_start (NULL);
  if (server == NULL)
    {
      g_test_message ("There is no redis-server");
      return 77;
    }
  g_test_add_func ("/redis-queue/put-and-get", test_put_and_get);
  g_test_add_func ("/redis-queue/joinable", test_joinable);
  result = g_test_run ();
  test_server_stop (server);
  return result;
}
