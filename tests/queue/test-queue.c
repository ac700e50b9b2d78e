/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "memory/shared-queue.h"
#include "numbers.h"
#include "each-backend.h"
#include "plain-backend.h"
#include "queue/queue-backends.h"
#include "test-fork.h"

#include <poll.h>
#include <string.h>

static void
assert_unsupported (const char *uri)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_queue_open (uri, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, uri));
}

static void
test_open (void)
{
  assert_unsupported ("");
  assert_unsupported ("tasks");
  assert_unsupported ("carrier-pigeon:tasks");
  assert_unsupported ("memory:");
  assert_unsupported ("memory:tasks");
}

/* The queue says what class it is of. */
static void
test_open_named (void)
{
  const char *uris[] = { "plain:simple", "plain:joinable" };

  mp_queue_default_backend = &plain_backend;
  for (guint i = 0; i < G_N_ELEMENTS (uris); i++)
    {
      g_autoptr (GError) error = NULL;
      MpQueue *queue = mp_queue_open (uris[i], NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpint (MP_IS_JOINABLE_QUEUE (queue), ==, i == 1);
      put_int (queue, 1);
      g_assert_cmpint (get_int (queue), ==, 1);
      g_assert_finalize_object (queue);
    }
  mp_queue_default_backend = &mp_shared_queue_backend;
}

static void
test_order (void)
{
  MpQueue *queue = make (0);

  for (int i = 0; i < 5000; i++)
    put_int (queue, i);
  g_assert_cmpuint (mp_queue_get_size (queue), ==, 5000);
  for (int i = 0; i < 5000; i++)
    g_assert_cmpint (get_int (queue), ==, i);
  g_assert_true (mp_queue_is_empty (queue));
  g_assert_cmpuint (mp_queue_get_n_bytes (queue), ==, 0);

  g_assert_finalize_object (queue);
}

static void
test_full (void)
{
  MpQueue *queue = make (2);
  g_autoptr (GError) error = NULL;

  put_int (queue, 1);
  g_assert_false (mp_queue_is_full (queue));
  put_int (queue, 2);
  g_assert_true (mp_queue_is_full (queue));

  g_assert_false (mp_queue_try_put (queue, g_variant_new_int64 (3), &error));
  g_assert_no_error (error);
  g_assert_false (mp_queue_put (queue, g_variant_new_int64 (3), 0, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_FULL);
  g_clear_error (&error);
  g_assert_false (mp_queue_put (queue, g_variant_new_int64 (3), 1000, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_FULL);

  g_assert_cmpint (get_int (queue), ==, 1);
  put_int (queue, 3);
  g_assert_cmpint (get_int (queue), ==, 2);
  g_assert_cmpint (get_int (queue), ==, 3);

  g_assert_finalize_object (queue);
}

static void
test_empty (void)
{
  MpQueue *queue = make (0);
  g_autoptr (GError) error = NULL;
  gint64 before = g_get_monotonic_time ();

  g_assert_null (mp_queue_try_get (queue, &error));
  g_assert_no_error (error);
  g_assert_null (mp_queue_get (queue, 0, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_EMPTY);
  g_clear_error (&error);

  g_assert_null (mp_queue_get (queue, 30 * 1000, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_EMPTY);
  g_assert_cmpint (g_get_monotonic_time () - before, >=, 30 * 1000);

  g_assert_finalize_object (queue);
}

static void
test_max_bytes (void)
{
  g_autoptr (GError) error = NULL;
  MpQueue           *queue = mp_queue_new_full (0, 10000, &error);
  g_autofree guint8 *data = g_malloc0 (10001);

  g_assert_no_error (error);
  g_assert_false (mp_queue_put_data (queue, data, 10001, 0, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_TOO_LARGE);
  g_clear_error (&error);

  g_assert_true (mp_queue_put_data (queue, data, 6000, 0, NULL, &error));
  g_assert_true (mp_queue_put_data (queue, data, 3000, 0, NULL, &error));
  g_assert_false (mp_queue_put_data (queue, data, 3000, 0, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_FULL);
  g_assert_cmpuint (mp_queue_get_n_bytes (queue), ==, 9000);
  g_assert_cmpuint (mp_queue_get_max_bytes (queue), ==, 10000);

  g_assert_finalize_object (queue);
}

static const gsize sizes[] = { 0, 1, 7, 8, 100, 2047, 2048, 2049, 4096, 65536, 1 << 20, 5000001 };

static void
test_sizes (void)
{
  MpQueue *queue = make (0);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree guint8 *data = g_malloc (sizes[i] + 1);

      memset (data, (int) i + 1, sizes[i]);
      g_assert_true (mp_queue_put_data (queue, data, sizes[i], 0, NULL, &error));
      g_assert_no_error (error);
    }

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      gsize              length;
      g_autofree guint8 *data = mp_queue_get_data (queue, 0, NULL, &length, &error);

      g_assert_no_error (error);
      g_assert_nonnull (data);
      g_assert_cmpuint (length, ==, sizes[i]);
      for (gsize j = 0; j < length; j++)
        g_assert_true (data[j] == i + 1);
    }

  g_assert_finalize_object (queue);
}

static void
test_huge (void)
{
#ifdef __SANITIZE_THREAD__
  g_test_skip ("the thread sanitizer looks at each byte");
#else
  MpQueue *queue = make (0);
  /* On 32 bit a queue has 64 MiB unless it is told otherwise. */
  const gsize        size = (GLIB_SIZEOF_VOID_P == 8 ? 256 : 48) * 1024 * 1024;
  g_autofree guint8 *data = g_malloc (size);
  g_autofree guint8 *copy = g_malloc (size);
  g_autoptr (GError) error = NULL;

  memset (data, 0x5a, size);
  g_assert_true (mp_queue_put_data (queue, data, size, TEST_TIMEOUT_US, NULL, &error));
  g_assert_cmpint (mp_queue_get_into (queue, copy, size, TEST_TIMEOUT_US, NULL, &error), ==, size);
  g_assert_no_error (error);
  g_assert_true (memcmp (data, copy, size) == 0);

  g_assert_finalize_object (queue);
#endif
}

static void
test_get_into (void)
{
  MpQueue *queue = make (0);
  guint8   buffer[5000] = { 0 };
  g_autoptr (GError) error = NULL;

  for (gsize size = 100; size <= 5000; size += 4900)
    {
      g_autofree guint8 *data = g_malloc (size);

      memset (data, 7, size);
      g_assert_true (mp_queue_put_data (queue, data, size, 0, NULL, &error));
      g_assert_cmpint (mp_queue_get_into (queue, buffer, size - 1, 0, NULL, &error), ==, -1);
      g_assert_error (error, MP_ERROR, MP_ERROR_BUFFER_TOO_SHORT);
      g_clear_error (&error);
      g_assert_cmpuint (mp_queue_get_size (queue), ==, 1);

      g_assert_cmpint (mp_queue_get_into (queue, buffer, sizeof buffer, 0, NULL, &error), ==, size);
      g_assert_true (memcmp (buffer, data, size) == 0);
    }

  g_assert_finalize_object (queue);
}

static void
test_forms (void)
{
  MpQueue *queue = make (0);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new_static ("abc", 3);
  g_autoptr (GBytes) got = NULL;
  g_autoptr (MpMessage) message = mp_message_new_bytes (bytes);
  g_autoptr (MpMessage) got_message = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autofree char *json = NULL;

  g_assert_true (mp_queue_put_bytes (queue, bytes, 0, NULL, &error));
  g_assert_true (mp_queue_put_message (queue, message, 0, NULL, &error));
  g_assert_true (mp_queue_put_bytes (queue, bytes, 0, NULL, &error));
  g_assert_true (mp_queue_put_json (queue, "{\"a\": [1]}", 0, NULL, &error));
  g_assert_no_error (error);

  got = mp_queue_get_bytes (queue, 0, NULL, &error);
  g_assert_true (g_bytes_equal (got, bytes));
  got_message = mp_queue_get_message (queue, 0, NULL, &error);
  g_assert_cmpint (mp_message_get_format (got_message), ==, MP_FORMAT_BYTES);

  value = mp_queue_get (queue, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_variant_is_of_type (value, G_VARIANT_TYPE_BYTESTRING));
  g_assert_cmpuint (g_variant_n_children (value), ==, 3);

  json = mp_queue_get_json (queue, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (json, ==, "{\"a\": [1]}");

  g_assert_finalize_object (queue);
}

/* A message that cannot be converted to the requested format stays the next one. */
static void
test_unconvertible (void)
{
  MpQueue *queue = make (0);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new_static ("\1", 1);
  g_autoptr (MpMessage) opaque = mp_message_new_opaque (bytes, "dill");
  g_autoptr (MpMessage) got = NULL;

  g_assert_true (mp_queue_put_message (queue, opaque, 0, NULL, &error));
  put_int (queue, 2);

  g_assert_null (mp_queue_get (queue, 0, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  g_assert_null (mp_queue_get_json (queue, 0, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  g_assert_cmpuint (mp_queue_get_size (queue), ==, 2);

  got = mp_queue_get_message (queue, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (mp_message_get_codec (got), ==, "dill");
  g_assert_cmpint (get_int (queue), ==, 2);
  g_assert_true (mp_queue_is_empty (queue));

  g_assert_finalize_object (queue);
}

/* A value that is nested too deeply to be read is refused by put. */
static void
test_too_deep (void)
{
  MpQueue *queue = make (0);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) deep = g_variant_ref_sink (g_variant_new_int64 (1));
  g_autoptr (MpMessage) message = NULL;

  for (guint i = 0; i < 200; i++)
    {
      GVariant *inner = deep;

      deep = g_variant_ref_sink (g_variant_new_variant (inner));
      g_variant_unref (inner);
    }
  g_assert_false (mp_queue_put (queue, deep, 0, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
  g_clear_error (&error);
  message = mp_message_new_variant (deep);
  g_assert_false (mp_queue_put_message (queue, message, 0, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
  g_assert_true (mp_queue_is_empty (queue));

  g_assert_finalize_object (queue);
}

static void
test_many (void)
{
  MpQueue *queue = make (100);
  g_autoptr (GPtrArray) messages =
    g_ptr_array_new_with_free_func ((GDestroyNotify) mp_message_unref);
  g_autoptr (GError) error = NULL;
  guint n_put, n_got = 0;

  for (int i = 0; i < 150; i++)
    g_ptr_array_add (messages, mp_message_new_variant (g_variant_new_int64 (i)));
  g_assert_false (mp_queue_put_many (queue, messages, 0, NULL, &n_put, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_FULL);
  g_clear_error (&error);
  g_assert_cmpuint (n_put, ==, 100);

  while (n_got < 100)
    {
      g_autoptr (GPtrArray) got = mp_queue_get_many (queue, 30, 0, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (got->len, <=, 30);
      for (guint i = 0; i < got->len; i++)
        {
          g_autoptr (GVariant) value = mp_message_get_variant (got->pdata[i], &error);

          g_assert_cmpint (g_variant_get_int64 (value), ==, n_got++);
        }
    }
  g_assert_null (mp_queue_get_many (queue, 30, 0, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_EMPTY);

  g_assert_finalize_object (queue);
}

static void
test_close (void)
{
  MpQueue *queue = make (0);
  g_autoptr (GError) error = NULL;

  put_int (queue, 1);
  mp_queue_close (queue);
  mp_queue_close (queue);
  g_assert_true (mp_queue_get_closed (queue));
  g_assert_false (mp_queue_put (queue, g_variant_new_int64 (2), -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_clear_error (&error);
  g_assert_null (mp_queue_get (queue, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_assert_cmpuint (mp_queue_get_size (queue), ==, 1);

  g_assert_finalize_object (queue);
}

static void
result_cb (GObject      *object,
           GAsyncResult *result,
           gpointer      user_data)
{
  GAsyncResult **out = user_data;

  *out = g_object_ref (result);
}

static gpointer
close_thread (gpointer data)
{
  test_wait_asleep (getpid ());
  mp_queue_close (data);
  return NULL;
}

/* Calls that wait in another thread or in a main loop are woken. */
static void
test_close_wakes (void)
{
  g_autoptr (GAsyncResult) result = NULL;

  for (guint i = 0; i < 3; i++)
    {
      MpQueue *queue = make (1);
      GThread *thread;
      g_autoptr (GError) error = NULL;

      if (i == 1)
        put_int (queue, 1);
      thread = g_thread_new ("close", close_thread, queue);
      if (i == 0)
        g_assert_null (mp_queue_get (queue, -1, NULL, &error));
      else if (i == 1)
        g_assert_false (mp_queue_put (queue, g_variant_new_int64 (2), -1, NULL, &error));
      else
        {
          mp_queue_get_async (queue, G_PRIORITY_DEFAULT, NULL, result_cb, &result);
          test_iterate_until (result != NULL);
          g_assert_null (mp_queue_get_finish (queue, result, &error));
          g_clear_object (&result);
        }
      g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
      g_thread_join (thread);
      test_drain_context ();
      g_assert_finalize_object (queue);
    }
}

static int
get_at_once (gpointer data)
{
  g_autoptr (GVariant) value = mp_queue_try_get (data, NULL);

  return value != NULL && g_variant_get_int64 (value) == 1 ? 0 : 1;
}

/* Flushed messages are available to others at once. */
static void
test_flush (void)
{
  MpQueue *queue = make (0);
  g_autoptr (GError) error = NULL;

  put_int (queue, 1);
  g_assert_true (mp_queue_flush (queue, 0, NULL, &error));
  g_assert_no_error (error);
  test_wait_child (test_fork (get_at_once, queue), 0);

  g_assert_finalize_object (queue);
}

static void
test_shutdown (void)
{
  MpQueue *queue = make (0);
  g_autoptr (GError) error = NULL;

  put_int (queue, 1);
  g_assert_true (mp_queue_shutdown (queue, FALSE, &error));
  g_assert_false (mp_queue_put (queue, g_variant_new_int64 (2), -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_clear_error (&error);
  g_assert_cmpint (get_int (queue), ==, 1);
  g_assert_null (mp_queue_get (queue, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);

  g_assert_finalize_object (queue);
}

/* The end is not an error, and everything else is. */
static void
test_shutdown_ends_a_loop (void)
{
  MpQueue *queue = make (0);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;

  put_int (queue, 1);
  g_assert_true (mp_queue_put_json (queue, "\"\\u0000\"", 0, NULL, &error));
  g_assert_true (mp_queue_shutdown (queue, FALSE, &error));

  value = mp_queue_next_value (queue, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int64 (value), ==, 1);
  g_assert_null (mp_queue_next_value (queue, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);

  g_free (mp_queue_get_json (queue, 0, NULL, &error));
  g_assert_null (mp_queue_next_value (queue, &error));
  g_assert_no_error (error);

  g_assert_finalize_object (queue);
}

static void
test_shutdown_immediate (void)
{
  MpQueue           *queue = make (0);
  g_autofree guint8 *data = g_malloc0 (10000);
  g_autoptr (GError) error = NULL;

  put_int (queue, 1);
  g_assert_true (mp_queue_put_data (queue, data, 10000, 0, NULL, &error));
  g_assert_true (mp_queue_shutdown (queue, TRUE, &error));
  g_assert_null (mp_queue_get (queue, -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_assert_cmpuint (mp_queue_get_size (queue), ==, 0);
  g_assert_cmpuint (mp_queue_get_n_bytes (queue), ==, 0);

  g_assert_finalize_object (queue);
}

/* --- Across processes -------------------------------------------------------------------- */

static void
test_forked_producer (void)
{
  MpQueue *queue = make (100);
  pid_t    child = test_fork (put_numbers, queue);

  for (int i = 0; i < 10000; i++)
    g_assert_cmpint (get_int (queue), ==, i);
  test_wait_child (child, 0);

  g_assert_finalize_object (queue);
}

static int
wait_for_close (gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = mp_queue_get (data, -1, NULL, &error);

  return value == NULL && g_error_matches (error, MP_ERROR, MP_ERROR_CLOSED) ? 0 : 1;
}

static void
test_shutdown_wakes (void)
{
  MpQueue *queue = make (0);
  pid_t    children[4];

  for (guint i = 0; i < G_N_ELEMENTS (children); i++)
    children[i] = test_fork (wait_for_close, queue);
  g_assert_true (mp_queue_shutdown (queue, FALSE, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (children); i++)
    test_wait_child (children[i], 0);

  g_assert_finalize_object (queue);
}

/* A consumer that is killed while it waits takes no message. */
static void
test_killed_waiter (void)
{
  MpQueue *queue = make (0);

  for (int i = 0; i < 20; i++)
    {
      pid_t child = test_fork (wait_for_close, queue);

      test_wait_asleep (child);
      test_kill (child);
      put_int (queue, i);
      g_assert_cmpint (get_int (queue), ==, i);
    }

  g_assert_finalize_object (queue);
}

/* --- Cancelling ----------------------------------------------------------------------------- */

static gpointer
cancel_thread (gpointer data)
{
  test_wait_asleep (getpid ());
  g_cancellable_cancel (data);
  return NULL;
}

static void
test_cancel (void)
{
  MpQueue *queue = make (0);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  GThread *thread = g_thread_new ("cancel", cancel_thread, cancellable);

  g_assert_null (mp_queue_get (queue, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);

  g_clear_error (&error);
  g_assert_null (mp_queue_get (queue, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  g_assert_finalize_object (queue);
}

/* --- Main loops ------------------------------------------------------------------------------- */

static void
test_get_async (void)
{
  MpQueue *queue = make (0);
  g_autoptr (GAsyncResult) first = NULL, second = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) second_value = NULL;
  pid_t child;

  put_int (queue, 7);
  mp_queue_get_async (queue, G_PRIORITY_DEFAULT, NULL, result_cb, &first);
  mp_queue_get_async (queue, G_PRIORITY_DEFAULT, NULL, result_cb, &second);
  test_iterate_until (first != NULL);
  value = mp_queue_get_finish (queue, first, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int64 (value), ==, 7);
  g_assert_null (second);

  child = test_fork (put_numbers, queue);
  test_iterate_until (second != NULL);
  second_value = mp_queue_get_finish (queue, second, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int64 (second_value), ==, 0);
  test_wait_child (child, 0);

  g_clear_object (&first);
  g_clear_object (&second);
  test_drain_context ();
  g_assert_finalize_object (queue);
}

static void
test_get_async_cancel (void)
{
  MpQueue *queue = make (0);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  mp_queue_get_async (queue, G_PRIORITY_DEFAULT, cancellable, result_cb, &result);
  g_cancellable_cancel (cancellable);
  test_iterate_until (result != NULL);
  g_assert_null (mp_queue_get_finish (queue, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  g_clear_object (&result);
  test_drain_context ();
  g_assert_finalize_object (queue);
}

/* A message that was got before the cancellation is returned. */
static void
test_get_async_cancelled_late (void)
{
  MpQueue *queue = make (0);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;

  put_int (queue, 1);
  mp_queue_get_async (queue, G_PRIORITY_DEFAULT, cancellable, result_cb, &result);
  g_assert_true (mp_queue_is_empty (queue));
  g_cancellable_cancel (cancellable);
  test_iterate_until (result != NULL);
  value = mp_queue_get_finish (queue, result, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int64 (value), ==, 1);

  g_clear_object (&result);
  test_drain_context ();
  g_assert_finalize_object (queue);
}

/* A put that waits for more room sleeps, and can be cancelled. */
static void
test_put_cancel (void)
{
  g_autoptr (GError) error = NULL;
  MpQueue           *queue = mp_queue_new_full (0, 10000, &error);
  g_autofree guint8 *data = g_malloc0 (6000);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GThread *thread;

  g_assert_true (mp_queue_put_data (queue, data, 6000, 0, NULL, &error));
  g_assert_false (mp_queue_is_full (queue));
  thread = g_thread_new ("cancel", cancel_thread, cancellable);
  g_assert_false (mp_queue_put_data (queue, data, 6000, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);

  g_assert_finalize_object (queue);
}

static void
test_put_async (void)
{
  MpQueue *queue = make (1);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  put_int (queue, 1);
  mp_queue_put_async (queue, g_variant_new_int64 (2), G_PRIORITY_DEFAULT, NULL, result_cb, &result);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_null (result);
  g_assert_cmpint (get_int (queue), ==, 1);
  test_iterate_until (result != NULL);
  g_assert_true (mp_queue_put_finish (queue, result, &error));
  g_assert_no_error (error);
  g_assert_cmpint (get_int (queue), ==, 2);

  g_clear_object (&result);
  test_drain_context ();
  g_assert_finalize_object (queue);
}

/* Waiting calls complete in order, whenever the backend's replies come. */
static void
test_async_in_order (void)
{
  MpQueue      *queue = make (2);
  GAsyncResult *gets[6] = { NULL }, *puts[6] = { NULL };

  for (guint i = 0; i < 6; i++)
    mp_queue_get_async (queue, G_PRIORITY_DEFAULT, NULL, result_cb, &gets[i]);
  for (guint i = 0; i < 6; i++)
    mp_queue_put_async (queue, g_variant_new_int64 (i), G_PRIORITY_DEFAULT, NULL, result_cb,
                        &puts[i]);
  for (guint i = 0; i < 6; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = NULL;

      test_iterate_until (gets[i] != NULL && puts[i] != NULL);
      g_assert_true (mp_queue_put_finish (queue, puts[i], &error));
      value = mp_queue_get_finish (queue, gets[i], &error);
      g_assert_no_error (error);
      g_assert_cmpint (g_variant_get_int64 (value), ==, i);
      g_object_unref (gets[i]);
      g_object_unref (puts[i]);
    }

  test_drain_context ();
  g_assert_finalize_object (queue);
}

/* A message that cannot be read stays queued. */
static void
test_async_refused (void)
{
  MpQueue *queue = make (0);
  g_autoptr (GBytes) bytes = g_bytes_new_static ("\1", 1);
  g_autoptr (MpMessage) opaque = mp_message_new_opaque (bytes, "dill");
  g_autoptr (MpMessage) got = NULL;
  g_autoptr (GAsyncResult) first = NULL, second = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (mp_queue_put_message (queue, opaque, 0, NULL, &error));
  mp_queue_get_async (queue, G_PRIORITY_DEFAULT, NULL, result_cb, &first);
  test_iterate_until (first != NULL);
  g_assert_null (mp_queue_get_finish (queue, first, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  g_assert_cmpuint (mp_queue_get_size (queue), ==, 1);

  mp_queue_get_message_async (queue, G_PRIORITY_DEFAULT, NULL, result_cb, &second);
  test_iterate_until (second != NULL);
  got = mp_queue_get_message_finish (queue, second, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (mp_message_get_codec (got), ==, "dill");

  g_clear_object (&first);
  g_clear_object (&second);
  test_drain_context ();
  g_assert_finalize_object (queue);
}

static void
test_async_shutdown (void)
{
  MpQueue *queue = make (0);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  mp_queue_get_async (queue, G_PRIORITY_DEFAULT, NULL, result_cb, &result);
  g_assert_true (mp_queue_shutdown (queue, FALSE, NULL));
  test_iterate_until (result != NULL);
  g_assert_null (mp_queue_get_finish (queue, result, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);

  g_clear_object (&result);
  test_drain_context ();
  g_assert_finalize_object (queue);
}

/* The descriptor of a queue on a server is also readable when an answer has come, and becomes
 * readable only when the server has told of a message. */
static gboolean
is_readable (MpQueue *queue,
             int      fd)
{
  struct pollfd poll_fd = { fd, POLLIN, 0 };

  return poll (&poll_fd, 1, 0) == 1 && mp_waitable_is_ready (MP_WAITABLE (queue), NULL);
}

static void
test_fd (void)
{
  MpQueue      *queue = make (0);
  int           fd = mp_queue_get_fd (queue);
  struct pollfd poll_fd = { fd, POLLIN, 0 };
  pid_t         child;

  g_assert_cmpint (fd, !=, -1);
  test_wait_until (!is_readable (queue, fd));
  put_int (queue, 1);
  put_int (queue, 2);
  test_wait_until (is_readable (queue, fd));
  g_assert_cmpint (get_int (queue), ==, 1);
  test_wait_until (is_readable (queue, fd));
  g_assert_cmpint (get_int (queue), ==, 2);
  test_wait_until (!is_readable (queue, fd));

  child = test_fork (put_numbers, queue);
  for (int i = 0; i < 10000; i++)
    {
      g_assert_cmpint (poll (&poll_fd, 1, TEST_TIMEOUT_US / 1000), ==, 1);
      g_assert_cmpint (get_int (queue), ==, i);
    }
  test_wait_child (child, 0);

  g_assert_finalize_object (queue);
}

static void
test_wait_condition (void)
{
  MpQueue *queue = make (1);
  g_autoptr (GError) error = NULL;

  g_assert_false (mp_waitable_wait (MP_WAITABLE (queue), MP_CONDITION_READABLE,
                                    MP_WAIT_FLAGS_INTERRUPTIBLE, 1000, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (mp_waitable_wait (MP_WAITABLE (queue), MP_CONDITION_WRITABLE,
                                   MP_WAIT_FLAGS_INTERRUPTIBLE, 0, NULL, &error));
  put_int (queue, 1);
  g_assert_true (mp_waitable_wait (MP_WAITABLE (queue), MP_CONDITION_READABLE,
                                   MP_WAIT_FLAGS_INTERRUPTIBLE, 0, NULL, &error));
  g_assert_false (mp_waitable_wait (MP_WAITABLE (queue), MP_CONDITION_WRITABLE,
                                    MP_WAIT_FLAGS_INTERRUPTIBLE, 1000, NULL, &error));
  g_assert_no_error (error);

  g_assert_finalize_object (queue);
}

static void
test_simple (void)
{
  g_autoptr (GError) error = NULL;
  MpSimpleQueue *queue = mp_simple_queue_new (&error);
  g_autoptr (GVariant) value = NULL;

  g_assert_true (mp_simple_queue_put (queue, g_variant_new_string ("x"), &error));
  value = mp_simple_queue_get (queue, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, "x");

  mp_queue_close (MP_QUEUE (queue));
  g_assert_null (mp_simple_queue_get (queue, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);

  g_assert_finalize_object (queue);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/queue/open", test_open);
  g_test_add_func ("/queue/open/named", test_open_named);
  each_backend_add ("queue", "order", test_order);
  each_backend_add ("queue", "put/full", test_full);
  each_backend_add ("queue", "put/cancel", test_put_cancel);
  each_backend_add ("queue", "put/max-bytes", test_max_bytes);
  each_backend_add ("queue", "get/empty", test_empty);
  each_backend_add ("queue", "get/into", test_get_into);
  each_backend_add ("queue", "get/unconvertible", test_unconvertible);
  each_backend_add ("queue", "put/too-deep", test_too_deep);
  each_backend_add_shared ("queue", "get/killed-waiter", test_killed_waiter);
  each_backend_add ("queue", "get/cancel", test_cancel);
  each_backend_add ("queue", "sizes", test_sizes);
  each_backend_add_memory ("queue", "huge", test_huge);
  each_backend_add ("queue", "forms", test_forms);
  each_backend_add ("queue", "many", test_many);
  each_backend_add ("queue", "close", test_close);
  each_backend_add ("queue", "close/wakes", test_close_wakes);
  each_backend_add_shared ("queue", "flush", test_flush);
  each_backend_add ("queue", "shutdown/drains", test_shutdown);
  each_backend_add ("queue", "shutdown/ends-a-loop", test_shutdown_ends_a_loop);
  each_backend_add ("queue", "shutdown/immediate", test_shutdown_immediate);
  each_backend_add_shared ("queue", "shutdown/wakes", test_shutdown_wakes);
  each_backend_add_shared ("queue", "fork/producer", test_forked_producer);
  each_backend_add_shared ("queue", "async/get", test_get_async);
  each_backend_add ("queue", "async/get-cancel", test_get_async_cancel);
  each_backend_add_shared ("queue", "async/get-cancelled-late", test_get_async_cancelled_late);
  each_backend_add ("queue", "async/put", test_put_async);
  each_backend_add ("queue", "async/in-order", test_async_in_order);
  each_backend_add ("queue", "async/refused", test_async_refused);
  each_backend_add ("queue", "async/shutdown", test_async_shutdown);
  each_backend_add_shared ("queue", "fd", test_fd);
  each_backend_add ("queue", "wait", test_wait_condition);
  g_test_add_func ("/simple-queue/put-and-get", test_simple);

  return g_test_run ();
}
