/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "envelope.h"

#include "envelope-head.h"
#include "format.h"
#include "gvariant-reader.h"
#include "gvariant.h"
#include "mp-error.h"
#include "part.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define VALUE_TYPE  "(stv)"
#define ERROR_TYPE  "(stsis)"
#define CANCEL_TYPE "(st)"

static GBytes *
store (GVariant *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  gsize   size = mp_gvariant_get_payload_size (owned);
  guint8 *data = g_malloc (size);

  mp_gvariant_store_payload (owned, data);
  return g_bytes_new_take (data, size);
}

gboolean
mp_envelope_has_form (MpFormat format)
{
  return format == MP_FORMAT_GVARIANT || format == MP_FORMAT_JSON || format == MP_FORMAT_PICKLE;
}

/* Converts a variant that was made by this file to @format. */
static GBytes *
store_as (MpFormat  format,
          GVariant *value,
          GError  **error)
{
  g_autoptr (GBytes) payload = store (value);

  return format == MP_FORMAT_GVARIANT
           ? g_steal_pointer (&payload)
           : mp_format_convert (MP_FORMAT_GVARIANT, payload, format, error);
}

static GBytes *
open_variant (GBytes  *payload,
              GError **error)
{
  g_autoptr (GVariant) envelope = mp_gvariant_load_payload (payload, error);
  g_autoptr (GVariant) value = NULL;

  if (envelope == NULL)
    return NULL;

  g_variant_get (envelope, VALUE_TYPE, NULL, NULL, &value);
  return store (value);
}

GBytes *
mp_envelope_open (MpFormat format,
                  GBytes  *payload,
                  GError **error)
{
  if (format == MP_FORMAT_GVARIANT)
    return open_variant (payload, error);

  return mp_part_extract (format, payload, 2, 3, error);
}

static gboolean
refuse (const char *what,
        GError    **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
               _ ("An error answer has no %s"), what);
  return FALSE;
}

/* Returns an item of a sequence.  In formats other than GVariant, the items are variants. */
static GVariant *
get_item (GVariant           *sequence,
          gsize               index,
          const GVariantType *type)
{
  g_autoptr (GVariant) item = g_variant_get_child_value (sequence, index);

  if (g_variant_is_of_type (item, G_VARIANT_TYPE_VARIANT))
    {
      g_autoptr (GVariant) boxed = g_steal_pointer (&item);

      item = g_variant_get_variant (boxed);
    }

  return g_variant_is_of_type (item, type) ? g_steal_pointer (&item) : NULL;
}

static gboolean
open_parts (GVariant *envelope,
            char    **out_domain,
            gint32   *out_code,
            char    **out_message,
            GError  **error)
{
  g_autoptr (GVariant) domain = NULL;
  g_autoptr (GVariant) code = NULL;
  g_autoptr (GVariant) message = NULL;

  if (!g_variant_is_container (envelope) || g_variant_n_children (envelope) != 5)
    return refuse ("five parts", error);

  domain = get_item (envelope, 2, G_VARIANT_TYPE_STRING);
  code = get_item (envelope, 3, G_VARIANT_TYPE_INT64);
  if (code == NULL)
    code = get_item (envelope, 3, G_VARIANT_TYPE_INT32);
  message = get_item (envelope, 4, G_VARIANT_TYPE_STRING);
  if (domain == NULL || message == NULL)
    return refuse ("domain or no message", error);
  if (code == NULL)
    return refuse ("code", error);

  *out_domain = g_variant_dup_string (domain, NULL);
  *out_message = g_variant_dup_string (message, NULL);
  *out_code = g_variant_is_of_type (code, G_VARIANT_TYPE_INT32)
                ? g_variant_get_int32 (code)
                : (gint32) CLAMP (g_variant_get_int64 (code), G_MININT32, G_MAXINT32);
  return TRUE;
}

gboolean
mp_envelope_open_error (MpFormat format,
                        GBytes  *payload,
                        char   **out_domain,
                        gint32  *out_code,
                        char   **out_message,
                        GError **error)
{
  g_autoptr (GBytes) converted = NULL;
  g_autoptr (GVariant) envelope = NULL;

  converted = format == MP_FORMAT_GVARIANT
                ? g_bytes_ref (payload)
                : mp_format_convert (format, payload, MP_FORMAT_GVARIANT, error);
  envelope = converted != NULL ? mp_gvariant_load_payload (converted, error) : NULL;
  return envelope != NULL && open_parts (envelope, out_domain, out_code, out_message, error);
}

static GBytes *
close_variant (const char *name,
               guint64     id,
               GBytes     *value)
{
  g_autoptr (GVariant) loaded = mp_gvariant_load_own_payload (value);

  return store (g_variant_new (VALUE_TYPE, name, id, loaded));
}

static GBytes *
close_json (const char *name,
            guint64     id,
            GBytes     *value)
{
  gsize       size;
  const char *text = g_bytes_get_data (value, &size);
  GString    *envelope = g_string_sized_new (size + 48);

  g_string_append_printf (envelope, "[\"%s\",%" G_GUINT64_FORMAT ",", name, id);
  g_string_append_len (envelope, text, (gssize) size);
  g_string_append_c (envelope, ']');
  return g_string_free_to_bytes (envelope);
}

/* Builds an envelope from the opcodes of the value, without its PROTO and STOP opcodes.  The
 * envelope's own opcodes put nothing into the memo, and a frame that reached to the end of the
 * value also covers the opcode that makes the tuple. */
static GBytes *
close_pickle (const char *name,
              guint64     id,
              GBytes     *value)
{
  static const guint8 protocol[] = { 0x80, 4, 0x8c };
  static const guint8 tuple_and_stop[] = { 0x87, '.' };
  gsize               size;
  const guint8       *data = g_bytes_get_data (value, &size);
  gsize               head = size >= 2 && data[0] == 0x80 ? 2 : 0;
  guint8              number[11] = { 0x8a, 9 };
  guint8              length = (guint8) strlen (name);
  guint64             little = GUINT64_TO_LE (id);
  GByteArray         *envelope = g_byte_array_sized_new ((guint) size + 48);

  /* Nine bytes, so that the number is not negative. */
  memcpy (number + 2, &little, sizeof little);
  g_byte_array_append (envelope, protocol, sizeof protocol);
  g_byte_array_append (envelope, &length, 1);
  g_byte_array_append (envelope, (const guint8 *) name, length);
  g_byte_array_append (envelope, number, sizeof number);
  g_byte_array_append (envelope, data + head, (guint) (size - head - 1));
  g_byte_array_append (envelope, tuple_and_stop, sizeof tuple_and_stop);
  return g_byte_array_free_to_bytes (envelope);
}

GBytes *
mp_envelope_close (MpFormat       format,
                   MpEnvelopeKind kind,
                   guint64        id,
                   GBytes        *value,
                   GError       **error)
{
  const char *name = mp_envelope_get_name (kind);
  gsize       size = g_bytes_get_size (value);

  if (format == MP_FORMAT_GVARIANT)
    return close_variant (name, id, value);
  if (format == MP_FORMAT_JSON)
    return close_json (name, id, value);
  if (format == MP_FORMAT_PICKLE && size > 0 && size < G_MAXUINT32 - 64)
    return close_pickle (name, id, value);

  g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
               _ ("A call or an answer of %zu bytes cannot be represented in the format %s"),
               size, mp_format_get_name (format));
  return NULL;
}

GBytes *
mp_envelope_close_error (MpFormat    format,
                         guint64     id,
                         const char *domain,
                         gint32      code,
                         const char *message,
                         GError    **error)
{
  return store_as (format,
                   g_variant_new (ERROR_TYPE, mp_envelope_get_name (MP_ENVELOPE_ERROR), id, domain,
                                  code, message),
                   error);
}

GBytes *
mp_envelope_close_cancel (MpFormat format,
                          guint64  id,
                          GError **error)
{
  return store_as (format,
                   g_variant_new (CANCEL_TYPE, mp_envelope_get_name (MP_ENVELOPE_CANCEL), id),
                   error);
}
