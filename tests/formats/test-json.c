/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "formats/format.h"
#include "formats/gvariant-reader.h"
#include "formats/gvariant.h"
#include "mp-error.h"
#include "test-usage.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

static GBytes *
convert (MpFormat    from,
         const char *data,
         gssize      size,
         MpFormat    to,
         GError    **error)
{
  g_autoptr (GBytes) payload = g_bytes_new_static (data, size < 0 ? strlen (data) : (gsize) size);

  return mp_format_convert (from, payload, to, error);
}

static GVariant *
load (const char *json,
      gssize      size,
      GError    **error)
{
  g_autoptr (GBytes) payload =
    convert (MP_FORMAT_JSON, json, size, MP_FORMAT_GVARIANT, error);
  g_autoptr (GVariant) value = NULL;

  if (payload == NULL)
    return NULL;

  /* The output of our writers has to pass the checks for untrusted input. */
  value = mp_gvariant_load_payload (payload, error);
  g_assert_no_error (*error);
  return g_steal_pointer (&value);
}

/* Returns NULL if there is none, with @code in the error. */
static char *
write_variant (GVariant *variant,
               int       code)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (variant);
  gsize            size = mp_gvariant_get_payload_size (value);
  g_autofree char *data = g_malloc (size);
  g_autoptr (GBytes) json = NULL;
  g_autoptr (GError) error = NULL;

  mp_gvariant_store_payload (value, (guint8 *) data);
  json = convert (MP_FORMAT_GVARIANT, data, size, MP_FORMAT_JSON, &error);
  if (json == NULL)
    {
      g_assert_error (error, MP_ERROR, code);
      return NULL;
    }

  g_assert_no_error (error);
  return g_strndup (g_bytes_get_data (json, NULL), g_bytes_get_size (json));
}

typedef struct
{
  const char *json;
  const char *value;
} Row;

static const Row rows[] = {
  { "null", "@mv nothing" },
  { "true", "true" },
  { "false", "false" },
  { "0", "int64 0" },
  { "-0", "int64 0" },
  { "-7", "int64 -7" },
  { "9223372036854775807", "int64 9223372036854775807" },
  { "-9223372036854775808", "int64 -9223372036854775808" },
  { "0.5", "0.5" },
  { "-0.0", "-0.0" },
  { "1.0", "1.0" },
  { "1e3", "1000.0" },
  { "1E+3", "1000.0" },
  { "1.5e-3", "0.0015" },
  { "0.1", "0.1" },
  { "123456789012345.678", "123456789012345.678" },
  { "1.7976931348623157e308", "1.7976931348623157e308" },
  { "9007199254740993.0", "9007199254740992.0" },
  { "0.000000000000000000000000000000000000000000000000000000000000000000000000000001",
    "1e-78" },
  { "\"\"", "''" },
  { "\"text\"", "'text'" },
  { "\"é€😀\"", "'é€😀'" },
  { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "'\"\\\\/\\b\\f\\n\\r\\t'" },
  { "\"\\u0041\\u00e9\\u20AC\"", "'Aé€'" },
  { "\"\\ud83d\\ude00!\"", "'😀!'" },
  { "[]", "@av []" },
  { "[1,\"a\",null]", "[<int64 1>, <'a'>, <@mv nothing>]" },
  { "{}", "@a{sv} {}" },
  { "{\"a\":1,\"b\":[1,2.5,\"x\"],\"c\":null}",
    "{'a': <int64 1>, 'b': <[<int64 1>, <2.5>, <'x'>]>, 'c': <@mv nothing>}" },
  { "[[[]],{\"\":{}}]", "[<[<@av []>]>, <{'': <@a{sv} {}>}>]" },
  { " \t\n\r[ 1 , { \"a\" : true } ] \n", "[<int64 1>, <{'a': <true>}>]" },
};

static void
test_json_read (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GVariant) expected = g_variant_ref_sink (g_variant_new_parsed (rows[i].value));
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = load (rows[i].json, -1, &error);

      g_assert_no_error (error);
      g_assert_cmpvariant (value, expected);
    }
}

/* The same as json-glib alone, which has no integer above 2^63. */
static void
test_json_json_glib (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = load (rows[i].json, -1, &error);
      g_autoptr (GVariant) expected = NULL;
      g_autofree char *ours = NULL;
      g_autoptr (JsonNode) ours_node = NULL;
      g_autoptr (JsonNode) expected_node = NULL;

      expected = g_variant_ref_sink (json_gvariant_deserialize_data (rows[i].json, -1, NULL,
                                                                     &error));
      g_assert_no_error (error);
      g_assert_cmpvariant (value, expected);

      ours = write_variant (value, 0);
      ours_node = json_from_string (ours, &error);
      g_assert_no_error (error);
      expected_node = json_gvariant_serialize (value);
      g_assert_true (json_node_equal (ours_node, expected_node));
    }
}

static void
test_json_large_numbers (void)
{
  static const Row large[] = {
    { "9223372036854775808", "uint64 9223372036854775808" },
    { "18446744073709551615", "uint64 18446744073709551615" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (large); i++)
    {
      g_autoptr (GVariant) expected =
        g_variant_ref_sink (g_variant_new_parsed (large[i].value));
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = load (large[i].json, -1, &error);

      g_assert_no_error (error);
      g_assert_cmpvariant (value, expected);
    }
}

/* Exactly the value that the C library reads. */
static void
test_json_doubles (void)
{
  static const char *const texts[] = {
    "18446744073709551616",
    "-9223372036854775809",
    "1180591620717411303424",
    "123456789012345678901234567890123456789012345678901234567890123456789012345678",
    "1e400",
    "-1e400",
    "1e-400",
    "1e99999999999999999999",
    "0e99999999999999999999",
    "1e-99999999999999999999",
    "5e-324",
    "2.2250738585072011e-308",
    "9007199254740993.0",
    "9007199254740992e22",
    "9007199254740991e-22",
    "1e22",
    "1e23",
    "8.5e-23",
    "-123.456e-5",
    "0.0000000000000000000001",
    "179769313486231570000e289",
    "4.35",
    "0.1e1",
    "100e-2",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = load (texts[i], -1, &error);
      double expected = g_ascii_strtod (texts[i], NULL), got;

      g_assert_no_error (error);
      g_assert_true (g_variant_is_of_type (value, G_VARIANT_TYPE_DOUBLE));
      got = g_variant_get_double (value);
      g_assert_cmpmem (&got, sizeof got, &expected, sizeof expected);
    }
}

/* A written double is read back as the same number, and not as an integer. */
static void
test_json_doubles_round_trip (void)
{
  for (guint i = 0; i < 10000; i++)
    {
      guint64          bits = (guint64) g_test_rand_int () << 32 | (guint32) g_test_rand_int ();
      double           number, got;
      g_autofree char *json = NULL;
      g_autoptr (GVariant) value = NULL;
      g_autoptr (GError) error = NULL;

      memcpy (&number, &bits, sizeof number);
      if (i % 2 == 0)
        number = g_test_rand_int () / 1000.0;
      if (!isfinite (number))
        continue;

      json = write_variant (g_variant_new_double (number), 0);
      value = load (json, -1, &error);
      g_assert_no_error (error);
      g_assert_true (g_variant_is_of_type (value, G_VARIANT_TYPE_DOUBLE));
      got = g_variant_get_double (value);
      g_assert_cmpmem (&got, sizeof got, &number, sizeof number);
    }
}

static void
test_json_malformed (void)
{
  static const struct
  {
    const char *json;
    gssize      size;
    gsize       offset;
  } malformed[] = {
    { "", -1, 0 },
    { "  ", -1, 2 },
    { "nul", -1, 0 },
    { "nulll", -1, 4 },
    { "True", -1, 0 },
    { "NaN", -1, 0 },
    { "Infinity", -1, 0 },
    { "-Infinity", -1, 1 },
    { "undefined", -1, 0 },
    { "01", -1, 0 },
    { "-01", -1, 1 },
    { "+1", -1, 0 },
    { ".5", -1, 0 },
    { "1.", -1, 2 },
    { "1.e5", -1, 2 },
    { "1e", -1, 2 },
    { "1e+", -1, 3 },
    { "-", -1, 1 },
    { "0x10", -1, 1 },
    { "1_000", -1, 1 },
    { "'a'", -1, 0 },
    { "\"a", -1, 2 },
    { "\"\\\"", -1, 3 },
    { "\"a\nb\"", -1, 2 },
    { "\"\\x41\"", -1, 1 },
    { "\"\\u12g4\"", -1, 5 },
    { "\"\\u12", -1, 5 },
    { "\"\\ud83d\\uzzzz\"", -1, 9 },
    { "\"\xff\"", -1, 1 },
    { "\"\xed\xa0\x80\"", -1, 1 },
    { "\"\xc0\x80\"", -1, 1 },
    { "\"a\0b\"", 5, 2 },
    { "1\0", 2, 1 },
    { "[", -1, 1 },
    { "[1", -1, 2 },
    { "[1,", -1, 3 },
    { "[1,]", -1, 3 },
    { "[,1]", -1, 2 },
    { "[1 2]", -1, 2 },
    { "[1}", -1, 2 },
    { "]", -1, 0 },
    { "[]]", -1, 2 },
    { "{", -1, 1 },
    { "{1:2}", -1, 1 },
    { "{\"a\"}", -1, 4 },
    { "{\"a\":}", -1, 6 },
    { "{\"a\":1,}", -1, 7 },
    { "{\"a\":1 \"b\":2}", -1, 6 },
    { "{\"a\":1]", -1, 6 },
    { "{a:1}", -1, 1 },
    { "[1] // no", -1, 4 },
    { "/* no */ 1", -1, 0 },
    { "1 2", -1, 2 },
    { "\xef\xbb\xbf"
      "1",
      -1, 0 },
    { "{\"a\",1}", -1, 4 },
    { "[]{}", -1, 2 },
    { "var a = 1;", -1, 0 },
    { "[- 1]", -1, 2 },
    { "{\"a\"::1}", -1, 6 },
    { "[\n1,\n 2 3]", -1, 7 },
    { "{12345678901234567890:1}", -1, 1 },
    { "[\"a\"-1234567890123456789]", -1, 4 },
    { "[\"\\u0000\" 1]", -1, 9 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (malformed); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *where = g_strdup_printf ("at byte %" G_GSIZE_FORMAT,
                                                malformed[i].offset);
      g_autofree char *shown = g_strescape (malformed[i].json, NULL);
      g_autoptr (GBytes) payload = NULL;

      g_test_message ("%s", shown);
      g_assert_null (load (malformed[i].json, malformed[i].size, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
      g_assert_true (g_str_has_suffix (error->message, where));
      g_clear_error (&error);

      payload = g_bytes_new_static (malformed[i].json,
                                    malformed[i].size < 0 ? strlen (malformed[i].json)
                                                          : (gsize) malformed[i].size);
      g_assert_null (mp_format_check (MP_FORMAT_JSON, payload, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
    }
}

static void
test_json_unsupported (void)
{
  static const struct
  {
    const char *json;
    const char *part;
  } unsupported[] = {
    { "\"a\\u0000b\"", "NUL" },
    { "\"\\ud83d\"", "surrogate" },
    { "\"\\ude00\"", "surrogate" },
    { "\"\\ud83dx\"", "surrogate" },
    { "\"\\ud83d\\u0041\"", "surrogate" },
    { "{\"a\":1,\"a\":2}", "twice" },
    { "{\"a\":1,\"\\u0061\":2}", "twice" },
    { "{\"1\":1,\"2\":2,\"3\":3,\"4\":4,\"5\":5,\"6\":6,\"7\":7,\"8\":8,\"9\":9,\"3\":0}",
      "twice" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (unsupported); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (load (unsupported[i].json, -1, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
      g_assert_nonnull (strstr (error->message, unsupported[i].part));
    }
}

static void
test_json_deep (void)
{
  static const struct
  {
    guint n;
    int   code;
  } depths[] = {
    { 61, -1 },
    { 62, MP_ERROR_UNSUPPORTED },
    { 128, MP_ERROR_UNSUPPORTED },
    { 129, MP_ERROR_INVALID_MESSAGE },
    { 10000, MP_ERROR_INVALID_MESSAGE },
    { 1000000, MP_ERROR_INVALID_MESSAGE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (depths); i++)
    {
      g_autoptr (GString) json = g_string_new (NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = NULL;
      g_autoptr (GBytes) payload = NULL;
      g_autoptr (GBytes) checked = NULL;

      for (guint j = 0; j < depths[i].n; j++)
        g_string_append_c (json, '[');
      for (guint j = 0; j < depths[i].n; j++)
        g_string_append_c (json, ']');

      value = load (json->str, -1, &error);
      if (depths[i].code == -1)
        g_assert_no_error (error);
      else
        g_assert_error (error, MP_ERROR, depths[i].code);
      g_clear_error (&error);

      /* As text it may be nested a little deeper. */
      payload = g_bytes_new_static (json->str, json->len);
      checked = mp_format_check (MP_FORMAT_JSON, payload, &error);
      if (depths[i].n <= 128)
        g_assert_no_error (error);
      else
        g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
    }
}

/* Names with the same hash in json-glib's table of members. */
static void
test_json_colliding_names (void)
{
  const guint n_bits = test_is_under_valgrind () ? 12 : 15;
  g_autoptr (GString) json = g_string_new ("{");
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;
  gint64 start;

  for (guint i = 0; i < 1u << n_bits; i++)
    {
      g_string_append (json, i > 0 ? ",\"" : "\"");
      for (guint j = 0; j < n_bits; j++)
        g_string_append (json, i >> j & 1 ? "Ez" : "FY");
      g_string_append (json, "\":0");
    }
  g_string_append_c (json, '}');
  g_assert_cmpuint (g_str_hash ("Ez"), ==, g_str_hash ("FY"));

  start = g_get_monotonic_time ();
  value = load (json->str, json->len, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (value), ==, 1u << n_bits);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 5 * G_TIME_SPAN_SECOND);
}

/* Values that would need much more memory than their text. */
static void
test_json_many_values (void)
{
  g_autoptr (GString) json = g_string_new ("[");
  g_autoptr (GBytes) payload = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 1 << 21; i++)
    g_string_append (json, "{},");
  g_string_append (json, "0]");

  payload = g_bytes_new_static (json->str, json->len);
  g_assert_null (mp_format_check (MP_FORMAT_JSON, payload, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_TOO_LARGE);
}

static void
test_json_write (void)
{
  static const struct
  {
    const char *value;
    const char *json;
  } written[] = {
    { "@mv nothing", "null" },
    { "true", "true" },
    { "byte 7", "7" },
    { "int16 -7", "-7" },
    { "uint64 18446744073709551615", "18446744073709551615" },
    { "int64 -9223372036854775808", "-9223372036854775808" },
    { "int64 0", "0" },
    { "1.0", "1.0" },
    { "-0.0", "-0.0" },
    { "0.1", "0.1" },
    { "1e300", "1e+300" },
    { "1e15", "1e+15" },
    { "123456789012345.0", "123456789012345.0" },
    { "1234567890123456789.0", "1.2345678901234568e+18" },
    { "1234567890123456.0", "1234567890123456.0" },
    { "0.30000000000000004", "0.30000000000000004" },
    { "''", "\"\"" },
    { "'é\"\\\\/\\b\\n\\u0001\\u001f'", "\"é\\\"\\\\/\\b\\n\\u0001\\u001f\"" },
    { "objectpath '/a'", "\"/a\"" },
    { "@av []", "[]" },
    { "()", "[]" },
    { "(1, 'a', <@ms nothing>)", "[1,\"a\",null]" },
    { "@a{sv} {}", "{}" },
    { "{'a': 1, 'b': 2}", "{\"a\":1,\"b\":2}" },
    { "@as ['x']", "[\"x\"]" },
    { "[{'a': <[<1>]>}]", "[{\"a\":[1]}]" },
    { "@ms 'x'", "\"x\"" },
    { "b'bytes'", NULL },
    { "[<@ay []>]", NULL },
    { "@a{xv} {1: <2>}", NULL },
    { "{true: 1}", NULL },
    { "@d inf", NULL },
    { "[nan]", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (written); i++)
    {
      g_autofree char *json =
        write_variant (g_variant_new_parsed (written[i].value), MP_ERROR_UNSUPPORTED);

      g_assert_cmpstr (json, ==, written[i].json);
    }
}

/* Values that a variant cannot hold can be sent from JavaScript to Python and back. */
static void
test_json_pickle (void)
{
  static const char *const texts[] = {
    "\"a\\u0000b\"",
    "\"\\ud800\"",
    "\"\\udc00x\\ud800\"",
    "{\"\\u0000\":[\"😀\",1,-1.5]}",
    "[null,true,false,18446744073709551615,1099511627776]",
    "[\"\\u0001\",\"\\u0001u0000\\u0000\",\"\\u0001123456789012345678\"]",
    "{\"\\ud800\":1,\"\\ud801\":{\"\":[]},\"\\u0001\":-9223372036854775808}",
    "[-123456789012345678,1234567890123456789,[9223372036854775807,9223372036854775808]]",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) pickle =
        convert (MP_FORMAT_JSON, texts[i], -1, MP_FORMAT_PICKLE, &error);
      g_autoptr (GBytes) checked = NULL;
      g_autoptr (GBytes) json = NULL;

      g_assert_no_error (error);
      checked = mp_format_check (MP_FORMAT_PICKLE, pickle, &error);
      g_assert_no_error (error);
      json = mp_format_convert (MP_FORMAT_PICKLE, pickle, MP_FORMAT_JSON, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (g_bytes_get_data (json, NULL), g_bytes_get_size (json),
                       texts[i], strlen (texts[i]));
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/json/read/values", test_json_read);
  g_test_add_func ("/json/read/json-glib", test_json_json_glib);
  g_test_add_func ("/json/read/large-numbers", test_json_large_numbers);
  g_test_add_func ("/json/read/doubles", test_json_doubles);
  g_test_add_func ("/json/read/malformed", test_json_malformed);
  g_test_add_func ("/json/read/unsupported", test_json_unsupported);
  g_test_add_func ("/json/read/deep", test_json_deep);
  g_test_add_func ("/json/read/colliding-names", test_json_colliding_names);
  g_test_add_func ("/json/read/many-values", test_json_many_values);
  g_test_add_func ("/json/write/values", test_json_write);
  g_test_add_func ("/json/write/doubles", test_json_doubles_round_trip);
  g_test_add_func ("/json/pickle", test_json_pickle);

  return g_test_run ();
}
