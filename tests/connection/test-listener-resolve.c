/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* While the name of the host is looked up, which may take long, the listener can be asked and
 * closed, and calls end in time. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>

/* The lookup, which takes the place of that of the C library: it ends when the test says so. */
static GMutex   mutex;
static GCond    changed;
static guint    n_lookups;
static gboolean may_end;

static void
let_end (void)
{
  g_mutex_lock (&mutex);
  may_end = TRUE;
  g_cond_broadcast (&changed);
  g_mutex_unlock (&mutex);
}

static void
wait_for_lookups (guint n)
{
  g_mutex_lock (&mutex);
  while (n_lookups < n)
    g_cond_wait (&changed, &mutex);
  g_mutex_unlock (&mutex);
}

static void
begin_test (void)
{
  n_lookups = 0;
  may_end = FALSE;
}

int
getaddrinfo (const char            *host,
             const char            *service,
             const struct addrinfo *hints,
             struct addrinfo      **found)
{
  struct sockaddr_in *address = calloc (1, sizeof *address);

  g_mutex_lock (&mutex);
  n_lookups++;
  g_cond_broadcast (&changed);
  while (!may_end)
    g_cond_wait (&changed, &mutex);
  g_mutex_unlock (&mutex);

  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  *found = calloc (1, sizeof **found);
  (*found)->ai_family = AF_INET;
  (*found)->ai_socktype = SOCK_STREAM;
  (*found)->ai_addrlen = sizeof *address;
  (*found)->ai_addr = (struct sockaddr *) address;
  return 0;
}

void
freeaddrinfo (struct addrinfo *found)
{
  free (found->ai_addr);
  free (found);
}

static MpListener *
make_listener (void)
{
  return g_object_new (MP_TYPE_LISTENER, "address", "tcp:slow.example:0", NULL);
}

static gpointer
listen_in_thread (gpointer listener)
{
  g_autoptr (GError) error = NULL;

  mp_listener_listen (listener, &error);
  return g_steal_pointer (&error);
}

static void
test_asked (void)
{
  MpListener      *listener = make_listener ();
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  GThread         *thread;

  begin_test ();
  thread = g_thread_new ("listen", listen_in_thread, listener);
  wait_for_lookups (1);
  before = mp_listener_get_address (listener);
  g_assert_cmpstr (before, ==, "tcp:slow.example:0");
  g_assert_false (mp_listener_get_closed (listener));
  g_assert_null (mp_listener_get_last_accepted (listener));

  let_end ();
  g_assert_null (g_thread_join (thread));
  after = mp_listener_get_address (listener);
  g_assert_true (g_str_has_prefix (after, "tcp:127.0.0.1:"));
  g_assert_finalize_object (listener);
}

static void
test_closed (void)
{
  MpListener *listener = make_listener ();
  g_autoptr (GError) error = NULL;
  GThread *thread;

  begin_test ();
  thread = g_thread_new ("listen", listen_in_thread, listener);
  wait_for_lookups (1);
  mp_listener_close (listener);
  let_end ();
  error = g_thread_join (thread);
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_assert_finalize_object (listener);
}

static void
test_timeout (void)
{
  MpListener *listener = make_listener ();
  g_autoptr (GError) error = NULL;

  begin_test ();
  g_assert_null (mp_listener_accept (listener, 1000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  let_end ();
  g_assert_finalize_object (listener);
}

/* Both look the name up, and one of them listens. */
static void
test_two_threads (void)
{
  MpListener *listener = make_listener ();
  GThread    *threads[2];

  begin_test ();
  threads[0] = g_thread_new ("listen", listen_in_thread, listener);
  threads[1] = g_thread_new ("listen", listen_in_thread, listener);
  wait_for_lookups (2);
  let_end ();
  g_assert_null (g_thread_join (threads[0]));
  g_assert_null (g_thread_join (threads[1]));
  g_assert_finalize_object (listener);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/listener-resolve/asked", test_asked);
  g_test_add_func ("/listener-resolve/closed", test_closed);
  g_test_add_func ("/listener-resolve/timeout", test_timeout);
  g_test_add_func ("/listener-resolve/two-threads", test_two_threads);

  return g_test_run ();
}
