/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls that fail have no partial effect: a failed put has put nothing, or reports how many
 * messages, and a failed get has taken nothing.  The same for a plain and for a joinable queue. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <gio/gunixfdlist.h>
#include <string.h>
#include <unistd.h>

#define MAX_BYTES 20000

static MpQueue *
make (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  MpQueue *queue;

  if (GPOINTER_TO_INT (data))
    queue = MP_QUEUE (mp_joinable_queue_new_full (3, MAX_BYTES, 0, &error));
  else
    queue = mp_queue_new_full (3, MAX_BYTES, &error);
  g_assert_no_error (error);
  return queue;
}

static MpMessage *
make_message (gsize size)
{
  g_autofree guint8 *data = g_malloc0 (size);
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_steal_pointer (&data), size);

  return mp_message_new_bytes (bytes);
}

static GPtrArray *
make_messages (const gsize *sizes,
               guint        n)
{
  GPtrArray *messages = g_ptr_array_new_with_free_func ((GDestroyNotify) mp_message_unref);

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (messages, make_message (sizes[i]));
  return messages;
}

/* Asserts that the queue contains messages of exactly these sizes. */
static void
assert_content (MpQueue     *queue,
                const gsize *sizes,
                guint        n)
{
  g_assert_cmpuint (mp_queue_get_size (queue), ==, n);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = mp_queue_get_bytes (queue, 0, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (g_bytes_get_size (bytes), ==, sizes[i]);
    }
  g_assert_true (mp_queue_is_empty (queue));
  g_assert_cmpuint (mp_queue_get_n_bytes (queue), ==, 0);
}

/* --- Putting ---------------------------------------------------------------------------------- */

/* One of several messages is too large: none of the others is put either. */
static void
test_too_large (gconstpointer data)
{
  const gsize sizes[] = { 10, MAX_BYTES + 1, 10 };
  MpQueue    *queue = make (data);
  g_autoptr (GPtrArray) messages = make_messages (sizes, 3);
  g_autoptr (GError) error = NULL;
  guint n_put = 7;

  g_assert_false (mp_queue_put_many (queue, messages, -1, NULL, &n_put, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_TOO_LARGE);
  g_assert_cmpuint (n_put, ==, 0);
  assert_content (queue, NULL, 0);

  g_assert_finalize_object (queue);
}

static void
test_descriptors (gconstpointer data)
{
  const gsize sizes[] = { 10, 10 };
  MpQueue    *queue = make (data);
  g_autoptr (GPtrArray) messages = make_messages (sizes, 2);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GError) error = NULL;
  guint n_put = 7;

  g_unix_fd_list_append (fds, STDIN_FILENO, NULL);
  mp_message_set_fd_list (messages->pdata[1], fds);
  g_assert_false (mp_queue_put_many (queue, messages, -1, NULL, &n_put, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_assert_cmpuint (n_put, ==, 0);
  g_clear_error (&error);
  g_assert_false (mp_queue_put_message (queue, messages->pdata[1], -1, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  assert_content (queue, NULL, 0);

  g_assert_finalize_object (queue);
}

/* Full by the count, by the bytes of small messages, and by those of large ones. */
static void
test_full (gconstpointer data)
{
  static const gsize sizes[][4] = {
    { 10, 20, 30, 40 },
    { 19000, 900, 200, 10 },
    { 9000, 8000, 7000, 10 },
  };
  static const guint n_fitting[] = { 3, 2, 2 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      MpQueue *queue = make (data);
      g_autoptr (GPtrArray) messages = make_messages (sizes[i], 4);
      g_autoptr (GError) error = NULL;
      guint n_put = 7;

      g_assert_false (mp_queue_put_many (queue, messages, i == 0 ? 0 : 1000, NULL, &n_put, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_FULL);
      g_assert_cmpuint (n_put, ==, n_fitting[i]);
      assert_content (queue, sizes[i], n_put);
      g_assert_finalize_object (queue);
    }
}

static void
test_put_cancelled (gconstpointer data)
{
  const gsize sizes[] = { 10, 20, 30, 40 };
  MpQueue    *queue = make (data);
  g_autoptr (GPtrArray) messages = make_messages (sizes, 4);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  guint n_put = 7;

  g_cancellable_cancel (cancellable);
  g_assert_false (mp_queue_put_many (queue, messages, -1, cancellable, &n_put, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_content (queue, sizes, n_put);

  g_assert_finalize_object (queue);
}

static void
test_put_closed (gconstpointer data)
{
  const gsize sizes[] = { 10, 5000 };
  MpQueue    *queue = make (data);
  g_autoptr (GPtrArray) messages = make_messages (sizes, 2);
  g_autoptr (GError) error = NULL;
  guint n_put = 7;

  g_assert_true (mp_queue_shutdown (queue, FALSE, NULL));
  g_assert_false (mp_queue_put_many (queue, messages, -1, NULL, &n_put, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_assert_cmpuint (n_put, ==, 0);
  assert_content (queue, NULL, 0);

  g_assert_finalize_object (queue);
}

/* --- Getting ---------------------------------------------------------------------------------- */

static void
put_sizes (MpQueue     *queue,
           const gsize *sizes,
           guint        n)
{
  g_autoptr (GPtrArray) messages = make_messages (sizes, n);
  g_autoptr (GError) error = NULL;

  g_assert_true (mp_queue_put_many (queue, messages, 0, NULL, NULL, &error));
  g_assert_no_error (error);
}

static void
test_too_short (gconstpointer data)
{
  const gsize sizes[] = { 100, 5000, 0 };
  MpQueue    *queue = make (data);
  guint8      buffer[99];
  g_autoptr (GError) error = NULL;

  put_sizes (queue, sizes, 3);
  g_assert_cmpint (mp_queue_get_into (queue, buffer, sizeof buffer, -1, NULL, &error), ==, -1);
  g_assert_error (error, MP_ERROR, MP_ERROR_BUFFER_TOO_SHORT);
  assert_content (queue, sizes, 3);

  g_assert_finalize_object (queue);
}

/* A message that cannot be converted to the requested format stays the next one, and its delivery
 * is not counted. */
static void
test_unreadable (gconstpointer data)
{
  MpQueue *queue = make (data);
  g_autoptr (GError) error = NULL;
  g_autoptr (MpMessage) message = NULL;
  g_autoptr (GBytes) bytes = NULL;

  g_assert_true (mp_queue_put_json (queue, "\"\\u0000\"", 0, NULL, &error));
  g_assert_true (mp_queue_put_data (queue, (const guint8 *) "b", 1, 0, NULL, &error));
  for (int i = 0; i < 3; i++)
    {
      g_assert_null (mp_queue_get (queue, 0, NULL, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
      g_clear_error (&error);
      g_assert_null (mp_queue_get_bytes (queue, 0, NULL, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
      g_clear_error (&error);
    }
  g_assert_cmpuint (mp_queue_get_size (queue), ==, 2);

  message = mp_queue_get_message (queue, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (mp_message_get_format (message), ==, MP_FORMAT_JSON);
  bytes = mp_queue_get_bytes (queue, 0, NULL, &error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "b", 1);

  g_assert_finalize_object (queue);
}

/* Malformed messages are not put. */
static void
test_malformed (gconstpointer data)
{
  static const char *const texts[] = { "", "{ \"a\": ", "nul", "1 2" };
  MpQueue                 *queue = make (data);

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (mp_queue_put_json (queue, texts[i], 0, NULL, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
      g_clear_error (&error);
      g_assert_false (mp_queue_try_put_json (queue, texts[i], &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
    }
  assert_content (queue, NULL, 0);

  g_assert_finalize_object (queue);
}

static void
test_get_cancelled (gconstpointer data)
{
  const gsize sizes[] = { 10 };
  MpQueue    *queue = make (data);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_null (mp_queue_get_bytes (queue, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  put_sizes (queue, sizes, 1);
  assert_content (queue, sizes, 1);

  g_assert_finalize_object (queue);
}

static void
add (const char   *name,
     GTestDataFunc func)
{
  g_autofree char *plain = g_strdup_printf ("/queue/failures/%s/plain", name);
  g_autofree char *joinable = g_strdup_printf ("/queue/failures/%s/joinable", name);

  g_test_add_data_func (plain, GINT_TO_POINTER (FALSE), func);
  g_test_add_data_func (joinable, GINT_TO_POINTER (TRUE), func);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add ("put/too-large", test_too_large);
  add ("put/descriptors", test_descriptors);
  add ("put/full", test_full);
  add ("put/cancelled", test_put_cancelled);
  add ("put/closed", test_put_closed);
  add ("put/malformed", test_malformed);
  add ("get/too-short", test_too_short);
  add ("get/unreadable", test_unreadable);
  add ("get/cancelled", test_get_cancelled);

  return g_test_run ();
}
