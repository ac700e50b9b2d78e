/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "queue/numbers.h"
#include "test-fork.h"
#include "test-server.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* What only queues on a server do.  What all queues do is tested over all backends, see
 * queue/each-backend.h. */

static TestServer *server;

static const char *const persistent[] = { "--appendonly", "yes", "--appendfsync", "always", NULL };

static gpointer
open_on (TestServer *where,
         const char *name,
         const char *parameters)
{
  g_autofree char *uri = test_server_make_uri (where, name, parameters);
  g_autoptr (GError) error = NULL;
  gpointer queue = mp_queue_open (uri, NULL, &error);

  g_assert_no_error (error);
  return queue;
}

static gpointer
open_queue (const char *name,
            const char *parameters)
{
  return open_on (server, name, parameters);
}

static void
assert_refused (const char *uri,
                GQuark      domain,
                int         code,
                const char *secret)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_queue_open (uri, NULL, &error));
  g_assert_error (error, domain, code);
  if (secret != NULL)
    g_assert_null (strstr (error->message, secret));
}

static void
assert_not_opened (const char *name,
                   const char *parameters,
                   GQuark      domain,
                   int         code)
{
  g_autofree char *uri = test_server_make_uri (server, name, parameters);

  assert_refused (uri, domain, code, NULL);
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

/* An object that is freed gives back at once what it has. */
static void
test_goodbye (void)
{
  MpJoinableQueue *queue = open_queue ("goodbye", "&mode=joinable");
  MpJoinableQueue *other = open_queue ("goodbye", "");
  g_autoptr (GError) error = NULL;
  MpTask *task;

  put_int (queue, 1);
  g_assert_cmpint (get_int (other), ==, 1);
  g_assert_finalize_object (other);
  task = mp_joinable_queue_try_get_task (queue, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (mp_task_get_delivery_count (task), ==, 2);
  g_assert_true (mp_task_done (task, &error));
  g_object_unref (task);
  g_assert_finalize_object (queue);
}

static void
test_uris (void)
{
  const char *uris[] = {
    "redis://",
    "redis://localhost",
    "redis://localhost?name=",
    "redis://localhost?name=a{b}",
    "redis://localhost?name=a%0Ab",
    "redis://localhost?name=a&max-size=-1",
    "redis://localhost?name=a&grace=0",
    "redis://localhost?name=a&timeout=never",
    "redis://localhost?name=a&colour=red",
    "redis://localhost/one?name=a",
    "redis://localhost:port?name=a",
    "redis+unix://?name=a",
    "redis://user:se%cret@localhost?name=a",
    "redis://user:secret@localhost:secret?name=a",
  };

  for (guint i = 0; i < G_N_ELEMENTS (uris); i++)
    assert_refused (uris[i], G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "secret");
  assert_refused ("redys://user:secret@localhost?name=a", MP_ERROR, MP_ERROR_UNSUPPORTED, "secret");
}

static void
test_settings (void)
{
  MpQueue         *queue = open_queue ("settings", "&max-size=3");
  g_autofree char *uri = test_server_make_uri (server, "settings", "");
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (mp_queue_get_max_size (queue), ==, 3);
  assert_not_opened ("settings", "&max-size=4", G_IO_ERROR, G_IO_ERROR_EXISTS);
  assert_not_opened ("settings", "&mode=joinable", G_IO_ERROR, G_IO_ERROR_EXISTS);
  assert_not_opened ("nowhere", "&create=no", G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_null (mp_joinable_queue_open (uri, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  g_assert_finalize_object (queue);
}

static void
test_remove (void)
{
  MpQueue         *queue = open_queue ("removed", "");
  g_autofree char *uri = test_server_make_uri (server, "removed", "");
  g_autofree char *keys = NULL;
  g_autoptr (GError) error = NULL;

  put_int (queue, 1);
  g_assert_true (mp_queue_remove (uri, NULL, &error));
  g_assert_no_error (error);
  g_assert_null (mp_queue_get (queue, TEST_TIMEOUT_US, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_clear_error (&error);
  keys = test_server_command (server, "EXISTS mp1:{removed}:c mp1:{removed}:m");
  g_assert_cmpstr (keys, ==, ":0");
  g_assert_false (mp_queue_remove (uri, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_finalize_object (queue);
}

/* --- Servers that refuse ------------------------------------------------------------------ */

static void
test_wrong_type (void)
{
  g_autofree char *set = test_server_command (server, "SET mp1:{other}:c something");

  g_assert_cmpstr (set, ==, "+OK");
  assert_not_opened ("other", "", MP_ERROR, MP_ERROR_DAMAGED);
}

static void
test_password (void)
{
  const char *const options[] = { "--requirepass", "opensesame", NULL };
  TestServer       *locked = test_server_start (options);
  g_autofree char  *no_uri = test_server_make_uri (locked, "q", "");
  g_autofree char  *wrong = g_strdup_printf ("redis+unix://:wrongword@%s?name=q", locked->path);
  g_autofree char  *right = g_strdup_printf ("redis+unix://:opensesame@%s?name=q", locked->path);
  g_autofree char  *file = g_build_filename (locked->folder, "password", NULL);
  g_autofree char  *parameter = g_strdup_printf ("&auth-file=%s", file);
  g_autoptr (GError) error = NULL;
  MpQueue *queue;

  assert_refused (no_uri, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED, NULL);
  assert_refused (wrong, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED, "wrongword");
  queue = mp_queue_open (right, NULL, &error);
  g_assert_no_error (error);
  put_int (queue, 7);
  g_assert_finalize_object (queue);

  g_assert_true (g_file_set_contents (file, "opensesame\n", -1, &error));
  queue = open_on (locked, "q", parameter);
  g_assert_cmpint (get_int (queue), ==, 7);
  g_assert_finalize_object (queue);
  test_server_stop (locked);
}

static void
test_rights (void)
{
  const char *const options[] = { "--user", "default", "on", "nopass", "~*",
                                  "&*", "+@all", "-function", NULL };
  TestServer       *strict = test_server_start (options);
  g_autofree char  *uri = test_server_make_uri (strict, "q", "");

  assert_refused (uri, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, NULL);
  test_server_stop (strict);
}

/* The rights that the documentation asks for suffice. */
static void
test_few_rights (void)
{
  const char *const options[] = {
    "--user",
    "worker",
    "on",
    ">word",
    "~mp1:{*}:*",
    "&mp1:{*}:*",
    "-@all",
    "+auth",
    "+ping",
    "+select",
    "+fcall",
    "+ssubscribe",
    "+set",
    "+get",
    "+del",
    "+unlink",
    "+rename",
    "+persist",
    "+exists",
    "+time",
    "+hget",
    "+hset",
    "+spublish",
    "+pubsub|shardnumsub",
    "+hmget",
    "+hdel",
    "+hlen",
    "+hkeys",
    "+hstrlen",
    "+hgetall",
    "+hscan",
    "+zadd",
    "+zrem",
    "+zcard",
    "+hincrby",
    "+zrange",
    "+sadd",
    "+zpopmin",
    "+srem",
    "+smembers",
    "+sismember",
    "+function|load",
    NULL,
  };
  TestServer        *strict = test_server_start (options);
  g_autofree char   *uri = g_strdup_printf ("redis+unix://worker:word@%s?name=q&mode=joinable",
                                            strict->path);
  g_autofree guint8 *data = g_malloc0 (20000);
  g_autoptr (GError) error = NULL;
  MpQueue *queue = mp_queue_open (uri, NULL, &error);
  MpTask  *task;

  g_assert_no_error (error);
  g_assert_true (mp_queue_put_data (queue, data, 20000, TEST_TIMEOUT_US, NULL, &error));
  g_assert_no_error (error);
  task = mp_joinable_queue_get_task (MP_JOINABLE_QUEUE (queue), TEST_TIMEOUT_US, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (mp_task_set_progress (task, 0.5, "half", &error));
  g_assert_true (mp_task_retry (task, &error));
  g_assert_no_error (error);
  g_object_unref (task);
  g_assert_true (mp_queue_shutdown (queue, TRUE, &error));
  g_assert_no_error (error);
  g_assert_finalize_object (queue);
  g_assert_true (mp_queue_remove (uri, NULL, &error));
  g_assert_no_error (error);
  test_server_stop (strict);
}

static void
test_nobody_there (void)
{
  const gint64 start = g_get_monotonic_time ();
  gint64       passed;

  assert_refused ("redis+unix:///nowhere/at/all?name=q&timeout=0.2", G_IO_ERROR,
                  G_IO_ERROR_NOT_FOUND, NULL);
  passed = g_get_monotonic_time () - start;
  g_assert_cmpint (passed, >=, 200 * 1000);
  g_assert_cmpint (passed, <, TEST_TIMEOUT_US);
}

static void
test_out_of_memory (void)
{
  MpQueue         *queue = open_queue ("memory", "");
  g_autofree char *few = test_server_command (server, "CONFIG SET maxmemory 1");
  g_autofree char *many = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (few, ==, "+OK");
  g_assert_false (mp_queue_put (queue, g_variant_new_int64 (1), 10 * 1000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_clear_error (&error);
  many = test_server_command (server, "CONFIG SET maxmemory 0");
  put_int (queue, 2);
  g_assert_cmpint (get_int (queue), ==, 2);
  g_assert_finalize_object (queue);
}

/* Answers each peer with the same bytes, and closes. */
typedef struct
{
  int         listener;
  const char *answer;
  gint        is_over;
} Liar;

static gpointer
run_liar (gpointer data)
{
  Liar *self = data;

  while (!g_atomic_int_get (&self->is_over))
    {
      int fd = accept (self->listener, NULL, NULL);

      if (fd == -1)
        continue;
      send (fd, self->answer, strlen (self->answer), MSG_NOSIGNAL);
      close (fd);
    }
  return NULL;
}

static void
test_garbage (void)
{
  const char *answers[] = {
    "",
    "HTTP/1.1 400 Bad Request\r\n\r\n",
    "*1000000000\r\n",
    "$99999999999999\r\n",
    "*3\r\n$10\r\nssubscribe\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
    "*3\r\n$10\r\nssubscribe\r\n$1\r\nx\r\n:1\r\n*3\r\n$8\r\nsmessage\r\n$1\r\nx\r\n:99\r\n",
    "*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
  };
  g_autofree char   *path = g_build_filename (server->folder, "liar", NULL);
  g_autofree char   *uri = g_strdup_printf ("redis+unix://%s?name=q&timeout=0.1", path);
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      Liar     liar = { socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), answers[i], FALSE };
      GThread *thread;
      g_autoptr (GError) error = NULL;

      g_unlink (path);
      g_assert_cmpint (bind (liar.listener, (struct sockaddr *) &address, sizeof address), ==, 0);
      g_assert_cmpint (listen (liar.listener, 16), ==, 0);
      thread = g_thread_new ("liar", run_liar, &liar);
      g_assert_null (mp_queue_open (uri, NULL, &error));
      g_assert_nonnull (error);
      g_atomic_int_set (&liar.is_over, TRUE);
      shutdown (liar.listener, SHUT_RDWR);
      g_thread_join (thread);
      close (liar.listener);
    }
  g_unlink (path);
}

/* --- Servers that fail -------------------------------------------------------------------- */

/* Nothing is lost and nothing is done twice by a server that is killed and comes back. */
static void
test_server_killed (void)
{
  TestServer      *mortal = test_server_start (persistent);
  MpJoinableQueue *producer = open_on (mortal, "q", "&mode=joinable");
  MpJoinableQueue *consumer = open_on (mortal, "q", "");
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < 10; i++)
    {
      put_int (producer, 2 * i);
      g_assert_cmpint (get_int (consumer), ==, 2 * i);
      test_server_kill (mortal);
      test_server_restart (mortal, persistent);
      g_assert_true (mp_joinable_queue_task_done (consumer, &error));
      g_assert_no_error (error);
      put_int (producer, 2 * i + 1);
      g_assert_cmpint (get_int (consumer), ==, 2 * i + 1);
      g_assert_true (mp_joinable_queue_task_done (consumer, &error));
      g_assert_no_error (error);
    }
  g_assert_true (mp_joinable_queue_join (producer, TEST_TIMEOUT_US, NULL, &error));
  g_assert_finalize_object (producer);
  g_assert_finalize_object (consumer);
  test_server_stop (mortal);
}

static gpointer
get_in_thread (gpointer queue)
{
  g_autoptr (GVariant) value = mp_queue_get (queue, -1, NULL, NULL);

  return value != NULL ? GINT_TO_POINTER ((int) g_variant_get_int64 (value)) : NULL;
}

/* A get that waits goes on when the server is back. */
static void
test_waiting_over_restart (void)
{
  TestServer *mortal = test_server_start (persistent);
  MpQueue    *producer = open_on (mortal, "q", "");
  MpQueue    *consumer = open_on (mortal, "q", "");
  GThread    *thread = g_thread_new ("get", get_in_thread, consumer);

  test_server_kill (mortal);
  test_server_restart (mortal, persistent);
  put_int (producer, 5);
  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (thread)), ==, 5);
  g_assert_finalize_object (producer);
  g_assert_finalize_object (consumer);
  test_server_stop (mortal);
}

/* How long a main loop is held up by a get that is begun and cancelled, in microseconds. */
static gint64
time_async_get (MpQueue *queue)
{
  const gint64 start = g_get_monotonic_time ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  mp_queue_get_async (queue, G_PRIORITY_DEFAULT, cancellable, NULL, NULL);
  test_drain_context ();
  g_cancellable_cancel (cancellable);
  test_drain_context ();
  return g_get_monotonic_time () - start;
}

/* A server that does not answer: calls end at their deadline, and a main loop is not held up. */
static void
test_server_stopped (void)
{
  TestServer *slow = test_server_start (NULL);
  MpQueue    *queue = open_on (slow, "q", "&timeout=1");
  gint64      least = G_MAXINT64;
  g_autoptr (GError) error = NULL;

  kill (slow->pid, SIGSTOP);
  g_assert_false (mp_queue_put (queue, g_variant_new_int64 (1), 20 * 1000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_assert_null (mp_queue_get (queue, 20 * 1000, NULL, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);

  /* What the machine adds is not in each of several attempts. */
  for (guint i = 0; i < 10; i++)
    {
      const gint64 us = time_async_get (queue);

      least = MIN (least, us);
    }
  g_assert_cmpint (least, <, 5000);
  kill (slow->pid, SIGCONT);

  put_int (queue, 2);
  test_wait_until (mp_queue_get_size (queue) > 0);
  g_assert_finalize_object (queue);
  test_server_stop (slow);
}

/* --- Sharing ------------------------------------------------------------------------------- */

static int
use_in_child (gpointer data)
{
  put_int (data, get_int (data) + 1);
  return 0;
}

static void
test_fork_child (void)
{
  MpQueue *queue = open_queue ("fork", "");

  for (int i = 0; i < 20; i++)
    {
      put_int (queue, i);
      test_wait_child (test_fork (use_in_child, queue), 0);
      g_assert_cmpint (get_int (queue), ==, i + 1);
    }
  g_assert_finalize_object (queue);
}

static void
test_share (void)
{
  const char *const options[] = { "--requirepass", "opensesame", NULL };
  TestServer       *locked = test_server_start (options);
  g_autofree char  *uri = g_strdup_printf ("redis+unix://:opensesame@%s?name=q", locked->path);
  g_autoptr (GError) error = NULL;
  MpQueue      *queue = mp_queue_open (uri, NULL, &error);
  MpConnection *here, *there;
  MpShareable  *received;

  g_assert_no_error (error);
  g_assert_true (mp_pipe (TRUE, &here, &there, &error));
  g_assert_true (mp_connection_send_shareable (here, MP_SHAREABLE (queue), TEST_TIMEOUT_US, NULL,
                                               &error));
  g_assert_no_error (error);
  received = mp_connection_recv_shareable (there, TEST_TIMEOUT_US, NULL, &error);
  g_assert_no_error (error);
  put_int (queue, 3);
  g_assert_cmpint (get_int (received), ==, 3);

  g_object_unref (here);
  g_object_unref (there);
  g_assert_finalize_object (received);
  g_assert_finalize_object (queue);
  test_server_stop (locked);
}

static void
add (const char *name,
     void (*func) (void))
{
  g_autofree char *path = g_strconcat ("/redis-queue/", name, NULL);

  g_test_add_func (path, func);
}

static void
add_tests (void)
{
  add ("put-and-get", test_put_and_get);
  add ("joinable", test_joinable);
  add ("goodbye", test_goodbye);
  add ("uris", test_uris);
  add ("settings", test_settings);
  add ("remove", test_remove);
  add ("refused/wrong-type", test_wrong_type);
  add ("refused/password", test_password);
  add ("refused/rights", test_rights);
  add ("few-rights", test_few_rights);
  add ("refused/nobody-there", test_nobody_there);
  add ("refused/garbage", test_garbage);
  add ("refused/out-of-memory", test_out_of_memory);
  add ("server/killed", test_server_killed);
  add ("server/restarted-while-waiting", test_waiting_over_restart);
  add ("server/stopped", test_server_stopped);
  add ("fork", test_fork_child);
  add ("share", test_share);
}

int
main (int    argc,
      char **argv)
{
  return test_server_run_tests (argc, argv, &server, add_tests);
}
