/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#define N_MANY 200

/* An object whose descriptor becomes readable spuriously: only is_ready () counts. */
#define TEST_TYPE_WAITABLE (test_waitable_get_type ())
G_DECLARE_FINAL_TYPE (TestWaitable, test_waitable, TEST, WAITABLE, GObject)

struct _TestWaitable
{
  GObject parent_instance;

  int      fd;
  gboolean closed;

  /* How often the descriptor is readable spuriously before the object is ready. */
  int n_spurious;
  int n_asked;
};

static int
test_waitable_get_fd (MpWaitable *waitable)
{
  TestWaitable *self = TEST_WAITABLE (waitable);

  return self->closed ? -1 : self->fd;
}

static gboolean
test_waitable_is_ready (MpWaitable *waitable,
                        GError    **error)
{
  TestWaitable *self = TEST_WAITABLE (waitable);
  eventfd_t     value;

  self->n_asked++;

  if (self->closed)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_CLOSED, "closed on purpose");
      return FALSE;
    }

  if (eventfd_read (self->fd, &value) < 0)
    return FALSE;

  if (self->n_spurious-- > 0)
    {
      g_assert_no_errno (eventfd_write (self->fd, 1));
      return FALSE;
    }

  return TRUE;
}

static void
test_waitable_waitable_init (MpWaitableInterface *iface)
{
  iface->get_fd = test_waitable_get_fd;
  iface->is_ready = test_waitable_is_ready;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (TestWaitable,
                               test_waitable,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (MP_TYPE_WAITABLE,
                                                      test_waitable_waitable_init))

static void
test_waitable_finalize (GObject *object)
{
  close (TEST_WAITABLE (object)->fd);
  G_OBJECT_CLASS (test_waitable_parent_class)->finalize (object);
}

static void
test_waitable_class_init (TestWaitableClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_waitable_finalize;
}

static void
test_waitable_init (TestWaitable *self)
{
  self->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  g_assert_no_errno (self->fd);
}

static void
make_pipe (int fds[2])
{
  g_autoptr (GError) error = NULL;

  g_unix_open_pipe (fds, FD_CLOEXEC, &error);
  g_assert_no_error (error);
}

static void
write_byte (int fd)
{
  g_assert_cmpint (write (fd, "x", 1), ==, 1);
}

static void
test_is_ready (void)
{
  g_autoptr (GError) error = NULL;
  MpWaitable *object;
  int         fds[2];

  make_pipe (fds);
  object = mp_waitable_new_for_fd (fds[0]);
  g_assert_cmpint (mp_waitable_get_fd (object), ==, fds[0]);
  g_assert_cmpint (mp_waitable_get_condition (object), ==, G_IO_IN);

  g_assert_false (mp_waitable_is_ready (object, &error));
  g_assert_no_error (error);
  write_byte (fds[1]);
  g_assert_true (mp_waitable_is_ready (object, &error));
  g_assert_no_error (error);

  g_assert_finalize_object (object);
  g_assert_no_errno (close (fds[0]));
  g_assert_no_errno (close (fds[1]));
}

static void
test_order (void)
{
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (GError) error = NULL;
  MpWaitable *objects[N_MANY];
  int         fds[N_MANY][2];
  gsize       n_ready = 0;

  for (gsize i = 0; i < N_MANY; i++)
    {
      make_pipe (fds[i]);
      objects[N_MANY - 1 - i] = mp_waitable_new_for_fd (fds[i][0]);
    }
  for (gsize i = 0; i < N_MANY; i += 2)
    write_byte (fds[i][1]);

  ready = mp_wait (objects, N_MANY, MP_WAIT_FLAGS_NONE, -1, NULL, &n_ready, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_ready, ==, N_MANY / 2);
  for (gsize i = 0; i < n_ready; i++)
    g_assert_true (ready[i] == objects[2 * i + 1]);
  g_assert_null (ready[n_ready]);

  for (gsize i = 0; i < N_MANY; i++)
    {
      g_assert_finalize_object (objects[N_MANY - 1 - i]);
      close (fds[i][0]);
      close (fds[i][1]);
    }
}

static void
test_same_twice (void)
{
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (GError) error = NULL;
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);
  g_autoptr (MpWaitable) fd = mp_waitable_new_for_fd (object->fd);
  MpWaitable *objects[] = { fd, MP_WAITABLE (object), fd };
  gsize       n_ready = 0;

  /* The descriptor is readable, but the object is not ready. */
  object->n_spurious = 1;
  g_assert_no_errno (eventfd_write (object->fd, 1));
  ready = mp_wait (objects, G_N_ELEMENTS (objects), MP_WAIT_FLAGS_NONE, 0, NULL, &n_ready, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_ready, ==, 3);
  g_assert_true (ready[0] == fd && ready[1] == MP_WAITABLE (object) && ready[2] == fd);

  g_clear_object (&fd);
  g_assert_finalize_object (object);
}

static void
test_end_of_file (void)
{
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (GError) error = NULL;
  MpWaitable *object;
  gsize       n_ready = 0;
  int         fds[2];

  make_pipe (fds);
  object = mp_waitable_new_for_fd (fds[0]);
  close (fds[1]);

  ready = mp_wait (&object, 1, MP_WAIT_FLAGS_NONE, -1, NULL, &n_ready, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_ready, ==, 1);

  g_assert_finalize_object (object);
  close (fds[0]);
}

static void
test_timeout (void)
{
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (GError) error = NULL;
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);
  MpWaitable   *objects[] = { MP_WAITABLE (object) };
  gint64        begin = g_get_monotonic_time ();
  gsize         n_ready = 7;

  ready = mp_wait (objects, 1, MP_WAIT_FLAGS_NONE, 20 * 1000, NULL, &n_ready, &error);
  g_assert_no_error (error);
  g_assert_nonnull (ready);
  g_assert_cmpuint (n_ready, ==, 0);
  g_assert_null (ready[0]);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 20 * 1000);

  g_assert_finalize_object (object);
}

/* A deadline that passes during the check is not an error. */
static void
test_short_timeouts (void)
{
  g_autoptr (GError) error = NULL;
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);
  MpWaitable   *objects[] = { MP_WAITABLE (object) };

  for (guint i = 0; i < 5000; i++)
    {
      g_autofree MpWaitable **ready =
        mp_wait (objects, 1, MP_WAIT_FLAGS_NONE, i % 8, NULL, NULL, &error);

      g_assert_no_error (error);
      g_assert_null (ready[0]);
    }

  g_assert_finalize_object (object);
}

static void
test_empty (void)
{
  g_autofree MpWaitable **at_once = NULL;
  g_autofree MpWaitable **later = NULL;
  g_autoptr (GError) error = NULL;
  gint64 begin = g_get_monotonic_time ();
  gsize  n_ready = 7;

  at_once = mp_wait (NULL, 0, MP_WAIT_FLAGS_NONE, 0, NULL, &n_ready, &error);
  g_assert_no_error (error);
  g_assert_nonnull (at_once);
  g_assert_cmpuint (n_ready, ==, 0);

  later = mp_wait (NULL, 0, MP_WAIT_FLAGS_NONE, 10 * 1000, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (later);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 10 * 1000);
}

static void
test_spurious (void)
{
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (GError) error = NULL;
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);
  MpWaitable   *objects[] = { MP_WAITABLE (object) };
  gsize         n_ready = 0;

  object->n_spurious = 3;
  g_assert_no_errno (eventfd_write (object->fd, 1));
  ready = mp_wait (objects, 1, MP_WAIT_FLAGS_NONE, -1, NULL, &n_ready, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_ready, ==, 1);
  g_assert_cmpint (object->n_asked, ==, 4);

  g_assert_finalize_object (object);
}

/* The descriptor does not show a message that was read ahead. */
static void
test_connection (void)
{
  MpConnection *reader, *writer;
  g_autoptr (GError) error = NULL;

  mp_pipe (FALSE, &reader, &writer, &error);
  g_assert_no_error (error);
  for (int i = 0; i < 2; i++)
    mp_connection_send (writer, g_variant_new_int32 (i), -1, NULL, &error);
  g_assert_no_error (error);

  for (int i = 0; i < 3; i++)
    {
      MpWaitable             *objects[] = { MP_WAITABLE (reader), MP_WAITABLE (writer) };
      g_autofree MpWaitable **ready = NULL;
      g_autoptr (GVariant) value = NULL;
      gsize n_ready = 0;

      ready = mp_wait (objects, 2, MP_WAIT_FLAGS_NONE, 0, NULL, &n_ready, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (n_ready, ==, i < 2 ? 1 : 0);
      g_assert_true (ready[0] == (i < 2 ? objects[0] : NULL));
      value = mp_connection_try_recv (reader, &error);
      g_assert_no_error (error);
    }

  g_assert_finalize_object (reader);
  g_assert_finalize_object (writer);
}

static void
test_closed (void)
{
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (GError) error = NULL;
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);
  MpWaitable   *objects[] = { MP_WAITABLE (object) };
  gsize         n_ready = 7;

  object->closed = TRUE;
  ready = mp_wait (objects, 1, MP_WAIT_FLAGS_NONE, -1, NULL, &n_ready, &error);
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_assert_cmpstr (error->message, ==, "closed on purpose");
  g_assert_null (ready);
  g_assert_cmpuint (n_ready, ==, 7);

  g_assert_finalize_object (object);
}

static void
test_cancelled_before (void)
{
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  ready = mp_wait (NULL, 0, MP_WAIT_FLAGS_NONE, -1, cancellable, NULL, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (ready);
}

static gpointer
cancel_thread (gpointer data)
{
  g_cancellable_cancel (data);
  return NULL;
}

static void
test_cancelled_meanwhile (void)
{
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);
  MpWaitable   *objects[] = { MP_WAITABLE (object) };
  GThread      *thread = g_thread_new ("cancel", cancel_thread, cancellable);

  ready = mp_wait (objects, 1, MP_WAIT_FLAGS_NONE, -1, cancellable, NULL, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (ready);

  g_thread_join (thread);
  g_assert_finalize_object (object);
}

static int signal_fd;
static int n_signals;

static void
signal_cb (int signum)
{
  /* The object becomes ready with the third signal. */
  if (++n_signals == 3)
    (void) eventfd_write (signal_fd, 1);
}

/* Starts a timer that sends SIGALRM every millisecond. */
static void
start_signals (int fd)
{
  struct sigaction action = { .sa_handler = signal_cb, .sa_flags = SA_RESTART };
  struct itimerval timer = { { 0, 1000 }, { 0, 1000 } };

  signal_fd = fd;
  n_signals = 0;
  g_assert_no_errno (sigaction (SIGALRM, &action, NULL));
  g_assert_no_errno (setitimer (ITIMER_REAL, &timer, NULL));
}

/* Valgrind may deliver a last one later. */
static void
stop_signals (void)
{
  struct sigaction action = { .sa_handler = SIG_IGN };
  struct itimerval timer = { 0 };

  g_assert_no_errno (setitimer (ITIMER_REAL, &timer, NULL));
  g_assert_no_errno (sigaction (SIGALRM, &action, NULL));
}

static void
test_signal_goes_on (void)
{
  g_autofree MpWaitable **ready = NULL;
  g_autoptr (GError) error = NULL;
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);
  MpWaitable   *objects[] = { MP_WAITABLE (object) };
  gsize         n_ready = 0;

  start_signals (object->fd);
  ready = mp_wait (objects, 1, MP_WAIT_FLAGS_NONE, -1, NULL, &n_ready, &error);
  stop_signals ();

  g_assert_no_error (error);
  g_assert_cmpuint (n_ready, ==, 1);
  g_assert_cmpint (n_signals, >=, 3);

  g_assert_finalize_object (object);
}

static void
test_signal_interrupts (void)
{
  g_autoptr (GError) error = NULL;
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);
  MpWaitable   *objects[] = { MP_WAITABLE (object) };
  gsize         n_ready = 0;
  int           n_empty = 0;

  start_signals (object->fd);
  while (n_ready == 0)
    {
      g_autofree MpWaitable **ready = NULL;

      ready =
        mp_wait (objects, 1, MP_WAIT_FLAGS_INTERRUPTIBLE, -1, NULL, &n_ready, &error);
      g_assert_no_error (error);
      g_assert_nonnull (ready);
      if (n_ready == 0)
        n_empty++;
    }
  stop_signals ();

  g_assert_cmpint (n_empty, >=, 1);
  g_assert_finalize_object (object);
}

static void
test_one_default (void)
{
  g_autoptr (GError) error = NULL;
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);
  MpWaitable   *waitable = MP_WAITABLE (object);

  object->n_spurious = 2;
  g_assert_false (mp_waitable_wait (waitable, MP_CONDITION_READABLE, MP_WAIT_FLAGS_NONE, 1000, NULL,
                                    &error));
  g_assert_no_error (error);
  g_assert_no_errno (eventfd_write (object->fd, 1));
  g_assert_true (mp_waitable_wait (waitable, MP_CONDITION_READABLE, MP_WAIT_FLAGS_NONE, -1, NULL,
                                   &error));
  g_assert_cmpint (object->n_asked, >=, 3);

  /* is_ready () matters only for reading. */
  g_assert_true (mp_waitable_wait (waitable, MP_CONDITION_WRITABLE, MP_WAIT_FLAGS_NONE, -1, NULL,
                                   &error));
  g_assert_no_error (error);
  g_assert_false (mp_waitable_wait (waitable, MP_CONDITION_DONE, MP_WAIT_FLAGS_NONE, -1, NULL,
                                    &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);

  object->closed = TRUE;
  g_assert_false (mp_waitable_wait (waitable, MP_CONDITION_WRITABLE, MP_WAIT_FLAGS_NONE, -1, NULL,
                                    &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_assert_finalize_object (object);
}

static void
test_one_interrupted (void)
{
  g_autoptr (GError) error = NULL;
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);

  start_signals (-1);
  g_assert_false (mp_waitable_wait (MP_WAITABLE (object), MP_CONDITION_READABLE,
                                    MP_WAIT_FLAGS_INTERRUPTIBLE, -1, NULL, &error));
  g_assert_no_error (error);
  stop_signals ();

  start_signals (object->fd);
  g_assert_true (mp_waitable_wait (MP_WAITABLE (object), MP_CONDITION_READABLE, MP_WAIT_FLAGS_NONE,
                                   -1, NULL, &error));
  g_assert_no_error (error);
  stop_signals ();
  g_assert_finalize_object (object);
}

static void
test_one_cancelled (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);

  g_cancellable_cancel (cancellable);
  g_assert_false (mp_waitable_wait (MP_WAITABLE (object), MP_CONDITION_READABLE, MP_WAIT_FLAGS_NONE,
                                    -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_finalize_object (object);
}

typedef struct
{
  GThread    *thread;
  gboolean    done;
  gsize       n_ready;
  MpWaitable *first;
  GError     *error;
} AsyncResult;

static void
wait_done_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  AsyncResult            *async = user_data;
  g_autofree MpWaitable **ready = NULL;

  g_assert_null (source);
  ready = mp_wait_finish (result, &async->n_ready, &async->error);
  g_assert_true ((ready == NULL) == (async->error != NULL));
  async->first = ready != NULL ? ready[0] : NULL;
  async->thread = g_thread_self ();
  async->done = TRUE;
}

static void
iterate_until_done (AsyncResult  *async,
                    GMainContext *context)
{
  /* Never before the call has returned. */
  g_assert_false (async->done);

  while (!async->done)
    g_main_context_iteration (context, TRUE);
}

static void
test_async_ready_before (void)
{
  TestWaitable *objects[] = { g_object_new (TEST_TYPE_WAITABLE, NULL),
                              g_object_new (TEST_TYPE_WAITABLE, NULL) };
  AsyncResult   async = { 0 };

  g_assert_no_errno (eventfd_write (objects[1]->fd, 1));
  mp_wait_async ((MpWaitable **) objects, 2, -1, G_PRIORITY_DEFAULT, NULL, wait_done_cb, &async);
  iterate_until_done (&async, NULL);
  g_assert_no_error (async.error);
  g_assert_cmpuint (async.n_ready, ==, 1);
  g_assert_true (async.first == MP_WAITABLE (objects[1]));

  g_assert_finalize_object (objects[0]);
  g_assert_finalize_object (objects[1]);
}

static void
test_async_ready_later (void)
{
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);
  MpWaitable   *objects[] = { MP_WAITABLE (object) };
  AsyncResult   async = { 0 };

  object->n_spurious = 2;
  mp_wait_async (objects, 1, -1, G_PRIORITY_DEFAULT, NULL, wait_done_cb, &async);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_false (async.done);

  g_assert_no_errno (eventfd_write (object->fd, 1));
  iterate_until_done (&async, NULL);
  g_assert_no_error (async.error);
  g_assert_cmpuint (async.n_ready, ==, 1);
  g_assert_cmpint (object->n_asked, ==, 4);

  g_assert_finalize_object (object);
}

/* Two objects with the same descriptor and different conditions. */
static void
test_async_same_twice (void)
{
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);
  g_autoptr (MpWaitable) fd = mp_waitable_new_for_fd (object->fd);
  MpWaitable *objects[] = { MP_WAITABLE (object), fd, fd };
  AsyncResult async = { 0 };

  object->n_spurious = 1;
  mp_wait_async (objects, 3, -1, G_PRIORITY_DEFAULT, NULL, wait_done_cb, &async);
  g_assert_no_errno (eventfd_write (object->fd, 1));
  iterate_until_done (&async, NULL);
  g_assert_no_error (async.error);
  g_assert_cmpuint (async.n_ready, ==, 2);
  g_assert_true (async.first == fd);

  g_clear_object (&fd);
  g_assert_finalize_object (object);
}

static void
test_async_timeout (void)
{
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);
  MpWaitable   *objects[] = { MP_WAITABLE (object) };
  AsyncResult   async = { 0 };
  gint64        begin = g_get_monotonic_time ();

  mp_wait_async (objects, 1, 20 * 1000, G_PRIORITY_DEFAULT, NULL, wait_done_cb, &async);
  iterate_until_done (&async, NULL);
  g_assert_no_error (async.error);
  g_assert_cmpuint (async.n_ready, ==, 0);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 20 * 1000);

  g_assert_finalize_object (object);
}

static void
test_async_cancelled (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);
  MpWaitable   *objects[] = { MP_WAITABLE (object) };
  AsyncResult   async = { 0 };

  mp_wait_async (objects, 1, -1, G_PRIORITY_DEFAULT, cancellable, wait_done_cb, &async);
  g_cancellable_cancel (cancellable);
  iterate_until_done (&async, NULL);
  g_assert_error (async.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&async.error);

  g_assert_finalize_object (object);
}

static void
test_async_closed (void)
{
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);
  MpWaitable   *objects[] = { MP_WAITABLE (object) };
  AsyncResult   async = { 0 };

  mp_wait_async (objects, 1, -1, G_PRIORITY_DEFAULT, NULL, wait_done_cb, &async);
  object->closed = TRUE;
  g_assert_no_errno (eventfd_write (object->fd, 1));
  iterate_until_done (&async, NULL);
  g_assert_error (async.error, MP_ERROR, MP_ERROR_CLOSED);
  g_clear_error (&async.error);

  g_assert_finalize_object (object);
}

static gpointer
async_thread (gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  MpWaitable *objects[] = { data };
  AsyncResult async = { 0 };

  g_main_context_push_thread_default (context);
  mp_wait_async (objects, 1, -1, G_PRIORITY_DEFAULT, NULL, wait_done_cb, &async);
  g_assert_no_errno (eventfd_write (TEST_WAITABLE (data)->fd, 1));
  iterate_until_done (&async, context);
  g_main_context_pop_thread_default (context);

  g_assert_no_error (async.error);
  g_assert_cmpuint (async.n_ready, ==, 1);
  g_assert_true (async.thread == g_thread_self ());
  return NULL;
}

static void
test_async_other_context (void)
{
  TestWaitable *object = g_object_new (TEST_TYPE_WAITABLE, NULL);

  g_thread_join (g_thread_new ("async", async_thread, object));
  g_assert_finalize_object (object);
}

/* A class that implements nothing, as one of a scripting language may. */
typedef GObject      Nothing;
typedef GObjectClass NothingClass;
GType                nothing_get_type (void);
G_DEFINE_TYPE_WITH_CODE (Nothing,
                         nothing,
                         G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (MP_TYPE_WAITABLE, NULL))

static void
nothing_class_init (NothingClass *klass)
{
}

static void
nothing_init (Nothing *self)
{
}

static void
test_nothing (void)
{
  g_autoptr (GError) error = NULL;
  GObject    *object = g_object_new (nothing_get_type (), NULL);
  MpWaitable *waitable = MP_WAITABLE (object);

  g_assert_cmpint (mp_waitable_get_fd (waitable), ==, -1);
  g_assert_false (mp_waitable_is_ready (waitable, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_clear_error (&error);
  g_assert_null (mp_wait (&waitable, 1, MP_WAIT_FLAGS_NONE, 0, NULL, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_assert_finalize_object (object);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/waitable/is-ready", test_is_ready);
  g_test_add_func ("/waitable/nothing", test_nothing);
  g_test_add_func ("/wait/order", test_order);
  g_test_add_func ("/wait/same-twice", test_same_twice);
  g_test_add_func ("/wait/end-of-file", test_end_of_file);
  g_test_add_func ("/wait/timeout", test_timeout);
  g_test_add_func ("/wait/short-timeouts", test_short_timeouts);
  g_test_add_func ("/wait/empty", test_empty);
  g_test_add_func ("/wait/connection", test_connection);
  g_test_add_func ("/wait/spurious", test_spurious);
  g_test_add_func ("/wait/closed", test_closed);
  g_test_add_func ("/wait/cancelled/before", test_cancelled_before);
  g_test_add_func ("/wait/cancelled/meanwhile", test_cancelled_meanwhile);
  g_test_add_func ("/wait/signal/goes-on", test_signal_goes_on);
  g_test_add_func ("/wait/signal/interrupts", test_signal_interrupts);
  g_test_add_func ("/wait/one/default", test_one_default);
  g_test_add_func ("/wait/one/interrupted", test_one_interrupted);
  g_test_add_func ("/wait/one/cancelled", test_one_cancelled);
  g_test_add_func ("/wait/async/ready-before", test_async_ready_before);
  g_test_add_func ("/wait/async/ready-later", test_async_ready_later);
  g_test_add_func ("/wait/async/same-twice", test_async_same_twice);
  g_test_add_func ("/wait/async/timeout", test_async_timeout);
  g_test_add_func ("/wait/async/cancelled", test_async_cancelled);
  g_test_add_func ("/wait/async/closed", test_async_closed);
  g_test_add_func ("/wait/async/other-context", test_async_other_context);

  return g_test_run ();
}
