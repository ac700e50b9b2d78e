/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gvariant.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

gsize
mp_gvariant_get_payload_size (GVariant *value)
{
  return g_variant_get_size (value) + 1 + strlen (g_variant_get_type_string (value)) + 1;
}

void
mp_gvariant_store_payload (GVariant *value,
                           guint8   *payload)
{
  const char *type = g_variant_get_type_string (value);
  gsize       size = g_variant_get_size (value);
  gsize       type_length = strlen (type);

  /* GLib serialises a tree in place only at an aligned address. */
  if (((guintptr) payload & 7) == 0)
    g_variant_store (value, payload);
  else if (size > 0)
    memcpy (payload, g_variant_get_data (value), size);

  payload[size] = '\0';
  memcpy (payload + size + 1, type, type_length);
  payload[size + 1 + type_length] = MP_GVARIANT_NATIVE_MARK;
}

/* GLib would check each byte. */
GVariant *
mp_gvariant_get_normal_form (GVariant *value)
{
  return g_variant_is_of_type (value, G_VARIANT_TYPE_BYTESTRING)
           ? g_variant_ref (value)
           : g_variant_get_normal_form (value);
}

static gboolean
refuse (GError    **error,
        const char *what,
        gsize       offset)
{
  g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
               _ ("Not a serialised variant: %s at byte %zu"), what, offset);
  return FALSE;
}

/* Finds the type string at the end of @data, which holds a "v" and the byte order.  The
 * copy in @out_type is NUL-terminated, which the payload is not. */
static gboolean
find_type (const guint8 *data,
           gsize         size,
           gsize        *out_value_size,
           char        **out_type,
           GError      **error)
{
  const guint8    *nul;
  g_autofree char *type = NULL;

  if (size < 3)
    return refuse (error, "too short", size);

  nul = memrchr (data, '\0', size - 1);
  if (nul == NULL)
    return refuse (error, "no type", 0);
  if (data + size - nul > MP_GVARIANT_MAX_TYPE_LENGTH)
    return refuse (error, "too long a type", nul + 1 - data);

  type = g_strndup ((const char *) nul + 1, data + size - 1 - (nul + 1));
  if (!g_variant_type_string_is_valid (type) ||
      !g_variant_type_is_definite (G_VARIANT_TYPE (type)))
    return refuse (error, "no valid type", nul + 1 - data);

  *out_value_size = nul - data;
  *out_type = g_steal_pointer (&type);
  return TRUE;
}

static GVariant *
make_variant (GBytes     *payload,
              gsize       value_size,
              const char *type,
              gboolean    trusted)
{
  g_autoptr (GBytes) bytes = g_bytes_new_from_bytes (payload, 0, value_size);

  return g_variant_ref_sink (
    g_variant_new_from_bytes (G_VARIANT_TYPE (type), bytes, trusted));
}

/* The check may come before the bytes are swapped: normal form does not depend on the byte
 * order of numbers, and framing offsets are always little-endian. */
GVariant *
mp_gvariant_load_foreign_payload (GBytes  *payload,
                                  GError **error)
{
  gsize            size, value_size;
  const guint8    *data = g_bytes_get_data (payload, &size);
  g_autofree char *type = NULL;
  g_autoptr (GVariant) value = NULL;

  if (!find_type (data, size, &value_size, &type, error))
    return NULL;

  value = make_variant (payload, value_size, type, FALSE);
  if (!g_variant_is_normal_form (value))
    {
      refuse (error, "not in normal form", 0);
      return NULL;
    }

  return g_variant_byteswap (value);
}

GVariant *
mp_gvariant_load_own_payload (GBytes *payload)
{
  gsize            size;
  const guint8    *data = g_bytes_get_data (payload, &size);
  const guint8    *nul = memrchr (data, '\0', size - 1);
  g_autofree char *type = g_strndup ((const char *) nul + 1,
                                     data + size - 1 - (nul + 1));

  return make_variant (payload, nul - data, type, TRUE);
}
