/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "formats/gvariant-reader.h"
#include "formats/gvariant.h"
#include "mp-error.h"

#include <string.h>

static GBytes *
store (GVariant *value)
{
  gsize   size = mp_gvariant_get_payload_size (value);
  guint8 *data = g_malloc (size);

  mp_gvariant_store_payload (value, data);
  return g_bytes_new_take (data, size);
}

static void
test_gvariant_round_trip (gconstpointer text)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_parsed (text));
  g_autoptr (GBytes) payload = store (value);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) loaded = mp_gvariant_load_payload (payload, &error);
  g_autoptr (GVariant) own = mp_gvariant_load_own_payload (payload);

  g_assert_no_error (error);
  g_assert_false (g_variant_is_floating (loaded));
  g_assert_cmpvariant (loaded, value);
  g_assert_cmpvariant (own, value);
}

static void
test_gvariant_unaligned (void)
{
  g_autoptr (GVariant) value =
    g_variant_ref_sink (g_variant_new_parsed ("{'a': <[1, 2, 3]>, 'b': <(1.5, int64 7)>}"));
  gsize              size = mp_gvariant_get_payload_size (value);
  g_autofree guint8 *memory = g_malloc (size + 8);

  for (guint i = 0; i < 8; i++)
    {
      g_autoptr (GBytes) payload = NULL;
      g_autoptr (GVariant) loaded = NULL;
      g_autoptr (GError) error = NULL;

      mp_gvariant_store_payload (value, memory + i);
      payload = g_bytes_new_static (memory + i, size);
      loaded = mp_gvariant_load_payload (payload, &error);
      g_assert_no_error (error);
      g_assert_cmpvariant (loaded, value);
    }
}

static void
test_gvariant_byte_order (void)
{
  g_autoptr (GVariant) value =
    g_variant_ref_sink (g_variant_new_parsed ("(int64 258, <'x'>, [uint16 1, 2])"));
  g_autoptr (GVariant) swapped = g_variant_byteswap (value);
  g_autoptr (GBytes) payload = store (swapped);
  gsize              size = g_bytes_get_size (payload);
  g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (payload, NULL), size);
  g_autoptr (GBytes) foreign = NULL;
  g_autoptr (GVariant) loaded = NULL;
  g_autoptr (GError) error = NULL;

  data[size - 1] = data[size - 1] == 'l' ? 'B' : 'l';
  foreign = g_bytes_new (data, size);
  loaded = mp_gvariant_load_payload (foreign, &error);
  g_assert_no_error (error);
  g_assert_cmpvariant (loaded, value);
}

static void
assert_refused (const void *data,
                gsize       size)
{
  g_autoptr (GBytes) payload = g_bytes_new (data, size);
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_gvariant_load_payload (payload, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
  g_assert_nonnull (strstr (error->message, "at byte"));
}

static void
test_gvariant_malformed (void)
{
  assert_refused ("", 0);
  assert_refused ("l", 1);
  assert_refused ("\0l", 2);
  assert_refused ("\0\0l", 3);
  assert_refused ("abcl", 4);
  assert_refused ("x\0yX", 4);
  assert_refused ("x\0*l", 4);
  assert_refused ("x\0a{vs}l", 8);
  assert_refused ("x\0yyl", 5);
  assert_refused ("xx\0yl", 5);
  assert_refused ("\2\0bl", 4);
  assert_refused ("ab\0sl", 5);
  assert_refused ("\xff\0\0sl", 5);
  assert_refused ("a\0\7\0asl", 7);
}

static void
test_gvariant_every_prefix (void)
{
  g_autoptr (GVariant) value =
    g_variant_ref_sink (g_variant_new_parsed ("({'key': <[1.5, 2.5]>}, 'text', @mv <7>)"));
  g_autoptr (GBytes) payload = store (value);
  const guint8 *data = g_bytes_get_data (payload, NULL);

  for (gsize i = 0; i < g_bytes_get_size (payload); i++)
    assert_refused (data, i);
}

static void
test_gvariant_deep (void)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_byte (0));
  g_autoptr (GBytes) payload = NULL;

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (GVariant) inner = g_steal_pointer (&value);

      value = g_variant_ref_sink (g_variant_new_variant (inner));
    }

  payload = store (value);
  assert_refused (g_bytes_get_data (payload, NULL), g_bytes_get_size (payload));
}

int
main (int   argc,
      char *argv[])
{
  static const char *const values[] = {
    "true",
    "byte 7",
    "int16 -1",
    "uint64 18446744073709551615",
    "1.5",
    "'text'",
    "''",
    "@mv nothing",
    "@mx 7",
    "@av []",
    "@a{sv} {}",
    "()",
    "(1, 'a', <2>)",
    "b'bytes'",
    "@ay []",
    "[<1>, <'a'>, <@av []>]",
    "{'a': <1>, 'b': <[<1>, <2.5>]>}",
    "@a{xv} {1: <2>}",
    "[('a', [1, 2]), ('b', [])]",
    "objectpath '/a'",
    "@g '(ss)'",
    "<<<'deep'>>>",
  };

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autofree char *path = g_strdup_printf ("/gvariant/round-trip/%u", i);

      g_test_add_data_func (path, values[i], test_gvariant_round_trip);
    }

  g_test_add_func ("/gvariant/unaligned", test_gvariant_unaligned);
  g_test_add_func ("/gvariant/byte-order", test_gvariant_byte_order);
  g_test_add_func ("/gvariant/malformed", test_gvariant_malformed);
  g_test_add_func ("/gvariant/every-prefix", test_gvariant_every_prefix);
  g_test_add_func ("/gvariant/deep", test_gvariant_deep);

  return g_test_run ();
}
