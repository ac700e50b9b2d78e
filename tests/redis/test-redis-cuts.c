/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "queue/numbers.h"
#include "test-fork.h"
#include "test-server.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Connections that break after each byte of what a client and a server say: everything is done
 * exactly once.  A proxy between the two counts the bytes, and breaks both connections of the link
 * once. */

#define MAX_PAIRS 8

/* Between two places at which the connections break, unless this is a long run. */
#define STEP 23

enum
{
  TO_SERVER,
  TO_CLIENT
};

typedef struct
{
  int fds[2]; /* to the server, to the client */
} Pair;

typedef struct
{
  TestServer *server;
  char       *path;
  int         listener;
  int         stop_fd;
  GThread    *thread;
  Pair        pairs[MAX_PAIRS];
  guint       n_pairs;

  /* Changed by the test only while the client is idle. */
  gint direction;
  gint left;    /* bytes until the connections break; -1: they do not */
  gint is_slow; /* what comes from the server is forwarded byte by byte */
} Proxy;

static TestServer *server;

static int
make_socket (const char         *path,
             struct sockaddr_un *address)
{
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
  g_strlcpy (address->sun_path, path, sizeof address->sun_path);
  return fd;
}

static void
accept_pair (Proxy *self)
{
  struct sockaddr_un address;
  Pair              *pair = &self->pairs[self->n_pairs];

  g_assert_cmpuint (self->n_pairs, <, MAX_PAIRS);
  pair->fds[TO_CLIENT] = accept4 (self->listener, NULL, NULL, SOCK_CLOEXEC);
  pair->fds[TO_SERVER] = make_socket (self->server->path, &address);
  g_assert_cmpint (connect (pair->fds[TO_SERVER], (struct sockaddr *) &address, sizeof address), ==,
                   0);
  self->n_pairs++;
}

static void
drop_pair (Proxy *self,
           guint  index)
{
  close (self->pairs[index].fds[TO_SERVER]);
  close (self->pairs[index].fds[TO_CLIENT]);
  self->pairs[index] = self->pairs[--self->n_pairs];
}

static void
drop_all (Proxy *self)
{
  while (self->n_pairs > 0)
    drop_pair (self, self->n_pairs - 1);
}

/* Returns FALSE if the pair is gone. */
static gboolean
forward (Proxy *self,
         guint  index,
         int    direction)
{
  guint8      bytes[4096];
  const Pair *pair = &self->pairs[index];
  const gsize most = direction == TO_CLIENT && g_atomic_int_get (&self->is_slow) ? 1
                                                                                 : sizeof bytes;
  gssize      n = recv (pair->fds[1 - direction], bytes, most, 0);
  int         left = g_atomic_int_get (&self->left);

  if (n <= 0)
    {
      drop_pair (self, index);
      return FALSE;
    }
  if (left < 0 || g_atomic_int_get (&self->direction) != direction)
    {
      g_assert_cmpint (send (self->pairs[index].fds[direction], bytes, (gsize) n, MSG_NOSIGNAL), !=,
                       0);
      return TRUE;
    }

  send (self->pairs[index].fds[direction], bytes, (gsize) MIN (n, left), MSG_NOSIGNAL);
  g_atomic_int_set (&self->left, n < left ? left - (int) n : -1);
  if (n < left)
    return TRUE;
  drop_all (self);
  return FALSE;
}

static gpointer
run_proxy (gpointer data)
{
  Proxy *self = data;

  for (;;)
    {
      struct pollfd fds[2 + 2 * MAX_PAIRS] = { { self->listener, POLLIN, 0 },
                                               { self->stop_fd, POLLIN, 0 } };
      const guint   n = self->n_pairs;

      for (guint i = 0; i < n; i++)
        for (int d = 0; d < 2; d++)
          fds[2 + 2 * i + d] = (struct pollfd){ self->pairs[i].fds[1 - d], POLLIN, 0 };
      if (poll (fds, 2 + 2 * n, -1) == -1)
        continue;
      if (fds[1].revents != 0)
        break;
      for (guint i = 0; i < 2 * n; i++)
        if (fds[2 + i].revents != 0 && !forward (self, i / 2, i % 2))
          break;
      if (fds[0].revents != 0)
        accept_pair (self);
    }
  drop_all (self);
  return NULL;
}

static Proxy *
proxy_start (void)
{
  Proxy             *self = g_new0 (Proxy, 1);
  struct sockaddr_un address;

  self->server = server;
  self->left = -1;
  self->path = g_build_filename (server->folder, "proxy", NULL);
  self->listener = make_socket (self->path, &address);
  g_unlink (self->path);
  g_assert_cmpint (bind (self->listener, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (self->listener, 16), ==, 0);
  self->stop_fd = eventfd (0, EFD_CLOEXEC);
  self->thread = g_thread_new ("proxy", run_proxy, self);
  return self;
}

static void
proxy_stop (Proxy *self)
{
  eventfd_write (self->stop_fd, 1);
  g_thread_join (self->thread);
  close (self->listener);
  close (self->stop_fd);
  g_unlink (self->path);
  g_free (self->path);
  g_free (self);
}

/* --- Cuts ---------------------------------------------------------------------------------- */

static gpointer
open_through (Proxy      *proxy,
              const char *name,
              const char *mode)
{
  g_autofree char *uri = g_strdup_printf ("redis+unix://%s?name=%s&mode=%s", proxy->path, name,
                                          mode);
  g_autoptr (GError) error = NULL;
  gpointer queue = mp_queue_open (uri, NULL, &error);

  g_assert_no_error (error);
  return queue;
}

static void
use_joinable (gpointer queue)
{
  g_autoptr (GError) error = NULL;
  MpTask *task;

  put_int (queue, 1);
  put_int (queue, 2);
  for (int i = 1; i <= 2; i++)
    {
      task = mp_joinable_queue_get_task (queue, TEST_TIMEOUT_US, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (mp_task_get_delivery_count (task), ==, 1);
      g_assert_true (mp_task_done (task, &error));
      g_assert_no_error (error);
      g_object_unref (task);
    }
  g_assert_cmpuint (mp_joinable_queue_get_unfinished (queue), ==, 0);
}

static void
use_plain (gpointer queue)
{
  put_int (queue, 1);
  put_int (queue, 2);
  g_assert_cmpint (get_int (queue), ==, 1);
  g_assert_cmpint (get_int (queue), ==, 2);
  g_assert_cmpuint (mp_queue_get_size (queue), ==, 0);
}

static void
use_large (gpointer queue)
{
  g_autofree guint8 *data = g_malloc0 (20000);
  g_autofree guint8 *copy = g_malloc (20000);
  g_autoptr (GError) error = NULL;

  g_assert_true (mp_queue_put_data (queue, data, 20000, TEST_TIMEOUT_US, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (mp_queue_get_into (queue, copy, 20000, TEST_TIMEOUT_US, NULL, &error), ==,
                   20000);
  g_assert_no_error (error);
  g_assert_cmpuint (mp_queue_get_size (queue), ==, 0);
}

/* Breaks the connections of one object ever later, until it is done before that. */
static void
cut_everywhere (const char *mode,
                int         direction,
                guint       step,
                void (*use) (gpointer queue))
{
  Proxy   *proxy = proxy_start ();
  gboolean was_cut = TRUE;
  guint    n_cuts = 0;

  for (int at = 1; was_cut; at += (int) step)
    {
      g_autofree char *name = g_strdup_printf ("%s-%d-%d", mode, direction, at);
      gpointer         queue = open_through (proxy, name, mode);

      g_atomic_int_set (&proxy->direction, direction);
      g_atomic_int_set (&proxy->left, at);
      use (queue);
      was_cut = g_atomic_int_get (&proxy->left) < 0;
      n_cuts += was_cut;
      g_atomic_int_set (&proxy->left, -1);
      g_assert_finalize_object (queue);
    }
  g_assert_cmpuint (n_cuts, >, 3);
  proxy_stop (proxy);
}

static guint
choose_step (guint step,
             guint long_step)
{
  return g_getenv ("MP_TEST_LONG") != NULL ? long_step : step;
}

static void
test_joinable (void)
{
  cut_everywhere ("joinable", TO_SERVER, choose_step (4 * STEP, 1), use_joinable);
  cut_everywhere ("joinable", TO_CLIENT, choose_step (STEP / 8, 1), use_joinable);
}

static void
test_plain (void)
{
  cut_everywhere ("plain", TO_SERVER, choose_step (4 * STEP, 1), use_plain);
  cut_everywhere ("plain", TO_CLIENT, choose_step (STEP / 8, 1), use_plain);
}

/* A server whose answers come byte by byte. */
static void
test_byte_by_byte (void)
{
  Proxy   *proxy = proxy_start ();
  gpointer queue;

  g_atomic_int_set (&proxy->is_slow, TRUE);
  queue = open_through (proxy, "slow-joinable", "joinable");
  use_joinable (queue);
  use_large (queue);
  g_assert_true (mp_joinable_queue_task_done (queue, NULL));
  g_assert_finalize_object (queue);
  queue = open_through (proxy, "slow-plain", "plain");
  use_plain (queue);
  g_assert_finalize_object (queue);
  proxy_stop (proxy);
}

static void
test_large (void)
{
  cut_everywhere ("plain", TO_SERVER, choose_step (1009, 101), use_large);
  cut_everywhere ("joinable", TO_CLIENT, choose_step (1009, 101), use_large);
}

static void
add_tests (void)
{
  g_test_add_func ("/redis-cuts/joinable", test_joinable);
  g_test_add_func ("/redis-cuts/plain", test_plain);
  g_test_add_func ("/redis-cuts/large", test_large);
  g_test_add_func ("/redis-cuts/byte-by-byte", test_byte_by_byte);
}

int
main (int    argc,
      char **argv)
{
  return test_server_run_tests (argc, argv, &server, add_tests);
}
