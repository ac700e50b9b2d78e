/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <string.h>

#define PYTHON_FORMS (MP_FORMATS_BYTES | MP_FORMATS_PICKLE | MP_FORMATS_OPAQUE)

/* [1], and a reference to a function. */
static const guint8 list_pickle[] = { 0x80, 4, ']', 'K', 1, 'a', '.' };
static const guint8 function_pickle[] = "\x80\x03"
                                        "cos\ngetcwd\n.";

static void
assert_payload (MpQueue      *queue,
                MpFormats     accepted,
                const char   *codec,
                MpFormat      expected_format,
                gconstpointer expected,
                gsize         expected_length)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *data = NULL;
  gsize              length;
  MpFormat           format;

  mp_queue_set_codec (queue, codec);
  data = mp_queue_get_payload (queue, accepted, &format, &length, 0, &error);
  g_assert_no_error (error);
  g_assert_nonnull (data);
  g_assert_cmpint (format, ==, expected_format);
  g_assert_cmpmem (data, length, expected, expected_length);
}

static guint8 *
get_payload (MpQueue    *queue,
             const char *codec,
             GError    **error)
{
  MpFormat format;
  gsize    length;

  mp_queue_set_codec (queue, codec);
  return mp_queue_get_payload (queue, PYTHON_FORMS, &format, &length, 0, error);
}

static void
test_forms (void)
{
  MpQueue     *queue = mp_queue_new (0, NULL);
  const guint8 yes[] = { 0x80, 4, 0x88, '.' };
  g_autoptr (GError) error = NULL;

  g_assert_true (
    mp_queue_put_payload (queue, MP_FORMAT_BYTES, (const guint8 *) "abc", 3, 0, &error));
  g_assert_true (mp_queue_put_payload (queue, MP_FORMAT_BYTES, NULL, 0, 0, &error));
  g_assert_true (mp_queue_put_payload (queue, MP_FORMAT_PICKLE, list_pickle, sizeof list_pickle, 0,
                                       &error));
  g_assert_true (mp_queue_put_payload (queue, MP_FORMAT_JSON, (const guint8 *) "true", 4, 0,
                                       &error));
  g_assert_no_error (error);

  assert_payload (queue, PYTHON_FORMS, NULL, MP_FORMAT_BYTES, "abc", 3);
  assert_payload (queue, PYTHON_FORMS, NULL, MP_FORMAT_BYTES, "", 0);
  assert_payload (queue, PYTHON_FORMS, NULL, MP_FORMAT_PICKLE, list_pickle, sizeof list_pickle);
  assert_payload (queue, PYTHON_FORMS, NULL, MP_FORMAT_PICKLE, yes, sizeof yes);

  g_assert_finalize_object (queue);
}

/* An accepted format is returned unchanged; others are converted to the first accepted one of a
 * fixed order. */
static void
test_accepted (void)
{
  MpQueue *queue = mp_queue_new (0, NULL);
  g_autoptr (GError) error = NULL;
  gsize    length;
  MpFormat format;

  for (int i = 0; i < 3; i++)
    g_assert_true (mp_queue_put_payload (queue, MP_FORMAT_PICKLE, list_pickle, sizeof list_pickle,
                                         0, &error));
  assert_payload (queue, MP_FORMATS_JSON | MP_FORMATS_PICKLE, NULL, MP_FORMAT_PICKLE, list_pickle,
                  sizeof list_pickle);
  assert_payload (queue, MP_FORMATS_JSON | MP_FORMATS_GVARIANT, NULL, MP_FORMAT_JSON, "[1]", 3);

  /* A list is not an object, and no value is converted to one. */
  g_assert_null (
    mp_queue_get_payload (queue, MP_FORMATS_OBJECT, &format, &length, 0, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_assert_cmpint (format, ==, MP_FORMAT_NONE);
  g_assert_cmpuint (mp_queue_get_size (queue), ==, 1);

  g_assert_finalize_object (queue);
}

static void
test_nothing_there (void)
{
  MpQueue *queue = mp_queue_new (1, NULL);
  g_autoptr (GError) error = NULL;
  gsize    length;
  MpFormat format;

  for (gint64 timeout_us = 0; timeout_us <= 1000; timeout_us += 1000)
    {
      g_assert_null (
        mp_queue_get_payload (queue, PYTHON_FORMS, &format, &length, timeout_us, &error));
      g_assert_no_error (error);
      g_assert_cmpint (format, ==, MP_FORMAT_NONE);
    }

  g_assert_true (mp_queue_put_payload (queue, MP_FORMAT_PICKLE, list_pickle, sizeof list_pickle, 0,
                                       &error));
  g_assert_false (mp_queue_put_payload (queue, MP_FORMAT_PICKLE, list_pickle, sizeof list_pickle,
                                        1000, &error));
  g_assert_no_error (error);

  g_assert_finalize_object (queue);
}

/* Malformed payloads are refused by put. */
static void
test_refused (void)
{
  static const struct
  {
    MpFormat    format;
    const char *data;
    MpError     code;
  } refused[] = {
    { MP_FORMAT_PICKLE, (const char *) function_pickle, MP_ERROR_UNSUPPORTED },
    { MP_FORMAT_PICKLE, "\x80\x04]", MP_ERROR_INVALID_MESSAGE },
    { MP_FORMAT_JSON, "{ \"a\": ", MP_ERROR_INVALID_MESSAGE },
    { MP_FORMAT_GVARIANT, "abc", MP_ERROR_INVALID_MESSAGE },
  };
  MpQueue *queue = mp_queue_new (0, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (mp_queue_put_payload (queue, refused[i].format,
                                            (const guint8 *) refused[i].data,
                                            strlen (refused[i].data), 0, &error));
      g_assert_error (error, MP_ERROR, (int) refused[i].code);
    }
  g_assert_true (mp_queue_is_empty (queue));

  g_assert_finalize_object (queue);
}

static void
test_codecs (void)
{
  MpQueue *queue = mp_queue_new (0, NULL);
  g_autoptr (GBytes) bytes = g_bytes_new_static ("payload", 7);
  g_autoptr (MpMessage) message = mp_message_new_opaque (bytes, "dill");
  const char *wrong[] = { NULL, "pickle" };
  g_autoptr (GError) error = NULL;
  gsize    length;
  MpFormat format;

  g_assert_true (mp_queue_put_message (queue, message, 0, NULL, &error));
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      mp_queue_set_codec (queue, wrong[i]);
      g_assert_null (
        mp_queue_get_payload (queue, PYTHON_FORMS, &format, &length, 0, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
      g_assert_nonnull (strstr (error->message, "dill"));
      g_assert_cmpint (format, ==, MP_FORMAT_NONE);
      g_clear_error (&error);
    }
  assert_payload (queue, PYTHON_FORMS, "dill", MP_FORMAT_OPAQUE, "payload", 7);

  g_assert_finalize_object (queue);
}

/* Several buffers become one message, whether it is small or large. */
static void
test_pieces (void)
{
  static guint8  large[100000];
  MpQueue       *queue = mp_queue_new (0, NULL);
  const guintptr addresses[] = { (guintptr) "dill\0head", (guintptr) large, 0, (guintptr) "tail" };
  const gsize    small_sizes[] = { 9, 3, 0, 4 }, large_sizes[] = { 9, sizeof large, 0, 4 };
  g_autoptr (GError) error = NULL;
  g_autoptr (MpMessage) small = NULL, whole = NULL;
  g_autoptr (GBytes) bytes = NULL;
  const guint8 *data;
  gsize         length;

  memset (large, 'x', sizeof large);
  g_assert_true (
    mp_queue_put_pieces (queue, MP_FORMAT_OPAQUE, addresses, small_sizes, 4, 0, &error));
  g_assert_true (
    mp_queue_put_pieces (queue, MP_FORMAT_OPAQUE, addresses, large_sizes, 4, 0, &error));
  g_assert_no_error (error);

  small = mp_queue_get_message (queue, 0, NULL, &error);
  g_assert_no_error (error);
  bytes = mp_message_get_bytes (small, &error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "headxxxtail", 11);

  whole = mp_queue_get_message (queue, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (mp_message_get_codec (whole), ==, "dill");
  data = (const guint8 *) mp_message_get_address (whole, &length);
  g_assert_cmpuint (length, ==, 4 + sizeof large + 4);
  /* Aligned from the name of the codec on. */
  g_assert_cmpuint (((guintptr) data - 5) % 64, ==, 0);
  g_assert_cmpmem (data, 4, "head", 4);
  g_assert_cmpmem (data + 4, sizeof large, large, sizeof large);
  g_assert_cmpmem (data + 4 + sizeof large, 4, "tail", 4);

  g_assert_finalize_object (queue);
}

static void
assert_told (MpQueue *queue,
             MpFormat expected)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *packed = NULL;
  gsize              length;
  MpFormat           format;

  g_assert_null (mp_queue_get_payload (queue, PYTHON_FORMS | MP_FORMATS_ARRAYS, &format, &length, 0,
                                       &error));
  g_assert_no_error (error);
  g_assert_cmpint (format, ==, expected);

  packed = mp_queue_get_packed (queue, PYTHON_FORMS | MP_FORMATS_ARRAYS, 0, &length, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (packed, length, "\0\0\0\0", 4);
}

/* Messages that may have arrays are not copied as payloads: the call only tells what they are. */
static void
test_arrays (gconstpointer size)
{
  gsize              n = GPOINTER_TO_SIZE (size);
  MpQueue           *queue = mp_queue_new (0, NULL);
  g_autofree guint8 *numbers = g_malloc (n);
  const guint64      shape[] = { n };
  const guintptr     addresses[] = { (guintptr) "pickle+buffers", (guintptr) numbers };
  const gsize        sizes[] = { 15, n };
  g_autoptr (GError) error = NULL;
  MpFormat format;
  gsize    length;

  memset (numbers, 7, n);
  mp_queue_set_codec (queue, "pickle");
  g_assert_null (mp_queue_get_payload (queue, PYTHON_FORMS | MP_FORMATS_ARRAYS, &format, &length, 0,
                                       &error));
  g_assert_no_error (error);
  g_assert_cmpint (format, ==, MP_FORMAT_NONE);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (MpMessage) message = NULL;
      g_autofree guint64 *found = NULL;
      guint               n_dimensions;
      gboolean            fortran_order;
      guintptr            address;

      if (i == 0)
        g_assert_true (mp_queue_put_array (queue, "|u1", shape, 1, FALSE, (guintptr) numbers, n, 0,
                                           &error));
      else
        g_assert_true (mp_queue_put_pieces (queue, MP_FORMAT_OPAQUE, addresses, sizes, 2, 0,
                                            &error));
      g_assert_no_error (error);
      g_assert_true (mp_queue_put_payload (queue, MP_FORMAT_PICKLE, list_pickle,
                                           sizeof list_pickle, 0, &error));
      assert_told (queue, i == 0 ? MP_FORMAT_GVARIANT : MP_FORMAT_OPAQUE);
      g_assert_cmpuint (mp_queue_get_size (queue), ==, 2);

      message = mp_queue_try_get_message (queue, &error);
      g_assert_no_error (error);
      if (i == 0)
        {
          g_assert_cmpstr (mp_message_get_array (message, &found, &n_dimensions, &fortran_order,
                                                 &address, &length, &error),
                           ==, "|u1");
          g_assert_cmpmem ((gconstpointer) address, length, numbers, n);
          if (n >= 4096)
            g_assert_cmpuint (address % 64, ==, 0);
        }
      assert_payload (queue, PYTHON_FORMS | MP_FORMATS_ARRAYS, "pickle", MP_FORMAT_PICKLE,
                      list_pickle, sizeof list_pickle);
    }

  /* For a queue without that codec it is an error, as for other opaque messages. */
  mp_queue_set_codec (queue, NULL);
  g_assert_true (mp_queue_put_pieces (queue, MP_FORMAT_OPAQUE, addresses, sizes, 2, 0, &error));
  g_assert_null (mp_queue_get_payload (queue, PYTHON_FORMS | MP_FORMATS_ARRAYS, &format, &length, 0,
                                       &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_assert_finalize_object (queue);
}

static void
assert_packed (MpQueue      *queue,
               guint         max,
               gconstpointer expected,
               gsize         expected_length)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *data = NULL;
  gsize              length;

  data = mp_queue_get_packed (queue, PYTHON_FORMS, max, &length, 0, &error);
  g_assert_no_error (error);
  g_assert_nonnull (data);
  g_assert_cmpmem (data, length, expected, expected_length);
}

/* Many payloads at once, in several formats, and as many as there is room for. */
static void
test_packed (void)
{
  const guint8 packed[] = "\3\0\0\0\2\0\0\0\7\0\0\0\0\0\0\0\2\3\2"
                          "ab\x80\4]K\1a.";
  const gsize  size = sizeof packed - 1;
  const guint8 first[] = "\1\0\0\0\2\0\0\0\2"
                         "ab";
  MpQueue     *queue = mp_queue_new (3, NULL);
  g_autoptr (GError) error = NULL;
  guint n_put;

  g_assert_cmpint (MP_FORMAT_BYTES, ==, 2);
  g_assert_cmpint (MP_FORMAT_PICKLE, ==, 3);
  g_assert_true (mp_queue_put_packed (queue, packed, size, 0, &n_put, 0, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n_put, ==, 3);
  assert_packed (queue, 0, packed, size);

  g_assert_true (mp_queue_put_data (queue, (const guint8 *) "x", 1, 0, NULL, &error));
  g_assert_false (mp_queue_put_packed (queue, packed, size, 0, &n_put, 0, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n_put, ==, 2);
  assert_payload (queue, PYTHON_FORMS, NULL, MP_FORMAT_BYTES, "x", 1);
  assert_packed (queue, 1, first, sizeof first - 1);
  g_assert_true (mp_queue_put_packed (queue, packed, size, 2, &n_put, 0, &error));
  g_assert_cmpuint (n_put, ==, 1);

  g_assert_finalize_object (queue);
}

/* Opaque messages of the codec are taken whatever they hold, and others are refused by their first
 * bytes, also when they are large, or were returned by a consumer. */
static void
test_prefix (void)
{
  MpJoinableQueue   *queue = mp_joinable_queue_new (0, NULL);
  g_autofree guint8 *large = g_malloc (100000);
  g_autoptr (GError) error = NULL;

  memset (large, 'x', 100000);
  memcpy (large, "pickle+", sizeof "pickle+");
  for (guint i = 0; i < 2; i++)
    {
      MpTask *task;

      g_assert_true (mp_queue_put_payload (MP_QUEUE (queue), MP_FORMAT_OPAQUE, large, 100000, 0,
                                           &error));
      if (i == 1)
        {
          task = mp_joinable_queue_get_task (queue, 0, NULL, &error);
          g_assert_true (mp_task_retry (task, &error));
          g_object_unref (task);
        }

      g_assert_null (get_payload (MP_QUEUE (queue), "pickle", &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
      g_assert_nonnull (strstr (error->message, "pickle+"));
      g_clear_error (&error);

      assert_payload (MP_QUEUE (queue), PYTHON_FORMS, "pickle+", MP_FORMAT_OPAQUE, large + 8,
                      100000 - 8);
      g_assert_true (mp_joinable_queue_task_done (queue, &error));
    }

  g_assert_true (mp_queue_put_payload (MP_QUEUE (queue), MP_FORMAT_OPAQUE,
                                       (const guint8 *) "pickle\0ab", 9, 0, &error));
  g_assert_null (get_payload (MP_QUEUE (queue), "pick", &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  assert_payload (MP_QUEUE (queue), PYTHON_FORMS, "pickle", MP_FORMAT_OPAQUE, "ab", 2);
  g_assert_true (mp_joinable_queue_task_done (queue, &error));

  g_assert_finalize_object (queue);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/queue/payload/forms", test_forms);
  g_test_add_func ("/queue/payload/pieces", test_pieces);
  g_test_add_data_func ("/queue/payload/arrays/small", GSIZE_TO_POINTER (9), test_arrays);
  g_test_add_data_func ("/queue/payload/arrays/large", GSIZE_TO_POINTER (3000000), test_arrays);
  g_test_add_func ("/queue/payload/packed", test_packed);
  g_test_add_func ("/queue/payload/accepted", test_accepted);
  g_test_add_func ("/queue/payload/nothing-there", test_nothing_there);
  g_test_add_func ("/queue/payload/refused", test_refused);
  g_test_add_func ("/queue/payload/codecs", test_codecs);
  g_test_add_func ("/queue/payload/prefix", test_prefix);

  return g_test_run ();
}
