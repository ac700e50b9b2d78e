/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "queue/numbers.h"
#include "test-fork.h"
#include "test-server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

/* Servers that answer anything.  A thread reads commands and answers each as a test says. */

#define MAX_PEERS 16

typedef struct _Liar Liar;

/* Returns the reply to a command, "" for none. */
typedef char *(*Answer) (Liar       *self,
                         const char *command);

struct _Liar
{
  int      listener;
  int      stop_fd;
  guint16  port;
  Answer   answer;
  GThread *thread;
  GRand   *random;
  GString *unread[MAX_PEERS];
  int      peers[MAX_PEERS];
  guint    n_peers;
  gint     n_accepted;
  guint16  other_port; /* to which it sends clients */
};

static TestServer *server;

/* --- The server ---------------------------------------------------------------------------- */

/* Takes a whole command from what has arrived; returns its words, separated by spaces, or NULL. */
static char *
take_command (GString *unread)
{
  g_autoptr (GString) words = g_string_new (NULL);
  const char *at = unread->str, *end = unread->str + unread->len;
  guint64     n, length;
  char       *rest;

  if (unread->len == 0 || !g_str_has_prefix (at, "*"))
    return NULL;
  n = g_ascii_strtoull (at + 1, &rest, 10);
  at = rest + 2;
  for (; n > 0; n--)
    {
      if (at >= end || memchr (at, '\n', (gsize) (end - at)) == NULL)
        return NULL;
      length = g_ascii_strtoull (at + 1, &rest, 10);
      at = rest + 2;
      if ((guint64) (end - at) < length + 2)
        return NULL;
      g_string_append_len (words, at, (gssize) length);
      g_string_append_c (words, ' ');
      at += length + 2;
    }
  g_string_erase (unread, 0, at - unread->str);
  return g_strdup (words->str);
}

static void
drop_peer (Liar *self,
           guint index)
{
  close (self->peers[index]);
  g_string_free (self->unread[index], TRUE);
  self->peers[index] = self->peers[--self->n_peers];
  self->unread[index] = self->unread[self->n_peers];
}

/* Returns FALSE if the peer is gone. */
static gboolean
serve (Liar *self,
       guint index)
{
  char   bytes[4096];
  gssize n = recv (self->peers[index], bytes, sizeof bytes, 0);
  char  *command;

  if (n <= 0)
    {
      drop_peer (self, index);
      return FALSE;
    }
  g_string_append_len (self->unread[index], bytes, n);
  while ((command = take_command (self->unread[index])) != NULL)
    {
      g_autofree char *reply = self->answer (self, command);

      g_free (command);
      if (reply == NULL)
        {
          drop_peer (self, index);
          return FALSE;
        }
      send (self->peers[index], reply, strlen (reply), MSG_NOSIGNAL);
    }
  return TRUE;
}

static void
accept_peer (Liar *self)
{
  if (self->n_peers == MAX_PEERS)
    drop_peer (self, 0);
  self->peers[self->n_peers] = accept4 (self->listener, NULL, NULL, SOCK_CLOEXEC);
  self->unread[self->n_peers++] = g_string_new (NULL);
  g_atomic_int_inc (&self->n_accepted);
}

static gpointer
run_liar (gpointer data)
{
  Liar *self = data;

  for (;;)
    {
      struct pollfd fds[2 + MAX_PEERS] = { { self->listener, POLLIN, 0 },
                                           { self->stop_fd, POLLIN, 0 } };
      const guint   n = self->n_peers;

      for (guint i = 0; i < n; i++)
        fds[2 + i] = (struct pollfd){ self->peers[i], POLLIN, 0 };
      if (poll (fds, 2 + n, -1) == -1)
        continue;
      if (fds[1].revents != 0)
        break;
      for (guint i = 0; i < n; i++)
        if (fds[2 + i].revents != 0 && !serve (self, i))
          break;
      if (fds[0].revents != 0)
        accept_peer (self);
    }
  while (self->n_peers > 0)
    drop_peer (self, 0);
  return NULL;
}

static Liar *
liar_start (Answer  answer,
            guint32 seed)
{
  Liar              *self = g_new0 (Liar, 1);
  struct sockaddr_in address = { .sin_family = AF_INET };
  socklen_t          length = sizeof address;

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  self->listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (self->listener, (struct sockaddr *) &address, length), ==, 0);
  g_assert_cmpint (getsockname (self->listener, (struct sockaddr *) &address, &length), ==, 0);
  g_assert_cmpint (listen (self->listener, 64), ==, 0);
  self->port = ntohs (address.sin_port);
  self->stop_fd = eventfd (0, EFD_CLOEXEC);
  self->answer = answer;
  self->random = g_rand_new_with_seed (seed);
  self->thread = g_thread_new ("liar", run_liar, self);
  return self;
}

static void
liar_stop (Liar *self)
{
  eventfd_write (self->stop_fd, 1);
  g_thread_join (self->thread);
  close (self->listener);
  close (self->stop_fd);
  g_rand_free (self->random);
  g_free (self);
}

static char *
make_uri (guint16     port,
          const char *parameters)
{
  return g_strdup_printf ("redis://127.0.0.1:%u?name=q%s", port, parameters);
}

/* --- Anything ------------------------------------------------------------------------------ */

static void
add_random_reply (GRand   *random,
                  GString *reply,
                  guint    depth)
{
  static const char *const simple[] = { "$-1\r\n", "*-1\r\n", "$0\r\n\r\n", "$1\r\n1\r\n",
                                        "$1\r\n\x80\r\n", "+OK\r\n", ":-1\r\n", "*0\r\n",
                                        ":9223372036854775807\r\n", "-ERR no\r\n", "-OOM no\r\n",
                                        "-LOADING\r\n", "-MOVED 1\r\n", "$3\r\n\xff 9\r\n",
                                        "$2\r\n\x01x\r\n" };
  const int                n = g_rand_int_range (random, 0, 8);

  switch (n)
    {
    case 0:
    case 1:
      g_string_append (reply, simple[g_rand_int_range (random, 0, G_N_ELEMENTS (simple))]);
      break;
    case 2:
    case 3:
      g_string_append_printf (reply, ":%d\r\n", g_rand_int_range (random, -2, 40));
      break;
    case 4:
      g_string_append_printf (reply, "$2\r\n%02d\r\n", g_rand_int_range (random, 0, 100));
      break;
    default:
      if (depth > 1)
        {
          g_string_append (reply, "$4\r\n\x02zzz\r\n");
          break;
        }
      g_string_append_printf (reply, "*%d\r\n:%d\r\n", n, g_rand_int_range (random, 0, 10));
      for (int i = 1; i < n; i++)
        add_random_reply (random, reply, depth + 1);
    }
}

static char *
subscribe (const char *command)
{
  g_auto (GStrv) words = g_strsplit (command, " ", 3);

  return g_strdup_printf ("*3\r\n$10\r\nssubscribe\r\n$%zu\r\n%s\r\n:1\r\n", strlen (words[1]),
                          words[1]);
}

static char *
accept_hello (const char *mode)
{
  return g_strdup_printf ("*10\r\n:0\r\n:1\r\n$1\r\nI\r\n$1\r\n0\r\n$1\r\n0\r\n$%zu\r\n%s\r\n"
                          "$1\r\n3\r\n$4\r\n9999\r\n$1\r\n3\r\n$3\r\n300\r\n",
                          strlen (mode), mode);
}

/* Accepts sessions, and then says anything. */
static char *
answer_anything (Liar       *self,
                 const char *command)
{
  GString *reply;

  if (g_str_has_prefix (command, "SSUBSCRIBE"))
    return subscribe (command);
  if (g_str_has_prefix (command, "INFO"))
    return g_strdup ("$0\r\n\r\n");
  if (strstr (command, "mp1_hello") != NULL)
    return accept_hello (g_rand_boolean (self->random) ? "joinable" : "plain");
  if (g_rand_int_range (self->random, 0, 20) == 0)
    return g_rand_boolean (self->random) ? NULL : g_strdup ("");

  reply = g_string_new (NULL);
  if (g_rand_boolean (self->random) && strstr (command, "mp1_get") != NULL)
    g_string_append_printf (reply, "*5\r\n:0\r\n:%d\r\n$1\r\n%d\r\n:1\r\n",
                            g_rand_int_range (self->random, -1, 3),
                            g_rand_int_range (self->random, 0, 10));
  add_random_reply (self->random, reply, 0);
  return g_string_free (reply, FALSE);
}

static void
use_joinable (MpJoinableQueue *queue)
{
  g_autoptr (MpTask) task = mp_joinable_queue_get_task (queue, 10 * 1000, NULL, NULL);
  g_autoptr (MpMessage) dead = NULL;
  g_autoptr (GVariant) progress = NULL;

  dead = mp_joinable_queue_get_dead (queue, NULL);
  progress = mp_joinable_queue_list_progress (queue);
  if (task != NULL)
    {
      mp_task_set_progress (task, 0.5, "half", NULL);
      mp_task_done (task, NULL);
    }
  mp_joinable_queue_join (queue, 10 * 1000, NULL, NULL);
}

static void
use (MpQueue *queue)
{
  g_autoptr (GPtrArray) many = NULL;
  g_autoptr (GVariant) value = NULL;

  for (guint i = 0; i < 3; i++)
    mp_queue_put (queue, g_variant_new_int64 (i), 10 * 1000, NULL, NULL);
  value = mp_queue_get (queue, 10 * 1000, NULL, NULL);
  many = mp_queue_get_many (queue, 10, 10 * 1000, NULL, NULL);
  if (MP_IS_JOINABLE_QUEUE (queue))
    use_joinable (MP_JOINABLE_QUEUE (queue));
  mp_queue_get_size (queue);
  mp_queue_clear (queue, NULL);
}

static void
test_anything (void)
{
  const guint n = g_getenv ("MP_TEST_LONG") != NULL ? 2000 : 40;
  guint       n_opened = 0;

  for (guint seed = 0; seed < n; seed++)
    {
      Liar            *liar = liar_start (answer_anything, seed);
      g_autofree char *uri = make_uri (liar->port, "&timeout=0.05");
      g_autoptr (GError) error = NULL;
      MpQueue *queue = mp_queue_open (uri, NULL, &error);

      if (queue == NULL)
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
        }
      else
        {
          use (queue);
          n_opened++;
          g_assert_finalize_object (queue);
        }
      liar_stop (liar);
    }
  g_assert_cmpuint (n_opened, >, 0);
}

/* --- Silence ------------------------------------------------------------------------------- */

static char *
say_nothing (Liar       *self,
             const char *command)
{
  return g_strdup ("");
}

static void
test_silence (void)
{
  Liar            *liar = liar_start (say_nothing, 0);
  g_autofree char *uri = make_uri (liar->port, "&timeout=0.2");
  const gint64     start = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_queue_open (uri, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 200 * 1000);
  g_assert_cmpint (g_get_monotonic_time () - start, <, TEST_TIMEOUT_US);
  liar_stop (liar);
}

/* --- Clusters ------------------------------------------------------------------------------ */

static char *
send_away (Liar       *self,
           const char *command)
{
  if (g_str_has_prefix (command, "INFO"))
    return g_strdup ("$0\r\n\r\n");
  return g_strdup_printf ("-MOVED 3999 127.0.0.1:%u\r\n", self->other_port);
}

static void
test_moved (void)
{
  g_autofree char  *port = test_server_find_port ();
  const char *const options[] = { "--port", port, NULL };
  Liar             *liar = liar_start (send_away, 0);
  Liar             *other = liar_start (send_away, 0);
  TestServer       *node;
  g_autofree char  *uri = make_uri (liar->port, "");
  g_autoptr (GError) error = NULL;
  MpQueue *queue;

  liar->other_port = other->port;
  other->other_port = (guint16) g_ascii_strtoull (port, NULL, 10);
  node = test_server_start (options);
  queue = mp_queue_open (uri, NULL, &error);
  g_assert_no_error (error);
  put_int (queue, 1);
  g_assert_cmpint (get_int (queue), ==, 1);
  g_assert_finalize_object (queue);
  test_server_stop (node);
  liar_stop (other);
  liar_stop (liar);
}

/* Servers that send a client to one another, or to one that is gone, do not keep it busy, and when
 * the first one serves again it is found. */
static void
test_moved_in_circles (void)
{
  Liar            *liar = liar_start (send_away, 0);
  g_autofree char *uri = make_uri (liar->port, "&timeout=0.5");
  g_autofree char *unused = test_server_find_port ();
  g_autoptr (GError) error = NULL;

  liar->other_port = liar->port;
  g_assert_null (mp_queue_open (uri, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, "MOVED"));
  g_assert_cmpint (g_atomic_int_get (&liar->n_accepted), <, 50);
  g_clear_error (&error);
  liar->other_port = (guint16) g_ascii_strtoull (unused, NULL, 10);
  g_assert_null (mp_queue_open (uri, NULL, &error));
  g_assert_nonnull (error);
  g_assert_cmpint (g_atomic_int_get (&liar->n_accepted), >, 4);
  liar_stop (liar);
}

/* --- Passwords ----------------------------------------------------------------------------- */

static char *
repeat_password (Liar       *self,
                 const char *command)
{
  return g_strdup_printf ("-ERR I do not like opensesame (%s)\r\n", command);
}

static void
test_password (void)
{
  Liar             *liar = liar_start (repeat_password, 0);
  const char *const options[] = { "--rename-command", "AUTH", "", NULL };
  TestServer       *old = test_server_start (options);
  char             *uris[] = {
                g_strdup_printf ("redis://user:opensesame@127.0.0.1:%u?name=q&timeout=0.2", liar->port),
                g_strdup_printf ("redis+unix://user:opensesame@%s?name=q&timeout=0.2", old->path),
  };

  for (guint i = 0; i < G_N_ELEMENTS (uris); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (mp_queue_open (uris[i], NULL, &error));
      g_assert_nonnull (error);
      g_test_message ("%s", error->message);
      g_assert_null (strstr (error->message, "opensesame"));
      g_free (uris[i]);
    }
  test_server_stop (old);
  liar_stop (liar);
}

/* --- All ----------------------------------------------------------------------------------- */

static void
add (const char *name,
     void (*func) (void))
{
  g_autofree char *path = g_strconcat ("/redis-liar/", name, NULL);

  g_test_add_func (path, func);
}

static void
add_tests (void)
{
  add ("anything", test_anything);
  add ("silence", test_silence);
  add ("moved", test_moved);
  add ("moved/in-circles", test_moved_in_circles);
  add ("password", test_password);
}

int
main (int    argc,
      char **argv)
{
  return test_server_run_tests (argc, argv, &server, add_tests);
}
