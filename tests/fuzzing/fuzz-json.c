/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "formats/format.h"
#include "formats/gvariant.h"
#include "formats/json-reader.h"
#include "mp-error.h"

int LLVMFuzzerTestOneInput (const guint8 *data,
                            gsize         size);

/* Written JSON is read back as an equal value. */
static void
test_round_trip (GBytes  *json,
                 MpFormat format)
{
  g_autoptr (GBytes) first = mp_format_convert (MP_FORMAT_JSON, json, format, NULL);
  g_autoptr (GBytes) checked = NULL;
  g_autoptr (GBytes) written = NULL;
  g_autoptr (GBytes) second = NULL;
  g_autoptr (GError) error = NULL;

  if (first == NULL)
    return;

  checked = mp_format_check (format, first, &error);
  g_assert_no_error (error);

  /* A number too large for a double has become infinite. */
  written = mp_format_convert (format, first, MP_FORMAT_JSON, NULL);
  if (written == NULL)
    return;

  second = mp_format_convert (MP_FORMAT_JSON, written, format, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (first, second));
}

/* The check without json-glib accepts exactly what json-glib would read. */
int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  g_autoptr (GBytes) json = g_bytes_new_static (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) checked = mp_format_check (MP_FORMAT_JSON, json, &error);

  MpSink sink;

  mp_discard_writer_init (&sink, size);
  g_assert_true ((checked == NULL) == !mp_json_read (data, size, &sink, NULL));
  g_assert_true ((checked == NULL) == (error != NULL));
  g_assert_true (error == NULL || error->domain == MP_ERROR);
  if (checked != NULL)
    g_assert_true (g_utf8_validate_len ((const char *) data, size, NULL));

  test_round_trip (json, MP_FORMAT_PICKLE);
  test_round_trip (json, MP_FORMAT_GVARIANT);

  return 0;
}
