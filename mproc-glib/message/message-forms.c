/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "message-forms.h"

#include "formats/gvariant-reader.h"
#include "formats/gvariant.h"
#include "formats/object.h"

#include <string.h>

/* The formats of a message, each created when it is needed. */

MpMessage *
mp_message_allocate (MpFormat format,
                     gsize    inline_size)
{
  MpMessage *self = g_slice_alloc (sizeof *self + inline_size);

  g_atomic_ref_count_init (&self->ref_count);
  self->format = format;
  self->payload = NULL;
  self->inline_size = inline_size;
  self->rest = NULL;

  return self;
}

MpMessage *
mp_message_new_of (MpFormat format,
                   GBytes  *payload)
{
  MpMessage *self = mp_message_allocate (format, 0);

  self->payload = payload;

  return self;
}

MpMessageRest *
mp_message_ensure_rest (MpMessage *self)
{
  MpMessageRest *rest = g_atomic_pointer_get (&self->rest);

  if (rest != NULL)
    return rest;

  rest = g_new0 (MpMessageRest, 1);
  if (!g_atomic_pointer_compare_and_exchange (&self->rest, NULL, rest))
    g_free (rest);
  return g_atomic_pointer_get (&self->rest);
}

/* Two threads may convert at the same time: the first result is kept, the other is dropped. */
static GBytes *
keep_bytes (GBytes **slot,
            GBytes  *bytes)
{
  if (!g_atomic_pointer_compare_and_exchange (slot, NULL, bytes))
    g_bytes_unref (bytes);

  return g_atomic_pointer_get (slot);
}

static GVariant *
keep_variant (MpMessage *self,
              GVariant  *variant)
{
  MpMessageRest *rest = mp_message_ensure_rest (self);

  if (!g_atomic_pointer_compare_and_exchange (&rest->variant, NULL, variant))
    g_variant_unref (variant);

  return g_atomic_pointer_get (&rest->variant);
}

static GBytes *
store_variant (GVariant *value)
{
  gsize   size = mp_gvariant_get_payload_size (value);
  guint8 *data = g_malloc (size);

  mp_gvariant_store_payload (value, data);
  return g_bytes_new_take (data, size);
}

static GBytes *
describe_object (GObject *object,
                 GError **error)
{
  g_autoptr (GVariant) description = mp_object_describe (object, error);

  return description != NULL ? store_variant (description) : NULL;
}

static GBytes *
make_opaque_payload (MpMessageRest *rest)
{
  gsize         size;
  const guint8 *data = g_bytes_get_data (rest->opaque, &size);
  GByteArray   *payload = g_byte_array_sized_new (strlen (rest->codec) + 1 + size);

  g_byte_array_append (payload, (const guint8 *) rest->codec, strlen (rest->codec) + 1);
  if (size > 0)
    g_byte_array_append (payload, data, size);

  return g_byte_array_free_to_bytes (payload);
}

/* Returns the payload in the message's own format, borrowed. */
GBytes *
mp_message_peek_own (MpMessage *self,
                     GError   **error)
{
  GBytes *payload = g_atomic_pointer_get (&self->payload);

  if (payload != NULL)
    return payload;

  switch (self->format)
    {
    case MP_FORMAT_BYTES:
      return keep_bytes (&self->payload, g_bytes_new (self->inline_data, self->inline_size));

    case MP_FORMAT_GVARIANT:
      return keep_bytes (&self->payload, store_variant (self->rest->value));

    case MP_FORMAT_OPAQUE:
      return keep_bytes (&self->payload, make_opaque_payload (self->rest));

    case MP_FORMAT_OBJECT:
      payload = describe_object (self->rest->object, error);
      return payload != NULL ? keep_bytes (&self->payload, payload) : NULL;

    case MP_FORMAT_JSON:
    case MP_FORMAT_PICKLE:
    default:
      g_return_val_if_reached (NULL);
    }
}

/* Whether there is nothing to check in the payload: any bytes are BYTES, and what was serialized
 * here is valid. */
static gboolean
is_own (MpMessage *self)
{
  MpMessageRest *rest = g_atomic_pointer_get (&self->rest);

  return self->format == MP_FORMAT_BYTES ||
         (rest != NULL && (rest->value != NULL || rest->object != NULL));
}

/* Like mp_message_peek_own (), but also checks that the payload is valid in its format. */
GBytes *
mp_message_peek_checked (MpMessage *self,
                         GError   **error)
{
  MpMessageRest *rest = g_atomic_pointer_get (&self->rest);
  GBytes        *payload = rest != NULL ? g_atomic_pointer_get (&rest->checked_payload) : NULL;

  if (payload != NULL)
    return payload;

  payload = mp_message_peek_own (self, error);
  if (payload == NULL || is_own (self))
    return payload;

  payload = mp_format_check (self->format, payload, error);
  if (payload == NULL)
    return NULL;
  return keep_bytes (&mp_message_ensure_rest (self)->checked_payload, payload);
}

GBytes *
mp_message_peek_converted (MpMessage *self,
                           MpFormat   format,
                           GError   **error)
{
  GBytes **slot, *payload;

  if (format == self->format)
    return mp_message_peek_checked (self, error);

  slot = &mp_message_ensure_rest (self)->payloads[format];
  payload = g_atomic_pointer_get (slot);
  if (payload != NULL)
    return payload;

  payload = mp_message_peek_own (self, error);
  if (payload != NULL)
    payload = mp_format_convert (self->format, payload, format, error);

  return payload != NULL ? keep_bytes (slot, payload) : NULL;
}

/* Returns the value as a variant, borrowed. */
GVariant *
mp_message_peek_variant (MpMessage *self,
                         GError   **error)
{
  MpMessageRest *rest = mp_message_ensure_rest (self);
  GVariant      *variant = g_atomic_pointer_get (&rest->variant);
  GBytes        *payload;

  if (variant != NULL)
    return variant;
  if (rest->value != NULL)
    return rest->value;

  switch (self->format)
    {
    case MP_FORMAT_BYTES:
      payload = mp_message_peek_own (self, error);
      variant = g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, payload, TRUE);
      return keep_variant (self, g_variant_ref_sink (variant));

    case MP_FORMAT_GVARIANT:
    case MP_FORMAT_OBJECT:
      payload = mp_message_peek_own (self, error);
      variant = payload != NULL ? mp_gvariant_load_payload (payload, error) : NULL;
      return variant != NULL ? keep_variant (self, variant) : NULL;

    case MP_FORMAT_JSON:
    case MP_FORMAT_PICKLE:
    case MP_FORMAT_OPAQUE:
    default:
      payload = mp_message_peek_converted (self, MP_FORMAT_GVARIANT, error);
      return payload != NULL
               ? keep_variant (self, mp_gvariant_load_own_payload (payload))
               : NULL;
    }
}

void
mp_message_rest_free (MpMessageRest *rest)
{
  for (guint i = 0; i < MP_N_FORMATS; i++)
    g_clear_pointer (&rest->payloads[i], g_bytes_unref);
  g_clear_pointer (&rest->checked_payload, g_bytes_unref);
  g_clear_pointer (&rest->variant, g_variant_unref);
  g_clear_pointer (&rest->value, g_variant_unref);
  g_clear_pointer (&rest->opaque, g_bytes_unref);
  g_clear_object (&rest->object);
  g_clear_object (&rest->fd_list);
  g_free (rest->codec);
  g_free (rest);
}
