/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "formats/format.h"
#include "formats/gvariant-reader.h"
#include "formats/gvariant.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data,
                            gsize         size);

/* A value that can be converted to another format is well-formed there. */
static void
convert (GBytes  *payload,
         MpFormat format)
{
  g_autoptr (GBytes) converted = mp_format_convert (MP_FORMAT_GVARIANT, payload, format, NULL);
  g_autoptr (GBytes) checked = NULL;
  g_autoptr (GError) error = NULL;

  if (converted == NULL)
    return;

  checked = mp_format_check (format, converted, &error);
  g_assert_no_error (error);
}

/* The result of GLib's check; GLib can check only a whole "v". */
static gboolean
is_normal (const guint8 *data,
           gsize         size)
{
  const guint8    *nul = size > 2 ? memrchr (data, '\0', size - 1) : NULL;
  g_autofree char *type = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GVariant) value = NULL;

  if (nul == NULL || (data[size - 1] != 'l' && data[size - 1] != 'B'))
    return FALSE;

  type = g_strndup ((const char *) nul + 1, data + size - 1 - (nul + 1));
  if (!g_variant_type_string_is_valid (type) ||
      !g_variant_type_is_definite (G_VARIANT_TYPE (type)))
    return FALSE;

  bytes = g_bytes_new (data, nul - data);
  value = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (type), bytes, FALSE));
  return g_variant_is_normal_form (value);
}

/* Our reader accepts exactly what GLib accepts, and accepted values can be read completely. */
int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  g_autoptr (GBytes) payload = g_bytes_new_static (data, size);
  g_autoptr (GVariant) value = mp_gvariant_load_payload (payload, NULL);
  g_autoptr (GBytes) checked = mp_format_check (MP_FORMAT_GVARIANT, payload, NULL);

  g_assert_true ((value != NULL) == (checked != NULL));
  g_assert_true ((value != NULL) == is_normal (data, size));

  if (value != NULL)
    {
      g_autofree char *text = g_variant_print (value, TRUE);

      g_assert_true (g_variant_is_normal_form (value));
      g_assert_nonnull (text);
    }

  convert (payload, MP_FORMAT_PICKLE);
  convert (payload, MP_FORMAT_JSON);
  convert (payload, MP_FORMAT_BYTES);

  return 0;
}
