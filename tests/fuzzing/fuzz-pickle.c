/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "formats/format.h"
#include "formats/gvariant-reader.h"
#include "formats/gvariant.h"
#include "mp-error.h"

int LLVMFuzzerTestOneInput (const guint8 *data,
                            gsize         size);

/* Converted to a variant and back to a pickle, it is the same value. */
static void
test_variant (GBytes *pickle)
{
  g_autoptr (GBytes) payload =
    mp_format_convert (MP_FORMAT_PICKLE, pickle, MP_FORMAT_GVARIANT, NULL);
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GBytes) written = NULL;
  g_autoptr (GBytes) again = NULL;
  g_autoptr (GError) error = NULL;

  if (payload == NULL)
    return;

  value = mp_gvariant_load_payload (payload, &error);
  g_assert_no_error (error);
  written = mp_format_convert (MP_FORMAT_GVARIANT, payload, MP_FORMAT_PICKLE, &error);
  g_assert_no_error (error);
  again = mp_format_convert (MP_FORMAT_PICKLE, written, MP_FORMAT_GVARIANT, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (again, payload));
}

static void
test_written (GBytes  *pickle,
              MpFormat format)
{
  g_autoptr (GBytes) written = mp_format_convert (MP_FORMAT_PICKLE, pickle, format, NULL);
  g_autoptr (GBytes) checked = NULL;
  g_autoptr (GError) error = NULL;

  if (written == NULL)
    return;

  checked = mp_format_check (format, written, &error);
  g_assert_no_error (error);
}

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  g_autoptr (GBytes) pickle = g_bytes_new_static (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) checked = mp_format_check (MP_FORMAT_PICKLE, pickle, &error);
  g_autoptr (GBytes) payload =
    mp_format_convert (MP_FORMAT_PICKLE, pickle, MP_FORMAT_GVARIANT, NULL);

  /* A pickle that Python must not load is not converted either; dill's pickles are rewritten for
   * Python, which is not always possible. */
  g_assert_true ((checked == NULL) == (error != NULL));
  g_assert_true (error == NULL || error->domain == MP_ERROR);
  g_assert_true (payload == NULL || checked != NULL);

  test_variant (pickle);
  test_written (pickle, MP_FORMAT_PICKLE);
  test_written (pickle, MP_FORMAT_JSON);

  return 0;
}
