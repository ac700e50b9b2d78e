/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Listeners that several processes have, which were forked off. */

#include "config.h"

#include "test-fork.h"

#include <mproc-glib/mproc-glib.h>

#include <stdlib.h>

#define N_WORKERS 3
#define N_ROUNDS  20
#define N_CLIENTS 9

/* Twice as many as can be served at a time. */
#define N_REQUESTS (2 * N_WORKERS)

static const char *
get_key (gconstpointer data)
{
  return data;
}

static GBytes *
make_key (gconstpointer data)
{
  return get_key (data) != NULL ? g_bytes_new_static (get_key (data), strlen (get_key (data)))
                                : NULL;
}

static MpListener *
listen_at (const char   *address,
           gconstpointer data)
{
  g_autoptr (GBytes) key = make_key (data);
  g_autoptr (GError) error = NULL;
  MpListener *listener = mp_listener_new (address, key, &error);

  g_assert_no_error (error);
  return listener;
}

static MpConnection *
open_connection (const char   *address,
                 gconstpointer data)
{
  g_autoptr (GBytes) key = make_key (data);
  g_autoptr (GError) error = NULL;
  MpConnection *connection = mp_connect (address, key, TEST_TIMEOUT_US, NULL, &error);

  g_assert_no_error (error);
  return connection;
}

static void
send_int (MpConnection *connection,
          int           value)
{
  g_autoptr (GError) error = NULL;

  mp_connection_send (connection, g_variant_new_int32 (value), TEST_TIMEOUT_US, NULL, &error);
  g_assert_no_error (error);
}

static int
receive_int (MpConnection *connection)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = mp_connection_recv (connection, TEST_TIMEOUT_US, NULL, &error);

  g_assert_no_error (error);
  return g_variant_get_int32 (value);
}

/* Says who serves, and does so until the client has nothing more to ask; until it is killed. */
static int
serve (gpointer data)
{
  MpListener *listener = data;

  while (!mp_listener_get_closed (listener))
    {
      g_autoptr (MpConnection) client = mp_listener_accept (listener, -1, NULL, NULL);

      if (client == NULL)
        continue;
      send_int (client, getpid ());
      while (mp_connection_poll (client, -1, NULL, NULL))
        {
          g_autoptr (GVariant) value = mp_connection_recv (client, 0, NULL, NULL);

          if (value == NULL)
            break;
          send_int (client, g_variant_get_int32 (value) + 1);
        }
    }
  return 1;
}

static void
start_workers (MpListener *listener,
               pid_t      *workers)
{
  for (int i = 0; i < N_WORKERS; i++)
    workers[i] = test_fork (serve, listener);
}

/* They must all be there still. */
static void
end_workers (const pid_t *workers)
{
  for (int i = 0; i < N_WORKERS; i++)
    {
      g_assert_cmpint (waitpid (workers[i], NULL, WNOHANG), ==, 0);
      test_kill (workers[i]);
    }
}

typedef struct
{
  const char   *address;
  gconstpointer key;
  int           number;
} Client;

static gpointer
ask_in_thread (gpointer data)
{
  Client *client = data;
  g_autoptr (MpConnection) connection = open_connection (client->address, client->key);

  g_assert_cmpint (receive_int (connection), >, 0);
  for (int i = 0; i < 3; i++)
    {
      send_int (connection, client->number);
      g_assert_cmpint (receive_int (connection), ==, client->number + 1);
    }
  return NULL;
}

/* Many processes accept on one listener, and every client is served. */
static void
test_acceptors (const char   *at,
                gconstpointer data)
{
  MpListener      *listener = listen_at (at, data);
  g_autofree char *address = mp_listener_get_address (listener);
  pid_t            workers[N_WORKERS];

  start_workers (listener, workers);
  for (int i = 0; i < N_ROUNDS; i++)
    {
      Client   clients[N_CLIENTS];
      GThread *threads[N_CLIENTS];

      for (int n = 0; n < N_CLIENTS; n++)
        {
          clients[n] = (Client){ address, data, i * N_CLIENTS + n };
          threads[n] = g_thread_new ("client", ask_in_thread, &clients[n]);
        }
      for (int n = 0; n < N_CLIENTS; n++)
        g_thread_join (threads[n]);
    }
  end_workers (workers);
  g_assert_finalize_object (listener);
}

static void
test_acceptors_unix (gconstpointer data)
{
  test_acceptors ("unix:", data);
}

static void
test_acceptors_tcp (gconstpointer data)
{
  test_acceptors ("tcp:127.0.0.1:0", data);
}

/* --- Who serves ------------------------------------------------------------------------------ */

/* A request that is being served, until its connection is closed. */
typedef struct
{
  MpConnection *connection;
  pid_t         worker;
} Served;

typedef struct
{
  const char   *address;
  gconstpointer key;
  GAsyncQueue  *served;
} Requests;

static gpointer
request_in_thread (gpointer data)
{
  Requests *requests = data;
  Served   *served = g_new0 (Served, 1);

  served->connection = open_connection (requests->address, requests->key);
  served->worker = receive_int (served->connection);
  g_async_queue_push (requests->served, served);
  return NULL;
}

static Served *
wait_for_served (Requests *requests)
{
  Served *served = g_async_queue_timeout_pop (requests->served, TEST_TIMEOUT_US);

  g_assert_nonnull (served);
  return served;
}

static pid_t
end_request (Served *served)
{
  pid_t worker = served->worker;

  g_assert_finalize_object (served->connection);
  g_free (served);
  return worker;
}

/* Requests last until they are ended.  Each worker serves one at a time, and one that has ended is
 * followed by one that waited, at the same worker: none waited at a worker that was busy. */
static void
test_no_queue_at_a_worker (gconstpointer data)
{
  MpListener      *listener = listen_at ("unix:", data);
  g_autofree char *address = mp_listener_get_address (listener);
  Requests         requests = { address, data, g_async_queue_new () };
  GThread         *threads[N_REQUESTS];
  pid_t            workers[N_WORKERS];
  Served          *served[N_WORKERS];

  start_workers (listener, workers);
  for (int i = 0; i < N_REQUESTS; i++)
    threads[i] = g_thread_new ("request", request_in_thread, &requests);

  for (int i = 0; i < N_WORKERS; i++)
    {
      served[i] = wait_for_served (&requests);
      for (int k = 0; k < i; k++)
        g_assert_cmpint (served[i]->worker, !=, served[k]->worker);
    }

  /* The last that came is the first that ends. */
  for (int i = N_WORKERS - 1; i >= 0; i--)
    {
      pid_t worker = end_request (served[i]);

      served[i] = wait_for_served (&requests);
      g_assert_cmpint (served[i]->worker, ==, worker);
    }

  for (int i = 0; i < N_WORKERS; i++)
    end_request (served[i]);
  for (int i = 0; i < N_REQUESTS; i++)
    g_thread_join (threads[i]);
  end_workers (workers);
  g_async_queue_unref (requests.served);
  g_assert_finalize_object (listener);
}

/* --- A child that ends ----------------------------------------------------------------------- */

static int
close_listener (gpointer data)
{
  mp_listener_close (data);
  return 0;
}

static int
drop_listener (gpointer data)
{
  g_object_unref (data);
  return 0;
}

static int
exit_with_listener (gpointer data)
{
  exit (0);
}

static int (*const ends[]) (gpointer data) = { close_listener, drop_listener, exit_with_listener };

static void
incoming_cb (MpListener   *listener,
             MpConnection *connection,
             gpointer      user_data)
{
  g_assert_null (*(MpConnection **) user_data);
  *(MpConnection **) user_data = g_object_ref (connection);
}

static void
assert_accepts (MpListener   *listener,
                gconstpointer key,
                gboolean      started)
{
  g_autofree char *address = mp_listener_get_address (listener);
  Client           client = { address, key, 0 };
  GThread         *thread = g_thread_new ("client", ask_in_thread, &client);
  g_autoptr (MpConnection) accepted = NULL;
  g_autoptr (GError) error = NULL;
  gulong handler;

  handler = g_signal_connect (listener, "incoming", G_CALLBACK (incoming_cb), &accepted);
  if (started)
    test_iterate_until (accepted != NULL);
  else
    accepted = mp_listener_accept (listener, TEST_TIMEOUT_US, NULL, &error);
  g_assert_no_error (error);
  g_signal_handler_disconnect (listener, handler);

  send_int (accepted, getpid ());
  for (int i = 0; i < 3; i++)
    send_int (accepted, receive_int (accepted) + 1);
  g_thread_join (thread);
}

/* Whatever a child does with the listener that it inherited, the parent goes on to accept. */
static void
test_child_ends (gconstpointer data)
{
  for (gsize i = 0; i < 2 * G_N_ELEMENTS (ends); i++)
    {
      gboolean    started = i % 2;
      MpListener *listener = listen_at ("unix:", data);

      assert_accepts (listener, data, FALSE);
      if (started)
        mp_listener_start (listener, G_PRIORITY_DEFAULT);
      test_wait_child (test_fork (ends[i / 2], listener), 0);
      assert_accepts (listener, data, started);
      mp_listener_close (listener);
      test_drain_context ();
      g_assert_finalize_object (listener);
    }
}

/* A child that lives on does not keep the connections of the parent open: neither that of a peer
 * which is in its handshake, nor that of one which nobody has taken yet. */
static void
test_child_lives_on (gconstpointer data)
{
  MpListener      *listener = listen_at ("tcp:127.0.0.1:0", data);
  g_autofree char *address = mp_listener_get_address (listener);
  g_autoptr (MpConnection) peer = open_connection (address, NULL);
  MpWaitable *waitable = MP_WAITABLE (listener);
  g_autoptr (GError) error = NULL;
  pid_t child;
  int   fds[2];

  /* Checks for peers without accepting any.  A peer whose handshake is in progress gets the
   * challenge. */
  g_free (mp_wait (&waitable, 1, MP_WAIT_FLAGS_NONE, data == NULL ? TEST_TIMEOUT_US : 0, NULL, NULL,
                   &error));
  g_assert_no_error (error);
  if (data != NULL)
    g_assert_true (mp_connection_poll (peer, TEST_TIMEOUT_US, NULL, NULL));

  g_assert_no_errno (pipe (fds));
  child = fork ();
  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      char byte;

      close (fds[1]);
      _exit (read (fds[0], &byte, 1) == 0 ? 0 : 1);
    }

  mp_listener_close (listener);
  while (error == NULL)
    {
      g_autoptr (GBytes) challenge =
        mp_connection_recv_bytes (peer, -1, TEST_TIMEOUT_US, NULL, &error);

      g_assert_true ((challenge == NULL) == (error != NULL));
    }
  g_assert_error (error, MP_ERROR, MP_ERROR_END_OF_STREAM);

  close (fds[1]);
  test_wait_child (child, 0);
  close (fds[0]);
  g_assert_finalize_object (listener);
}

#define ADD(name, function)                                              \
  g_test_add_data_func ("/listener-fork/" name "/key", "key", function); \
  g_test_add_data_func ("/listener-fork/" name "/open", NULL, function)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("acceptors/unix", test_acceptors_unix);
  ADD ("acceptors/tcp", test_acceptors_tcp);
  ADD ("no-queue-at-a-worker", test_no_queue_at_a_worker);
  ADD ("child-ends", test_child_ends);
  ADD ("child-lives-on", test_child_lives_on);

  return g_test_run ();
}
