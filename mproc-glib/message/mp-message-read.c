/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "message-forms.h"
#include "mp-error.h"
#include "mp-message.h"
#include "formats/format.h"
#include "formats/object.h"

#include <glib/gi18n-lib.h>

/* Reading the content of a message in the form that the caller wants. */

/**
 * mp_message_get_variant:
 * @self: a message
 * @error: return location for an error
 *
 * Gets the value as a variant.
 *
 * Bytes become an `ay`, an object its type name and properties as an `(sa{sv})`. Fails with
 * `MP_ERROR_UNSUPPORTED` if the value cannot be represented so, and with `MP_ERROR_INVALID_MESSAGE`
 * if the message is malformed.
 *
 * Returns: (transfer full): the value, never floating
 *
 * Since: 1.0
 */
GVariant *
mp_message_get_variant (MpMessage *self,
                        GError   **error)
{
  GVariant *variant;

  g_return_val_if_fail (self != NULL, NULL);

  variant = mp_message_peek_variant (self, error);
  return variant != NULL ? g_variant_ref (variant) : NULL;
}

/**
 * mp_message_get_bytes:
 * @self: a message
 * @error: return location for an error
 *
 * Gets the value as bytes.
 *
 * These are the bytes of a message of bytes, of a variant of type `ay`, or of a pickled `bytes`; of
 * an opaque message, the bytes that its codec made. Any other message fails with
 * `MP_ERROR_UNSUPPORTED`.
 *
 * Returns: (transfer full): the bytes
 *
 * Since: 1.0
 */
GBytes *
mp_message_get_bytes (MpMessage *self,
                      GError   **error)
{
  GVariant *variant;

  g_return_val_if_fail (self != NULL, NULL);

  if (self->format == MP_FORMAT_BYTES)
    return g_bytes_ref (mp_message_peek_own (self, NULL));
  if (self->format == MP_FORMAT_OPAQUE)
    return g_bytes_ref (self->rest->opaque);

  variant = mp_message_peek_variant (self, error);
  if (variant == NULL)
    return NULL;
  if (g_variant_is_of_type (variant, G_VARIANT_TYPE_BYTESTRING))
    return g_variant_get_data_as_bytes (variant);

  g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
               _ ("A value of the type %s cannot be converted to bytes"),
               g_variant_get_type_string (variant));
  return NULL;
}

/**
 * mp_message_get_data:
 * @self: a message of bytes, an opaque one, or a pickle
 * @length: (out): how many bytes
 *
 * Gets the bytes of a message of bytes, those that the codec of an opaque message created, or a
 * pickle as it was received, which is not checked.
 *
 * In C nothing is copied.
 *
 * Returns: (transfer none) (nullable) (array length=length) (element-type guint8): the bytes,
 *   which exist as long as the message; %NULL if there are none, or the message has another format
 *
 * Since: 1.0
 */
const guint8 *
mp_message_get_data (MpMessage *self,
                     gsize     *length)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (length != NULL, NULL);

  *length = self->inline_size;
  if (mp_message_is_inline (self))
    return self->inline_data;
  if (self->format == MP_FORMAT_OPAQUE)
    return g_bytes_get_data (self->rest->opaque, length);
  return self->format == MP_FORMAT_BYTES || self->format == MP_FORMAT_PICKLE
           ? g_bytes_get_data (mp_message_peek_own (self, NULL), length)
           : NULL;
}

/**
 * mp_message_get_address:
 * @self: a message of bytes, an opaque one, or a pickle
 * @length: (out): how many bytes
 *
 * Gets the address of the bytes, for language bindings that can read memory by its address.
 *
 * They exist as long as the message, and may be modified by code that holds the only reference.
 *
 * Returns: the address of the bytes that [method@Message.get_data] returns; 0 if there are none,
 *   or the message has another format
 *
 * Since: 1.0
 */
guintptr
mp_message_get_address (MpMessage *self,
                        gsize     *length)
{
  return (guintptr) mp_message_get_data (self, length);
}

/**
 * mp_message_get_json:
 * @self: a message
 * @error: return location for an error
 *
 * Gets the value as JSON text.
 *
 * Fails with `MP_ERROR_UNSUPPORTED` if the value cannot be represented in JSON: bytes, numbers that
 * are not finite, dictionaries whose keys are not strings.
 *
 * Returns: (transfer full): the text
 *
 * Since: 1.0
 */
char *
mp_message_get_json (MpMessage *self,
                     GError   **error)
{
  GBytes     *payload;
  const char *text;
  gsize       size;

  g_return_val_if_fail (self != NULL, NULL);

  payload = mp_message_peek_converted (self, MP_FORMAT_JSON, error);
  if (payload == NULL)
    return NULL;

  text = g_bytes_get_data (payload, &size);
  return g_strndup (text, size);
}

/**
 * mp_message_get_pickle:
 * @self: a message
 * @length: (out): return location for the length, in bytes
 * @error: return location for an error
 *
 * Gets the value as a Python pickle, for `pickle.loads`.
 *
 * Loading it only builds plain values and calls nothing, even if the peer is malicious: a pickle
 * that refers to another function or class fails with `MP_ERROR_UNSUPPORTED`, and the error names
 * it.
 *
 * Returns: (transfer full) (array length=length) (element-type guint8): the pickle
 *
 * Since: 1.0
 */
guint8 *
mp_message_get_pickle (MpMessage *self,
                       gsize     *length,
                       GError   **error)
{
  GBytes       *payload;
  const guint8 *data;
  gsize         size;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (length != NULL, NULL);

  payload = mp_message_peek_converted (self, MP_FORMAT_PICKLE, error);
  if (payload == NULL)
    return NULL;

  data = g_bytes_get_data (payload, &size);
  *length = size;
  return g_memdup2 (data, size);
}

/**
 * mp_message_get_object:
 * @self: a message
 * @expected_type: the type that the object must have
 * @error: return location for an error
 *
 * Builds the object that the message describes.
 *
 * Only types that [func@serializable_enable] allowed are built, and only if they are
 * @expected_type or derived from it. Any other fails with `MP_ERROR_UNSUPPORTED`.
 *
 * Returns: (transfer full): a new object
 *
 * Since: 1.0
 */
GObject *
mp_message_get_object (MpMessage *self,
                       GType      expected_type,
                       GError   **error)
{
  GVariant *variant = NULL;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (g_type_is_a (expected_type, G_TYPE_OBJECT) ||
                          G_TYPE_IS_INTERFACE (expected_type),
                        NULL);

  if (self->format == MP_FORMAT_OBJECT || self->format == MP_FORMAT_GVARIANT)
    variant = mp_message_peek_variant (self, error);
  else
    g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                 _ ("A message in the format %s cannot be converted to an object"),
                 mp_format_get_name (self->format));

  return variant != NULL ? mp_object_build (variant, expected_type, error) : NULL;
}
