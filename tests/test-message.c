/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-message.h"
#include "mp-message-private.h"
#include "mp-enum-types.h"
#include "mp-error.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* What another process makes of the payload of @message. */
static MpMessage *
deliver (MpMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) payload = mp_message_ref_payload (message, &error);
  MpMessage *delivered;

  g_assert_no_error (error);
  g_assert_cmpuint (mp_message_get_size (message), ==, g_bytes_get_size (payload));
  delivered =
    mp_message_new_from_payload (mp_message_get_format (message), payload, &error);
  g_assert_no_error (error);
  g_assert_cmpint (mp_message_get_format (delivered), ==, mp_message_get_format (message));

  return delivered;
}

static void
test_message_variant (void)
{
  g_autoptr (GVariant) value =
    g_variant_ref_sink (g_variant_new_parsed ("{'a': <1>, 'b': <[<1>, <'x'>]>}"));
  g_autoptr (MpMessage) message = mp_message_new_variant (value);
  g_autoptr (MpMessage) delivered = deliver (message);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) got = mp_message_get_variant (delivered, &error);
  g_autoptr (GVariant) again = mp_message_get_variant (delivered, &error);

  g_assert_no_error (error);
  g_assert_cmpvariant (got, value);
  g_assert_true (got == again);
  g_assert_cmpint (mp_message_get_format (message), ==, MP_FORMAT_GVARIANT);
  g_assert_null (mp_message_get_codec (message));
}

static void
test_message_variant_floating (void)
{
  GVariant *value = g_variant_new_int64 (7);
  g_autoptr (MpMessage) message = mp_message_new_variant (value);
  g_autoptr (GVariant) got = mp_message_get_variant (message, NULL);

  g_assert_false (g_variant_is_floating (got));
  g_assert_cmpint (g_variant_get_int64 (got), ==, 7);
}

static void
test_message_variant_untrusted (void)
{
  static const guint8 two[] = { 2 };
  GVariant *value = g_variant_new_from_data (G_VARIANT_TYPE_BOOLEAN, two, sizeof two,
                                             FALSE, NULL, NULL);
  g_autoptr (MpMessage) message = mp_message_new_variant (value);
  g_autoptr (MpMessage) delivered = deliver (message);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) got = mp_message_get_variant (delivered, &error);

  g_assert_no_error (error);
  g_assert_true (g_variant_is_of_type (got, G_VARIANT_TYPE_BOOLEAN));
}

static void
test_message_bytes (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("a\0b", 3);
  g_autoptr (MpMessage) message = mp_message_new_bytes (bytes);
  g_autoptr (MpMessage) delivered = deliver (message);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) got = mp_message_get_bytes (delivered, &error);
  g_autoptr (GVariant) variant = NULL;

  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (got, bytes));

  variant = mp_message_get_variant (delivered, &error);
  g_assert_no_error (error);
  g_assert_cmpvariant (variant, g_variant_new_parsed ("@ay [97, 0, 98]"));
}

static void
test_message_bytes_empty (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new (NULL, 0);
  g_autoptr (MpMessage) message = mp_message_new_bytes (bytes);
  g_autoptr (MpMessage) delivered = deliver (message);
  g_autoptr (GVariant) variant = mp_message_get_variant (delivered, NULL);
  g_autoptr (GBytes) got = mp_message_get_bytes (delivered, NULL);

  g_assert_cmpvariant (variant, g_variant_new_parsed ("@ay []"));
  g_assert_cmpuint (g_bytes_get_size (got), ==, 0);
}

static void
test_message_variant_as_bytes (void)
{
  g_autoptr (MpMessage) message =
    mp_message_new_variant (g_variant_new_parsed ("@ay [1, 2]"));
  g_autoptr (MpMessage) other = mp_message_new_variant (g_variant_new_int64 (1));
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = mp_message_get_bytes (message, &error);

  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "\1\2", 2);

  g_assert_null (mp_message_get_bytes (other, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
}

static void
test_message_opaque (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("code", 4);
  g_autoptr (MpMessage) message = mp_message_new_opaque (bytes, "dill");
  g_autoptr (MpMessage) delivered = deliver (message);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) got = mp_message_get_bytes (delivered, &error);
  gsize length;

  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (got, bytes));
  g_assert_cmpstr (mp_message_get_codec (delivered), ==, "dill");

  g_assert_null (mp_message_get_variant (delivered, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  g_assert_null (mp_message_get_pickle (delivered, &length, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
}

static void
test_message_malformed (void)
{
  static const struct { MpFormat format; const char *payload; gsize size; } rows[] = {
    { MP_FORMAT_OPAQUE, "", 0 },
    { MP_FORMAT_OPAQUE, "dill", 4 },
    { MP_FORMAT_OPAQUE, "\0code", 5 },
    { MP_FORMAT_OPAQUE, "\xff\0code", 6 },
    { (MpFormat) 6, "", 0 },
    { (MpFormat) -1, "", 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GBytes) payload = g_bytes_new (rows[i].payload, rows[i].size);
      g_autoptr (GError) error = NULL;

      g_assert_null (mp_message_new_from_payload (rows[i].format, payload, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
    }
}

static void
test_message_malformed_variant (void)
{
  g_autoptr (GBytes) payload = g_bytes_new_static ("\2\0bl", 4);
  g_autoptr (GError) error = NULL;
  g_autoptr (MpMessage) message =
    mp_message_new_from_payload (MP_FORMAT_GVARIANT, payload, &error);

  g_assert_no_error (error);
  g_assert_null (mp_message_get_variant (message, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
  g_clear_error (&error);
  g_assert_null (mp_message_get_bytes (message, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
}

static void
test_message_descriptors (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("x", 1);
  MpMessage *message = mp_message_new_bytes (bytes);
  int fds[2], fd;
  GUnixFDList *list;

  g_assert_no_errno (pipe2 (fds, O_CLOEXEC));
  g_assert_null (mp_message_get_fd_list (message));

  fd = fds[1];
  list = g_unix_fd_list_new_from_array (&fd, 1);
  mp_message_set_fd_list (message, list);
  g_assert_true (mp_message_get_fd_list (message) == list);
  g_object_unref (list);

  /* The descriptor goes with the message. */
  mp_message_unref (message);
  g_assert_cmpint (fcntl (fds[1], F_GETFD), ==, -1);
  close (fds[0]);
}

static void
test_message_boxed (void)
{
  g_autoptr (MpMessage) message = mp_message_new_json ("1");
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, MP_TYPE_MESSAGE);
  g_value_set_boxed (&value, message);
  g_assert_true (g_value_get_boxed (&value) == message);
  g_assert_cmpint (mp_message_get_format (message), ==, MP_FORMAT_JSON);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/message/variant", test_message_variant);
  g_test_add_func ("/message/variant/floating", test_message_variant_floating);
  g_test_add_func ("/message/variant/untrusted", test_message_variant_untrusted);
  g_test_add_func ("/message/variant/as-bytes", test_message_variant_as_bytes);
  g_test_add_func ("/message/bytes", test_message_bytes);
  g_test_add_func ("/message/bytes/empty", test_message_bytes_empty);
  g_test_add_func ("/message/opaque", test_message_opaque);
  g_test_add_func ("/message/malformed", test_message_malformed);
  g_test_add_func ("/message/malformed/variant", test_message_malformed_variant);
  g_test_add_func ("/message/descriptors", test_message_descriptors);
  g_test_add_func ("/message/boxed", test_message_boxed);

  return g_test_run ();
}
