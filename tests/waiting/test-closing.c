/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <sys/eventfd.h>

#include "mproc-glib.h"
#include "test-fork.h"

/* Closing objects while other threads, or the main loop, wait for them together with others. */

typedef struct
{
  const char *name;
  gsize       n_others; /* more than a few are waited for by epoll */
  GObject *(*make) (GObject **peer);
  void (*close) (gpointer object);
} Case;

static GObject *
make_queue (GObject **peer)
{
  return G_OBJECT (mp_queue_new (0, NULL));
}

static GObject *
make_tasks (GObject **peer)
{
  return G_OBJECT (mp_joinable_queue_new (0, NULL));
}

static GObject *
make_connection (GObject **peer)
{
  MpConnection *first, *second;

  g_assert_true (mp_pipe (TRUE, &first, &second, NULL));
  *peer = G_OBJECT (second);
  return G_OBJECT (first);
}

static GObject *
make_listener (GObject **peer)
{
  MpListener *listener = mp_listener_new ("unix:", NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (mp_listener_listen (listener, &error));
  g_assert_no_error (error);
  return G_OBJECT (listener);
}

static void
close_queue (gpointer object)
{
  mp_queue_close (object);
}

static void
close_connection (gpointer object)
{
  g_assert_true (mp_connection_close (object, NULL));
}

static void
close_listener (gpointer object)
{
  mp_listener_close (object);
}

static const Case cases[] = {
  { "queue", 1, make_queue, close_queue },
  { "tasks", 1, make_tasks, close_queue },
  { "connection", 1, make_connection, close_connection },
  { "listener", 1, make_listener, close_listener },
  { "queue-of-many", 100, make_queue, close_queue },
  { "connection-of-many", 100, make_connection, close_connection },
};

typedef struct
{
  GObject   *object;
  GObject   *peer;
  GPtrArray *objects;
  gint       thread_id;
} Fixture;

static void
set_up (Fixture      *self,
        gconstpointer data)
{
  const Case *test = data;

  self->objects = g_ptr_array_new_with_free_func (g_object_unref);
  for (gsize i = 0; i < test->n_others; i++)
    {
      int fd = eventfd (0, EFD_CLOEXEC);

      g_assert_no_errno (fd);
      g_ptr_array_add (self->objects, mp_waitable_new_for_fd (fd));
    }
  self->object = test->make (&self->peer);
  g_ptr_array_add (self->objects, g_object_ref (self->object));
}

static void
tear_down (Fixture      *self,
           gconstpointer data)
{
  for (guint i = 0; i + 1 < self->objects->len; i++)
    close (mp_waitable_get_fd (self->objects->pdata[i]));
  g_ptr_array_unref (self->objects);
  g_assert_finalize_object (self->object);
  if (self->peer != NULL)
    g_assert_finalize_object (self->peer);
}

static gpointer
wait_in_thread (gpointer data)
{
  Fixture                *self = data;
  g_autofree MpWaitable **ready = NULL;
  GError                 *error = NULL;

  g_atomic_int_set (&self->thread_id, (gint) gettid ());
  ready = mp_wait ((MpWaitable **) self->objects->pdata, self->objects->len, MP_WAIT_FLAGS_NONE, -1,
                   NULL, NULL, &error);
  g_assert_null (ready);
  return error;
}

static void
test_thread (Fixture      *self,
             gconstpointer data)
{
  const Case *test = data;
  GThread    *thread = g_thread_new ("waits", wait_in_thread, self);
  g_autoptr (GError) error = NULL;

  test_wait_until (g_atomic_int_get (&self->thread_id) != 0);
  test_wait_asleep (g_atomic_int_get (&self->thread_id));
  test->close (self->object);
  error = g_thread_join (thread);
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
}

static void
waited_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      data)
{
  GError **error = data;

  g_assert_null (mp_wait_finish (result, NULL, error));
}

static gpointer
close_in_thread (gpointer data)
{
  Fixture *self = data;

  cases[self->thread_id].close (self->object);
  return NULL;
}

static void
test_main_loop (Fixture      *self,
                gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  mp_wait_async ((MpWaitable **) self->objects->pdata, self->objects->len, -1, G_PRIORITY_DEFAULT,
                 NULL, waited_cb, &error);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_no_error (error);
  self->thread_id = (gint) ((const Case *) data - cases);
  g_thread_join (g_thread_new ("closes", close_in_thread, self));
  test_iterate_until (error != NULL);
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
}

/* A child that closes its object of the connection leaves the wait of its parent alone. */
static int
close_in_child (gpointer data)
{
  close_connection (((Fixture *) data)->object);
  return 0;
}

static void
test_child (Fixture      *self,
            gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  mp_wait_async ((MpWaitable **) self->objects->pdata, self->objects->len, -1, G_PRIORITY_DEFAULT,
                 NULL, waited_cb, &error);
  test_wait_child (test_fork (close_in_child, self), 0);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_no_error (error);
  close_connection (self->object);
  test_iterate_until (error != NULL);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *thread = g_strdup_printf ("/closing/%s/thread", cases[i].name);
      g_autofree char *loop = g_strdup_printf ("/closing/%s/main-loop", cases[i].name);

      g_test_add (thread, Fixture, &cases[i], set_up, test_thread, tear_down);
      g_test_add (loop, Fixture, &cases[i], set_up, test_main_loop, tear_down);
    }
  g_test_add ("/closing/child", Fixture, &cases[2], set_up, test_child, tear_down);

  return g_test_run ();
}
