/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "formats/gvariant-reader.h"
#include "formats/ndarray.h"

#include <string.h>

static const guint64 ones[MP_NDARRAY_MAX_DIMENSIONS + 1] = {
  1,
  1,
  1,
};

static gboolean
is_valid (const char *type,
          guint64     n,
          gsize       size)
{
  const MpNdarray array = { type, &n, 1, FALSE, size };

  return mp_ndarray_is_valid (&array);
}

static void
test_types (void)
{
  static const char *good[] = { "|b1", "|i1", "|u1", "<i2", "<i4", "<i8", ">u2", ">u4", ">u8",
                                "<f2", "<f4", ">f8", "<c8", "<c16" };
  static const char *bad[] = { "", "<", "<f", "f8", "<f0", "<f1", "|f8", "<i1", "|i2", "<i3",
                               "<i16", "<b2", "<c4", "<c32", "<f16", "<O8", "<S8", "<f8 ", "<f+8",
                               "<f08x", "<f18446744073709551624", "=f8", "<i2 " };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      gsize size = g_ascii_strtoull (good[i] + 2, NULL, 10);

      g_assert_true (is_valid (good[i], 3, 3 * size));
      g_assert_false (is_valid (good[i], 3, 3 * size + 1));
      g_assert_true (is_valid (good[i], 0, 0));
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (is_valid (bad[i], 0, 0));
}

static void
test_shapes (void)
{
  const guint64   large[] = { G_GUINT64_CONSTANT (1) << 32, G_GUINT64_CONSTANT (1) << 32, 0 };
  const MpNdarray none = { "<f8", NULL, 0, FALSE, 8 };
  const MpNdarray overflowing = { "|u1", large, 2, FALSE, 0 };
  const MpNdarray empty_later = { "|u1", large, 3, FALSE, 0 };
  const MpNdarray too_many = { "|u1", ones, MP_NDARRAY_MAX_DIMENSIONS + 1, FALSE, 1 };

  g_assert_true (mp_ndarray_is_valid (&none));
  g_assert_false (mp_ndarray_is_valid (&overflowing));
  g_assert_false (mp_ndarray_is_valid (&empty_later));
  g_assert_false (mp_ndarray_is_valid (&too_many));
  g_assert_false (is_valid ("<f8", G_MAXUINT64, G_MAXSIZE - 7));
}

static GBytes *
make_payload (const MpNdarray *array,
              gconstpointer    data)
{
  g_autoptr (GBytes) head = mp_ndarray_make_head (array);
  gsize       size;
  const void *start = g_bytes_get_data (head, &size);
  GByteArray *payload = g_byte_array_new ();
  guint8      tail[MP_NDARRAY_MAX_TAIL];

  g_assert_cmpuint (size % MP_NDARRAY_ALIGNMENT, ==, 0);
  g_byte_array_append (payload, start, size);
  if (array->size > 0)
    g_byte_array_append (payload, data, array->size);
  g_byte_array_append (payload, tail, mp_ndarray_make_tail (array, size, tail));
  return g_byte_array_free_to_bytes (payload);
}

/* What is written is a variant in normal form, whatever numbers its ends need, and is read again.
 * */
static void
test_round_trip (void)
{
  g_autofree guint8 *data = g_malloc0 (70000);

  for (guint n = 0; n <= MP_NDARRAY_MAX_DIMENSIONS; n++)
    for (gsize size = 1; size <= 70000; size = size < 300 ? size + 13 : size * 5)
      {
        guint64         shape[MP_NDARRAY_MAX_DIMENSIONS];
        const MpNdarray array = { "|u1", shape, n, n % 2 == 1, n > 0 ? size : 1 };
        MpNdarray       read;
        g_autoptr (GBytes) payload = NULL;
        g_autoptr (GVariant) value = NULL;
        g_autoptr (GError) error = NULL;
        const guint8 *found;

        memcpy (shape, ones, sizeof shape);
        for (guint i = 0; i < n; i++)
          shape[i] = i == n / 2 ? size : 1;
        memset (data, (int) n, size);
        payload = make_payload (&array, data);
        value = mp_gvariant_load_payload (payload, &error);
        g_assert_no_error (error);
        g_assert_true (g_variant_is_normal_form (value));
        g_assert_true (mp_ndarray_read (&read, value, &found));
        g_assert_cmpstr (read.type, ==, "|u1");
        g_assert_cmpuint (read.n_dimensions, ==, n);
        g_assert_cmpmem (read.shape, n * sizeof *shape, shape, n * sizeof *shape);
        g_assert_cmpint (read.fortran_order, ==, array.fortran_order);
        g_assert_cmpmem (found, read.size, data, array.size);
      }
}

static void
test_refused (void)
{
  static const char *others[] = {
    "(@a{sv} {}, @ay [])",
    "({'ndarray': <'<f8'>}, @ay [])",
    "({'ndarray': <'<f8'>, 'shape': <[uint64 1]>}, @ay [])",
    "({'ndarray': <'<f8'>, 'shape': <[int32 1]>}, b'1234567')",
    "({'ndarray': <b'<f8'>, 'shape': <[uint64 1]>}, b'1234567')",
    "({'ndarray': <'<O8'>, 'shape': <[uint64 1]>}, b'1234567')",
    "({'ndarray': <'|u1'>, 'shape': <[uint64 18446744073709551615, 18446744073709551615]>}, b'')",
    "'text'",
  };

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_parsed (others[i]));
      MpNdarray     array;
      const guint8 *data;

      g_assert_false (mp_ndarray_read (&array, value, &data));
    }
}

/* As other programs write it: without padding, in any order, with entries that are unknown here. */
static void
test_of_others (void)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_parsed (
    "({'shape': <[uint64 2, 2]>, 'colour': <'red'>, 'ndarray': <'>i2'>}, b'1234567')"));
  MpNdarray     array;
  const guint8 *data;

  g_assert_true (mp_ndarray_read (&array, value, &data));
  g_assert_cmpstr (array.type, ==, ">i2");
  g_assert_cmpuint (array.n_dimensions, ==, 2);
  g_assert_false (array.fortran_order);
  g_assert_cmpmem (data, array.size, "1234567", 8);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/ndarray/types", test_types);
  g_test_add_func ("/ndarray/shapes", test_shapes);
  g_test_add_func ("/ndarray/round-trip", test_round_trip);
  g_test_add_func ("/ndarray/refused", test_refused);
  g_test_add_func ("/ndarray/of-others", test_of_others);

  return g_test_run ();
}
