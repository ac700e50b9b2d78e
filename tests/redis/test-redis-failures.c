/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "queue/numbers.h"
#include "test-fork.h"
#include "test-server.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Servers on a network, and those that are replaced by a replica, set back, or emptied. */

static TestServer *server;

static gpointer
open_uri (const char *uri)
{
  g_autoptr (GError) error = NULL;
  gpointer queue = mp_queue_open (uri, NULL, &error);

  g_assert_no_error (error);
  return queue;
}

static gpointer
open_on (TestServer *where,
         const char *name,
         const char *parameters)
{
  g_autofree char *uri = test_server_make_uri (where, name, parameters);

  return open_uri (uri);
}

static MpTask *
get_task (MpJoinableQueue *queue,
          gint64           expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;
  MpTask *task = mp_joinable_queue_get_task (queue, TEST_TIMEOUT_US, NULL, &error);

  g_assert_no_error (error);
  value = mp_message_get_variant (mp_task_get_message (task), &error);
  g_assert_cmpint (g_variant_get_int64 (value), ==, expected);
  return task;
}

static void
assert_done (MpTask *task)
{
  g_autoptr (GError) error = NULL;

  mp_task_done (task, &error);
  g_assert_no_error (error);
  g_object_unref (task);
}

static gboolean
answers (TestServer *where,
         const char *command,
         const char *expected)
{
  g_autofree char *reply = test_server_command (where, command);

  return reply != NULL && g_str_has_prefix (reply, expected);
}

/* --- Networks ------------------------------------------------------------------------------ */

static void
test_tcp (void)
{
  g_autofree char  *port = test_server_find_port ();
  const char *const options[] = { "--port", port, NULL };
  TestServer       *remote = test_server_start (options);
  g_autofree char  *by_number = g_strdup_printf ("redis://127.0.0.1:%s/1?name=q", port);
  g_autofree char  *by_name = g_strdup_printf ("redis://localhost:%s/1?name=q", port);
  MpQueue          *producer = open_uri (by_number);
  MpQueue          *consumer = open_uri (by_name);

  put_int (producer, 1);
  g_assert_cmpint (get_int (consumer), ==, 1);
  g_assert_finalize_object (producer);
  g_assert_finalize_object (consumer);
  test_server_stop (remote);
}

/* Returns 0 if TLS is refused at once: its threads do not exist in a forked child. */
static int
use_in_child (gpointer uri)
{
  const gint64 start = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;

  if (mp_queue_open (uri, NULL, &error) != NULL)
    return 1;
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
    return 2;
  return g_get_monotonic_time () - start < 5 * G_USEC_PER_SEC ? 0 : 3;
}

static int
put_in_child (gpointer queue)
{
  g_autoptr (GError) error = NULL;

  if (mp_queue_put (queue, g_variant_new_int64 (9), TEST_TIMEOUT_US, NULL, &error))
    return 1;
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED) ? 0 : 2;
}

static void
use_tls (void)
{
  g_autofree char  *port = test_server_find_port ();
  g_autofree char  *file = g_test_build_filename (G_TEST_DIST, "tls", "localhost.pem", NULL);
  const char *const options[] = { "--tls-port", port, "--tls-cert-file", file,
                                  "--tls-key-file", file, "--tls-ca-cert-file", file,
                                  "--tls-auth-clients", "no", "--bind", "127.0.0.1",
                                  "127.0.0.2", NULL };
  TestServer       *remote = test_server_start (options);
  g_autofree char  *uri = g_strdup_printf ("rediss://localhost:%s?name=q&tls-ca-file=%s", port,
                                           file);
  g_autofree char  *unnamed = g_strdup_printf ("rediss://127.0.0.2:%s?name=q&tls-ca-file=%s", port,
                                               file);
  g_autofree char  *plain = g_strdup_printf ("redis://localhost:%s?name=q&timeout=0.5", port);
  MpQueue          *producer = open_uri (uri);
  MpQueue          *consumer = open_uri (uri);
  g_autoptr (GError) error = NULL;

  put_int (producer, 1);
  g_assert_cmpint (get_int (consumer), ==, 1);
  test_wait_child (test_fork (use_in_child, uri), 0);
  test_wait_child (test_fork (put_in_child, producer), 0);
  put_int (producer, 2);
  g_assert_cmpint (get_int (consumer), ==, 2);
  g_assert_null (mp_queue_open (unnamed, NULL, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
  g_clear_error (&error);
  g_assert_null (mp_queue_open (plain, NULL, &error));
  g_assert_nonnull (error);
  g_assert_finalize_object (producer);
  g_assert_finalize_object (consumer);
  test_server_stop (remote);
}

/* In a process that ends without a search for leaks: LeakSanitizer crashes when it looks at threads
 * that GIO keeps and that loaded a module. */
static void
test_tls (void)
{
  if (g_test_subprocess ())
    {
      use_tls ();
      test_server_stop (server);
      _exit (0);
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

/* --- Replicas ------------------------------------------------------------------------------ */

typedef struct
{
  char       *port;
  TestServer *main;
  TestServer *replica;
} Pair;

static void
pair_start (Pair *self)
{
  const char      *options[] = { "--port", NULL, "--repl-diskless-sync-delay", "0", NULL };
  g_autofree char *command = NULL;
  g_autofree char *reply = NULL;

  self->port = test_server_find_port ();
  options[1] = self->port;
  self->main = test_server_start (options);
  self->replica = test_server_start (NULL);
  command = g_strdup_printf ("REPLICAOF 127.0.0.1 %s", self->port);
  reply = test_server_command (self->replica, command);
  g_assert_cmpstr (reply, ==, "+OK");
  test_wait_until (answers (self->main, "WAIT 1 100", ":1"));
}

static void
pair_promote (Pair *self)
{
  g_assert_true (answers (self->replica, "REPLICAOF NO ONE", "+OK"));
}

/* The replica takes the place of the server, which is killed. */
static void
pair_fail_over (Pair *self)
{
  test_server_kill (self->main);
  pair_promote (self);
  g_assert_cmpint (g_rename (self->replica->path, self->main->path), ==, 0);
}

static void
pair_stop (Pair *self)
{
  test_server_stop (self->replica);
  test_server_stop (self->main);
  g_free (self->port);
}

/* What replicas have confirmed is not lost, and goes on. */
static void
test_failover (void)
{
  Pair             pair;
  MpJoinableQueue *producer, *consumer;
  MpTask          *first, *second;
  g_autoptr (GError) error = NULL;

  pair_start (&pair);
  producer = open_on (pair.main, "q", "&mode=joinable&replicas=1");
  consumer = open_on (pair.main, "q", "");
  put_int (producer, 1);
  put_int (producer, 2);
  first = get_task (consumer, 1);
  second = get_task (consumer, 2);
  assert_done (first);
  put_int (producer, 3);

  pair_fail_over (&pair);
  assert_done (second);
  assert_done (get_task (consumer, 3));
  g_assert_true (mp_joinable_queue_join (consumer, TEST_TIMEOUT_US, NULL, &error));
  g_assert_no_error (error);
  g_assert_finalize_object (producer);
  g_assert_finalize_object (consumer);
  pair_stop (&pair);
}

/* A replica that lags knows less: what it has not got is lost, a delivery that it does not know is
 * stale, and nothing is delivered twice from one put. */
static void
test_rollback (void)
{
  Pair             pair;
  MpJoinableQueue *producer, *consumer;
  MpTask          *task;
  g_autoptr (GError) error = NULL;

  pair_start (&pair);
  /* The first confirmation of a replica may take a second. */
  producer = open_on (pair.main, "q", "&mode=joinable&replicas=1");
  put_int (producer, 1);
  g_assert_finalize_object (producer);
  producer = open_on (pair.main, "q", "&replicas=1&timeout=1");
  consumer = open_on (pair.main, "q", "");
  pair_promote (&pair);
  task = get_task (consumer, 1);
  g_assert_false (mp_queue_put (MP_QUEUE (producer), g_variant_new_int64 (2), -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_assert_finalize_object (producer);

  producer = open_on (pair.main, "q", "");
  pair_fail_over (&pair);
  put_int (producer, 3);
  g_assert_false (mp_task_done (task, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_STALE);
  g_clear_error (&error);
  g_object_unref (task);
  assert_done (get_task (consumer, 1));
  assert_done (get_task (consumer, 3));
  g_assert_null (mp_joinable_queue_try_get_task (consumer, &error));
  g_assert_no_error (error);
  g_assert_true (mp_joinable_queue_join (producer, TEST_TIMEOUT_US, NULL, &error));
  g_assert_finalize_object (producer);
  g_assert_finalize_object (consumer);
  pair_stop (&pair);
}

/* Without a replica a put says that it was not confirmed, and the message is there. */
static void
test_no_replica (void)
{
  MpQueue *queue = open_on (server, "replicas", "&replicas=1&timeout=0.4");
  g_autoptr (GError) error = NULL;

  g_assert_false (mp_queue_put (queue, g_variant_new_int64 (1), -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpuint (mp_queue_get_size (queue), ==, 1);
  g_assert_finalize_object (queue);
}

static void
test_read_only (void)
{
  Pair             pair;
  g_autofree char *uri = NULL;
  g_autoptr (GError) error = NULL;

  pair_start (&pair);
  uri = test_server_make_uri (pair.replica, "q", "&timeout=0.5");
  g_assert_null (mp_queue_open (uri, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, "READONLY"));
  pair_stop (&pair);
}

/* --- Servers that do not answer ------------------------------------------------------------ */

static gpointer
cancel (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return NULL;
}

/* A call without a timeout can be cancelled while the server is stopped. */
static void
test_cancelled (void)
{
  TestServer *slow = test_server_start (NULL);
  MpQueue    *queue = open_on (slow, "q", "");

  kill (slow->pid, SIGSTOP);
  for (guint i = 0; i < 10; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      GThread *thread = g_thread_new ("cancel", cancel, cancellable);

      if (i % 2 == 0)
        g_assert_false (mp_queue_put (queue, g_variant_new_int64 (i), -1, cancellable, &error));
      else
        g_assert_null (mp_queue_get (queue, -1, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_thread_join (thread);
    }
  kill (slow->pid, SIGCONT);
  g_assert_finalize_object (queue);
  test_server_stop (slow);
}

/* --- Servers that lose what they had ------------------------------------------------------- */

static gpointer
get_in_thread (gpointer queue)
{
  GError *error = NULL;

  g_assert_null (mp_queue_get (queue, -1, NULL, &error));
  return error;
}

static void
test_emptied (void)
{
  TestServer *emptied = test_server_start (NULL);
  MpQueue    *producer = open_on (emptied, "q", "");
  MpQueue    *consumer = open_on (emptied, "q", "");
  GThread    *thread = g_thread_new ("get", get_in_thread, consumer);
  g_autoptr (GError) error = NULL;
  GError *ended;

  test_wait_until (answers (emptied, "ZCARD mp1:{q}:i", ":1"));
  g_assert_true (answers (emptied, "FLUSHALL", "+OK"));
  g_assert_false (mp_queue_put (producer, g_variant_new_int64 (1), -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_DAMAGED);
  ended = g_thread_join (thread);
  g_assert_error (ended, MP_ERROR, MP_ERROR_DAMAGED);
  g_error_free (ended);
  g_assert_finalize_object (producer);
  g_assert_finalize_object (consumer);

  producer = open_on (emptied, "q", "");
  put_int (producer, 2);
  g_assert_cmpint (get_int (producer), ==, 2);
  g_assert_finalize_object (producer);
  test_server_stop (emptied);
}

/* Keys that were removed or overwritten behind the library's back give errors or are skipped. */
static void
test_tampered (void)
{
  static const char *const commands[] = {
    "DEL mp1:{q}:m",
    "SET mp1:{q}:m text",
    "SET mp1:{q}:h text",
    "HSET mp1:{q}:c q nonsense",
    "HSET mp1:{q}:c q 1.1.x_99999999999999999999_0_0_0_0_0_0_0",
    "HSET mp1:{q}:m 1 x",
    "DEL mp1:{q}:h",
    "ZADD mp1:{q}:b 7 seven",
  };

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      TestServer      *odd = test_server_start (NULL);
      MpJoinableQueue *queue = open_on (odd, "q", "&mode=joinable&timeout=1");
      g_autofree char *reply = NULL;

      put_int (queue, 1);
      put_int (queue, 2);
      g_object_unref (get_task (queue, 1));
      reply = test_server_command (odd, commands[i]);
      g_test_message ("%s: %s", commands[i], reply);
      for (guint n = 0; n < 4; n++)
        {
          g_autoptr (GError) error = NULL;
          MpTask *task = mp_joinable_queue_get_task (queue, 100 * 1000, NULL, &error);

          if (task == NULL)
            g_assert_nonnull (error);
          g_clear_object (&task);
        }
      mp_queue_put (MP_QUEUE (queue), g_variant_new_int64 (3), 100 * 1000, NULL, NULL);
      g_assert_finalize_object (queue);
      test_server_stop (odd);
    }
}

static void
test_evicting (void)
{
  const char *const options[] = { "--maxmemory-policy", "allkeys-lru", NULL };
  TestServer       *cache = test_server_start (options);
  g_autofree char  *uri = test_server_make_uri (cache, "q", "");
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_queue_open (uri, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "allkeys-lru"));
  test_server_stop (cache);
}

static void
add (const char *name,
     void (*func) (void))
{
  g_autofree char *path = g_strconcat ("/redis-failures/", name, NULL);

  g_test_add_func (path, func);
}

static void
add_tests (void)
{
  add ("tcp", test_tcp);
  add ("tls", test_tls);
  add ("failover", test_failover);
  add ("rollback", test_rollback);
  add ("no-replica", test_no_replica);
  add ("read-only", test_read_only);
  add ("cancelled", test_cancelled);
  add ("emptied", test_emptied);
  add ("tampered", test_tampered);
  add ("evicting", test_evicting);
}

int
main (int    argc,
      char **argv)
{
  return test_server_run_tests (argc, argv, &server, add_tests);
}
