/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every wait ends in time: at its deadline, when it is cancelled, and when its object is shut down
 * or closed. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "test-fork.h"

#include <string.h>

#define TIMEOUT_US (20 * 1000)

/* How late a wait may end.  On a busy machine it may be later for other reasons: it is enough if
 * one of several tries succeeds. */
#define LATE_US (50 * 1000)
#define N_TRIES 20

/* How a wait reports its timeout, if not by a code of MP_ERROR. */
#define NO_ERROR  -1
#define TIMED_OUT -2

typedef struct
{
  const char *name;
  GObject *(*make) (void);
  gboolean (*wait) (GObject      *object,
                    gint64        timeout_us,
                    GCancellable *cancellable,
                    GError      **error);
  void (*end) (GObject *object);
  int timed_out;
} Row;

/* --- What is waited for ----------------------------------------------------------------------- */

static GObject *
make_empty (void)
{
  return G_OBJECT (mp_joinable_queue_new (0, NULL));
}

/* A full queue with unfinished messages. */
static GObject *
make_full (void)
{
  MpJoinableQueue *queue = mp_joinable_queue_new (1, NULL);

  g_assert_true (mp_queue_put (MP_QUEUE (queue), g_variant_new_int32 (0), 0, NULL, NULL));
  return G_OBJECT (queue);
}

static void
end_queue (GObject *object)
{
  g_assert_true (mp_queue_shutdown (MP_QUEUE (object), TRUE, NULL));
}

static GObject *
make_connection (void)
{
  MpConnection *reader, *writer;

  mp_pipe (FALSE, &reader, &writer, NULL);
  g_object_set_data_full (G_OBJECT (reader), "writer", writer, g_object_unref);
  return G_OBJECT (reader);
}

static void
end_connection (GObject *object)
{
  mp_connection_close (g_object_get_data (object, "writer"), NULL);
}

static GObject *
make_listener (void)
{
  return G_OBJECT (mp_listener_new ("unix:", NULL, NULL));
}

static void
end_listener (GObject *object)
{
  mp_listener_close (MP_LISTENER (object));
}

/* --- The waits: none has a reason to succeed -------------------------------------------------- */

static gboolean
wait_get (GObject      *object,
          gint64        timeout_us,
          GCancellable *cancellable,
          GError      **error)
{
  g_autoptr (GVariant) value = mp_queue_get (MP_QUEUE (object), timeout_us, cancellable, error);

  return value != NULL;
}

static gboolean
wait_get_many (GObject      *object,
               gint64        timeout_us,
               GCancellable *cancellable,
               GError      **error)
{
  g_autoptr (GPtrArray) got =
    mp_queue_get_many (MP_QUEUE (object), 5, timeout_us, cancellable, error);

  return got != NULL;
}

static gboolean
wait_get_task (GObject      *object,
               gint64        timeout_us,
               GCancellable *cancellable,
               GError      **error)
{
  g_autoptr (MpTask) task =
    mp_joinable_queue_get_task (MP_JOINABLE_QUEUE (object), timeout_us, cancellable, error);

  return task != NULL;
}

static gboolean
wait_put (GObject      *object,
          gint64        timeout_us,
          GCancellable *cancellable,
          GError      **error)
{
  return mp_queue_put (MP_QUEUE (object), g_variant_new_int32 (1), timeout_us, cancellable, error);
}

static gboolean
wait_put_many (GObject      *object,
               gint64        timeout_us,
               GCancellable *cancellable,
               GError      **error)
{
  g_autoptr (GPtrArray) messages =
    g_ptr_array_new_with_free_func ((GDestroyNotify) mp_message_unref);

  for (int i = 0; i < 3; i++)
    g_ptr_array_add (messages, mp_message_new_variant (g_variant_new_int32 (i)));
  return mp_queue_put_many (MP_QUEUE (object), messages, timeout_us, cancellable, NULL, error);
}

static gboolean
wait_join (GObject      *object,
           gint64        timeout_us,
           GCancellable *cancellable,
           GError      **error)
{
  return mp_joinable_queue_join (MP_JOINABLE_QUEUE (object), timeout_us, cancellable, error);
}

static gboolean
wait_for_items (GObject      *object,
                gint64        timeout_us,
                GCancellable *cancellable,
                GError      **error)
{
  return mp_waitable_wait (MP_WAITABLE (object), MP_CONDITION_READABLE, MP_WAIT_FLAGS_INTERRUPTIBLE,
                           timeout_us, cancellable, error);
}

static gboolean
wait_for_room (GObject      *object,
               gint64        timeout_us,
               GCancellable *cancellable,
               GError      **error)
{
  return mp_waitable_wait (MP_WAITABLE (object), MP_CONDITION_WRITABLE, MP_WAIT_FLAGS_INTERRUPTIBLE,
                           timeout_us, cancellable, error);
}

static gboolean
wait_for_any (GObject      *object,
              gint64        timeout_us,
              GCancellable *cancellable,
              GError      **error)
{
  MpWaitable             *waitable = MP_WAITABLE (object);
  gsize                   n_ready = 0;
  g_autofree MpWaitable **ready =
    mp_wait (&waitable, 1, MP_WAIT_FLAGS_NONE, timeout_us, cancellable, &n_ready, error);

  return ready != NULL && n_ready > 0;
}

static gboolean
wait_recv (GObject      *object,
           gint64        timeout_us,
           GCancellable *cancellable,
           GError      **error)
{
  g_autoptr (GVariant) value =
    mp_connection_recv (MP_CONNECTION (object), timeout_us, cancellable, error);

  return value != NULL;
}

static gboolean
wait_poll (GObject      *object,
           gint64        timeout_us,
           GCancellable *cancellable,
           GError      **error)
{
  return mp_connection_poll (MP_CONNECTION (object), timeout_us, cancellable, error);
}

static gboolean
wait_accept (GObject      *object,
             gint64        timeout_us,
             GCancellable *cancellable,
             GError      **error)
{
  g_autoptr (MpConnection) connection =
    mp_listener_accept (MP_LISTENER (object), timeout_us, cancellable, error);

  return connection != NULL;
}

static const Row rows[] = {
  { "get", make_empty, wait_get, end_queue, MP_ERROR_EMPTY },
  { "get-many", make_empty, wait_get_many, end_queue, MP_ERROR_EMPTY },
  { "get-task", make_empty, wait_get_task, end_queue, MP_ERROR_EMPTY },
  { "put", make_full, wait_put, end_queue, MP_ERROR_FULL },
  { "put-many", make_full, wait_put_many, end_queue, MP_ERROR_FULL },
  { "join", make_full, wait_join, end_queue, TIMED_OUT },
  { "queue-wait-in", make_empty, wait_for_items, end_queue, NO_ERROR },
  { "queue-wait-out", make_full, wait_for_room, end_queue, NO_ERROR },
  { "wait-queue", make_empty, wait_for_any, end_queue, NO_ERROR },
  { "wait-connection", make_connection, wait_for_any, end_connection, NO_ERROR },
  { "wait-listener", make_listener, wait_for_any, end_listener, NO_ERROR },
  { "recv", make_connection, wait_recv, end_connection, TIMED_OUT },
  { "poll", make_connection, wait_poll, end_connection, NO_ERROR },
  { "accept", make_listener, wait_accept, end_listener, TIMED_OUT },
};

/* --- By the deadline -------------------------------------------------------------------------- */

static void
assert_timed_out (const Row *row,
                  GError    *error)
{
  if (row->timed_out == NO_ERROR)
    g_assert_no_error (error);
  else if (row->timed_out == TIMED_OUT)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  else
    g_assert_error (error, MP_ERROR, row->timed_out);
}

static void
test_deadline (gconstpointer data)
{
  const Row *row = data;
  gint64     best_us = G_MAXINT64;

  for (int i = 0; i < N_TRIES && best_us > LATE_US; i++)
    {
      GObject *object = row->make ();
      g_autoptr (GError) error = NULL;
      gint64 start = g_get_monotonic_time ();
      gint64 late_us;

      g_assert_false (row->wait (object, TIMEOUT_US, NULL, &error));
      late_us = g_get_monotonic_time () - start - TIMEOUT_US;
      best_us = MIN (best_us, late_us);
      g_assert_cmpint (g_get_monotonic_time () - start, >=, TIMEOUT_US);
      assert_timed_out (row, error);
      g_assert_finalize_object (object);
    }
  g_assert_cmpint (best_us, <=, LATE_US);
}

/* --- By another thread ------------------------------------------------------------------------ */

typedef struct
{
  const Row    *row;
  GObject      *object;
  GCancellable *cancellable; /* NULL: shut down instead */
  gint64        ended_at;
} End;

static gboolean
is_first_thread_asleep (void)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%d/wchan", getpid ());
  g_autofree char *content = NULL;

  return g_file_get_contents (path, &content, NULL, NULL) && !g_str_equal (content, "0");
}

static gpointer
end_thread (gpointer data)
{
  End *end = data;

  test_wait_until (is_first_thread_asleep ());
  end->ended_at = g_get_monotonic_time ();
  if (end->cancellable != NULL)
    g_cancellable_cancel (end->cancellable);
  else
    end->row->end (end->object);
  return NULL;
}

/* Waits with the longest timeout until the other thread ends the wait; returns how long that took.
 */
static gint64
wait_until_ended (const Row    *row,
                  GCancellable *cancellable,
                  GError      **error)
{
  End      end = { row, row->make (), cancellable };
  GThread *thread = g_thread_new ("end", end_thread, &end);
  gint64   took_us;

  row->wait (end.object, G_MAXINT64, cancellable, error);
  took_us = g_get_monotonic_time ();
  g_thread_join (thread);
  g_assert_cmpint (took_us, >=, end.ended_at);
  g_assert_finalize_object (end.object);
  return took_us - end.ended_at;
}

static void
test_cancel (gconstpointer data)
{
  gint64 best_us = G_MAXINT64;

  for (int i = 0; i < N_TRIES && best_us > LATE_US; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      gint64 took_us = wait_until_ended (data, cancellable, &error);

      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      best_us = MIN (best_us, took_us);
    }
  g_assert_cmpint (best_us, <=, LATE_US);
}

static void
test_end (gconstpointer data)
{
  gint64 best_us = G_MAXINT64;

  for (int i = 0; i < N_TRIES && best_us > LATE_US; i++)
    {
      g_autoptr (GError) error = NULL;
      gint64 took_us = wait_until_ended (data, NULL, &error);

      best_us = MIN (best_us, took_us);
    }
  g_assert_cmpint (best_us, <=, LATE_US);
}

static void
add (const char   *prefix,
     const Row    *row,
     GTestDataFunc func)
{
  g_autofree char *path = g_strdup_printf ("/deadlines/%s/%s", prefix, row->name);

  g_test_add_data_func (path, row, func);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      add ("time", &rows[i], test_deadline);
      add ("cancel", &rows[i], test_cancel);
      add ("end", &rows[i], test_end);
    }

  return g_test_run ();
}
