/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <string.h>

/* [1], and the name of a function. */
static const guint8 list_pickle[] = { 0x80, 4, ']', 'K', 1, 'a', '.' };
static const guint8 function_pickle[] = "\x80\x03"
                                        "cos\ngetcwd\n.";

static void
assert_loadable (MpQueue      *queue,
                 const char   *codec,
                 int           expected_format,
                 gconstpointer expected,
                 gsize         expected_length)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *data = NULL;
  gsize              length;
  int                format;

  data = mp_queue_get_loadable (queue, codec, 0, &format, &length, &error);
  g_assert_no_error (error);
  g_assert_nonnull (data);
  g_assert_cmpint (format, ==, expected_format);
  g_assert_cmpmem (data, length, expected, expected_length);
}

static void
test_forms (void)
{
  MpQueue     *queue = mp_queue_new (0, NULL);
  const guint8 yes[] = { 0x80, 4, 0x88, '.' };
  g_autoptr (GError) error = NULL;

  g_assert_true (
    mp_queue_put_loadable (queue, (const guint8 *) "abc", 3, MP_FORMAT_BYTES, 0, &error));
  g_assert_true (mp_queue_put_loadable (queue, NULL, 0, MP_FORMAT_BYTES, 0, &error));
  g_assert_true (mp_queue_put_loadable (queue, list_pickle, sizeof list_pickle, MP_FORMAT_PICKLE, 0,
                                        &error));
  g_assert_true (mp_queue_put_json (queue, "true", 0, NULL, &error));
  g_assert_no_error (error);

  assert_loadable (queue, NULL, MP_FORMAT_BYTES, "abc", 3);
  assert_loadable (queue, NULL, MP_FORMAT_BYTES, "", 0);
  assert_loadable (queue, NULL, MP_FORMAT_PICKLE, list_pickle, sizeof list_pickle);
  assert_loadable (queue, NULL, MP_FORMAT_PICKLE, yes, sizeof yes);

  g_assert_finalize_object (queue);
}

static void
test_nothing_there (void)
{
  MpQueue *queue = mp_queue_new (1, NULL);
  g_autoptr (GError) error = NULL;
  gsize length;
  int   format;

  for (gint64 timeout_us = 0; timeout_us <= 1000; timeout_us += 1000)
    {
      g_assert_null (mp_queue_get_loadable (queue, NULL, timeout_us, &format, &length, &error));
      g_assert_no_error (error);
      g_assert_cmpint (format, ==, -1);
    }

  g_assert_true (mp_queue_put_loadable (queue, list_pickle, sizeof list_pickle, MP_FORMAT_PICKLE, 0,
                                        &error));
  g_assert_false (mp_queue_put_loadable (queue, list_pickle, sizeof list_pickle, MP_FORMAT_PICKLE,
                                         1000, &error));
  g_assert_no_error (error);

  g_assert_finalize_object (queue);
}

static void
test_refused_pickles (void)
{
  MpQueue *queue = mp_queue_new (0, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (mp_queue_put_loadable (queue, function_pickle, sizeof function_pickle - 1,
                                         MP_FORMAT_PICKLE, 0, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "os.getcwd"));
  g_clear_error (&error);

  g_assert_false (mp_queue_put_pickle (queue, function_pickle, sizeof function_pickle - 1, 0, NULL,
                                       &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);

  g_assert_false (mp_queue_try_put_pickle (queue, list_pickle, sizeof list_pickle - 1, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
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
  gsize length;
  int   format;

  g_assert_true (mp_queue_put_message (queue, message, 0, NULL, &error));
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_assert_null (mp_queue_get_loadable (queue, wrong[i], 0, &format, &length, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
      g_assert_nonnull (strstr (error->message, "dill"));
      g_assert_cmpint (format, ==, -1);
      g_clear_error (&error);
    }
  assert_loadable (queue, "dill", MP_FORMAT_OPAQUE, "payload", 7);

  g_assert_finalize_object (queue);
}

static void
test_flush (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *large = g_malloc0 (1 << 22);
  MpConnection      *first, *second;

  g_assert_true (mp_pipe (TRUE, &first, &second, &error));
  g_assert_true (mp_connection_flush (first, 0, NULL, &error));
  /* It begins to leave, so that it counts as sent. */
  g_assert_true (mp_connection_send_data (first, large, 1 << 22, 0, NULL, &error));
  g_assert_false (mp_connection_flush (first, 1000, NULL, &error));
  g_assert_no_error (error);

  g_assert_finalize_object (second);
  g_assert_false (mp_connection_flush (first, -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  g_assert_finalize_object (first);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/queue/loadable/forms", test_forms);
  g_test_add_func ("/queue/loadable/nothing-there", test_nothing_there);
  g_test_add_func ("/queue/loadable/refused-pickles", test_refused_pickles);
  g_test_add_func ("/queue/loadable/codecs", test_codecs);
  g_test_add_func ("/connection/flush", test_flush);

  return g_test_run ();
}
