/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-message.h"
#include "message/mp-message-private.h"
#include "mp-enum-types.h"
#include "mp-error.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Creates a message from the payload of @message, as another process does. */
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
assert_is (GVariant   *value,
           const char *text)
{
  g_autoptr (GVariant) expected = g_variant_ref_sink (g_variant_new_parsed (text));

  g_assert_cmpvariant (value, expected);
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
  GVariant           *value = g_variant_new_from_data (G_VARIANT_TYPE_BOOLEAN, two, sizeof two,
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
  assert_is (variant, "@ay [97, 0, 98]");
}

static void
test_message_bytes_empty (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new (NULL, 0);
  g_autoptr (MpMessage) message = mp_message_new_bytes (bytes);
  g_autoptr (MpMessage) delivered = deliver (message);
  g_autoptr (GVariant) variant = mp_message_get_variant (delivered, NULL);
  g_autoptr (GBytes) got = mp_message_get_bytes (delivered, NULL);

  assert_is (variant, "@ay []");
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
  g_assert_nonnull (strstr (error->message, "dill"));
  g_clear_error (&error);
  g_assert_null (mp_message_get_pickle (delivered, &length, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
}

/* The same value, converted from every format to every other that can represent it. */
static void
test_message_convert (void)
{
  static const char json[] = "{\"a\":1,\"b\":[1,2.5,\"x\"],\"c\":null}";
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_parsed (
    "{'a': <int64 1>, 'b': <[<int64 1>, <2.5>, <'x'>]>, 'c': <@mv nothing>}"));
  g_autoptr (MpMessage) first = mp_message_new_json (json);
  g_autoptr (GError) error = NULL;
  gsize              length;
  g_autofree guint8 *pickle = mp_message_get_pickle (first, &length, &error);
  MpMessage         *messages[] = {
            g_steal_pointer (&first),
            mp_message_new_variant (value),
            mp_message_new_pickle (pickle, length),
  };

  for (guint i = 0; i < G_N_ELEMENTS (messages); i++)
    {
      g_autoptr (MpMessage) message = deliver (messages[i]);
      g_autoptr (GVariant) as_variant = mp_message_get_variant (message, &error);
      g_autofree char   *as_json = mp_message_get_json (message, &error);
      gsize              as_length;
      g_autofree guint8 *as_pickle = mp_message_get_pickle (message, &as_length, &error);

      g_assert_no_error (error);
      g_assert_cmpvariant (as_variant, value);
      g_assert_cmpstr (as_json, ==, json);
      g_assert_cmpmem (as_pickle, as_length, pickle, length);
      mp_message_unref (messages[i]);
    }
}

/* The conversion that a connection requests if its peer expects one format. */
static void
test_message_convert_payload (void)
{
  g_autoptr (MpMessage) message = mp_message_new_json ("[1]");
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) first = mp_message_convert_payload (message, MP_FORMAT_PICKLE, &error);
  g_autoptr (GBytes) again = mp_message_convert_payload (message, MP_FORMAT_PICKLE, &error);
  g_autoptr (GBytes) own = mp_message_convert_payload (message, MP_FORMAT_JSON, &error);

  g_assert_no_error (error);
  g_assert_true (first == again);
  g_assert_cmpmem (g_bytes_get_data (first, NULL), g_bytes_get_size (first),
                   "\x80\4](J\1\0\0\0e.", 11);
  g_assert_cmpmem (g_bytes_get_data (own, NULL), g_bytes_get_size (own), "[1]", 3);

  g_assert_null (mp_message_convert_payload (message, MP_FORMAT_BYTES, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  g_assert_null (mp_message_convert_payload (message, MP_FORMAT_OBJECT, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
}

/* A message that cannot be read is not sent either. */
static void
test_message_refused_payload (void)
{
  static const char call[] = "cos\nsystem\n(Vx\ntR.";
  g_autoptr (MpMessage) pickle =
    mp_message_new_pickle ((const guint8 *) call, sizeof call - 1);
  g_autoptr (MpMessage) json = mp_message_new_json ("[1,]");
  g_autoptr (GError) error = NULL;
  gsize length;

  g_assert_null (mp_message_ref_payload (pickle, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "os.system"));
  g_clear_error (&error);
  g_assert_null (mp_message_get_pickle (pickle, &length, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_clear_error (&error);

  g_assert_null (mp_message_ref_payload (json, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
  g_clear_error (&error);
  g_assert_null (mp_message_get_json (json, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
}

static gpointer
convert_in_thread (gpointer message)
{
  return mp_message_get_variant (message, NULL);
}

/* The first thread converts, and all get the same result. */
static void
test_message_threads (void)
{
  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (MpMessage) message = mp_message_new_json ("[1,{\"a\":2}]");
      GThread  *threads[4];
      GVariant *values[4];

      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        threads[j] = g_thread_new ("convert", convert_in_thread, message);
      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        values[j] = g_thread_join (threads[j]);

      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        {
          g_assert_true (values[j] == values[0]);
          g_variant_unref (values[j]);
        }
    }
}

static void
test_message_malformed (void)
{
  static const struct
  {
    MpFormat    format;
    const char *payload;
    gsize       size;
  } rows[] = {
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
  MpMessage   *message = mp_message_new_bytes (bytes);
  int          fds[2], fd;
  GUnixFDList *list;

  g_assert_no_errno (pipe2 (fds, O_CLOEXEC));
  g_assert_null (mp_message_get_fd_list (message));

  fd = fds[1];
  list = g_unix_fd_list_new_from_array (&fd, 1);
  mp_message_set_fd_list (message, list);
  g_assert_true (mp_message_get_fd_list (message) == list);
  g_object_unref (list);

  /* The descriptor is closed with the message. */
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

/* Short bytes are in the message itself. */
static void
test_message_data (void)
{
  static const gsize sizes[] = { 0, 1, 4096, 4097, 100000 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree guint8 *data = g_malloc0 (MAX (1, sizes[i]));
      g_autoptr (MpMessage) message = mp_message_new_data (data, sizes[i]);
      g_autoptr (MpMessage) delivered = deliver (message);
      g_autoptr (GBytes) bytes = mp_message_get_bytes (message, NULL);
      g_autoptr (GVariant) variant = mp_message_get_variant (message, NULL);
      const guint8 *got;
      gsize         size;

      g_assert_cmpint (mp_message_get_format (message), ==, MP_FORMAT_BYTES);
      g_assert_cmpuint (mp_message_get_size (message), ==, sizes[i]);
      g_assert_cmpuint (g_variant_get_size (variant), ==, sizes[i]);
      g_assert_null (mp_message_get_fd_list (message));
      mp_message_set_fd_list (message, NULL);
      for (int round = 0; round < 2; round++)
        {
          got = mp_message_get_data (round == 0 ? message : delivered, &size);
          g_assert_cmpmem (got, size, data, sizes[i]);
        }

      /* The bytes stay when the message goes. */
      g_clear_pointer (&message, mp_message_unref);
      g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), data, sizes[i]);
    }
}

static void
test_message_data_of_others (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("abc", 3);
  g_autoptr (MpMessage) opaque = mp_message_new_opaque (bytes, "codec");
  g_autoptr (MpMessage) json = mp_message_new_json ("1");
  gsize         size;
  const guint8 *data = mp_message_get_data (opaque, &size);

  g_assert_cmpmem (data, size, "abc", 3);
  g_assert_null (mp_message_get_data (json, &size));
  g_assert_cmpuint (size, ==, 0);
}

static void
test_message_array (void)
{
  const double  numbers[] = { 1.5, 2.5, 3.5, 4.5, 5.5, 6.5 };
  const guint64 shape[] = { 2, 3 };
  g_autoptr (MpMessage) message =
    mp_message_new_array ("<f8", shape, 2, TRUE, (const guint8 *) numbers, sizeof numbers);
  g_autoptr (GVariant) value = NULL;
  g_autofree guint64 *found = NULL;
  g_autoptr (GError) error = NULL;
  guint       n_dimensions;
  gboolean    fortran_order;
  guintptr    address;
  gsize       length;
  const char *type;

  g_assert_cmpint (mp_message_get_format (message), ==, MP_FORMAT_GVARIANT);
  value = mp_message_get_variant (message, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_type_string (value), ==, "(a{sv}ay)");

  type = mp_message_get_array (message, &found, &n_dimensions, &fortran_order, &address, &length,
                               &error);
  g_assert_no_error (error);
  g_assert_cmpstr (type, ==, "<f8");
  g_assert_cmpmem (found, n_dimensions * sizeof *found, shape, sizeof shape);
  g_assert_true (fortran_order);
  g_assert_cmpmem ((gconstpointer) address, length, numbers, sizeof numbers);
}

static void
test_message_array_refused (void)
{
  g_autoptr (MpMessage) other = mp_message_new_variant (g_variant_new_int32 (1));
  g_autoptr (MpMessage) data = mp_message_new_data ((const guint8 *) "x", 1);
  g_autoptr (GBytes) garbage = g_bytes_new_static ("x\0(a{sv}ay)l", 12);
  g_autoptr (MpMessage) malformed = NULL;
  g_autoptr (GError) error = NULL;
  guint64 *shape;
  guint    n_dimensions;
  gboolean fortran_order;
  guintptr address;
  gsize    length;

  malformed = mp_message_new_from_payload (MP_FORMAT_GVARIANT, garbage, &error);
  g_assert_no_error (error);
  g_assert_null (mp_message_get_array (other, &shape, &n_dimensions, &fortran_order, &address,
                                       &length, &error));
  g_assert_null (mp_message_get_array (data, &shape, &n_dimensions, &fortran_order, &address,
                                       &length, &error));
  g_assert_no_error (error);
  g_assert_null (mp_message_get_array (malformed, &shape, &n_dimensions, &fortran_order, &address,
                                       &length, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
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
  g_test_add_func ("/message/data", test_message_data);
  g_test_add_func ("/message/data/of-others", test_message_data_of_others);
  g_test_add_func ("/message/opaque", test_message_opaque);
  g_test_add_func ("/message/convert", test_message_convert);
  g_test_add_func ("/message/convert/payload", test_message_convert_payload);
  g_test_add_func ("/message/convert/refused", test_message_refused_payload);
  g_test_add_func ("/message/convert/threads", test_message_threads);
  g_test_add_func ("/message/malformed", test_message_malformed);
  g_test_add_func ("/message/malformed/variant", test_message_malformed_variant);
  g_test_add_func ("/message/array", test_message_array);
  g_test_add_func ("/message/array/refused", test_message_array_refused);
  g_test_add_func ("/message/descriptors", test_message_descriptors);
  g_test_add_func ("/message/boxed", test_message_boxed);

  return g_test_run ();
}
