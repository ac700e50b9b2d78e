/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "message-forms.h"
#include "mp-error.h"
#include "mp-message-private.h"
#include "formats/format.h"
#include "formats/gvariant-reader.h"
#include "formats/gvariant.h"
#include "formats/object.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* The largest payload, in bytes, that is stored in the message itself. */
#define MAX_INLINE 4096

/**
 * MpMessage:
 *
 * A value in one of several formats, together with descriptors.
 *
 * A message keeps the format in which it was created, and is converted once, when a reader asks for
 * another format: a Python program puts a pickle, a JavaScript program gets JSON, and neither has
 * to know about the other.
 *
 * ```c
 * g_autoptr (MpMessage) message = mp_message_new_json ("{\"answer\": 42}");
 * g_autoptr (GVariant) value = mp_message_get_variant (message, &error);
 * gint64 answer;
 *
 * if (value != NULL && g_variant_lookup (value, "answer", "x", &answer))
 *   g_print ("%" G_GINT64_FORMAT "\n", answer);
 * ```
 *
 * The bytes of a message may come from an untrusted process. They are checked when they are
 * accessed, and the error describes what is wrong with them and where.
 *
 * Several threads may read a message at the same time. Its descriptors may be set only by the code
 * that created it.
 *
 * Since: 1.0
 */
G_DEFINE_BOXED_TYPE (MpMessage, mp_message, mp_message_ref, mp_message_unref)

/**
 * mp_message_new_variant: (constructor)
 * @value: what to send
 *
 * Creates a message from a variant of any type.
 *
 * A floating reference of @value is taken.
 *
 * Returns: (transfer full): a message in the format `MP_FORMAT_GVARIANT`
 *
 * Since: 1.0
 */
MpMessage *
mp_message_new_variant (GVariant *value)
{
  MpMessage *self;

  g_return_val_if_fail (value != NULL, NULL);

  self = mp_message_new_of (MP_FORMAT_GVARIANT, NULL);
  g_variant_ref_sink (value);
  mp_message_ensure_rest (self)->value = mp_gvariant_get_normal_form (value);
  g_variant_unref (value);

  return self;
}

/**
 * mp_message_new_bytes: (constructor)
 * @bytes: what to send
 *
 * Creates a message from unstructured bytes.
 *
 * Returns: (transfer full): a message in the format `MP_FORMAT_BYTES`
 *
 * Since: 1.0
 */
MpMessage *
mp_message_new_bytes (GBytes *bytes)
{
  g_return_val_if_fail (bytes != NULL, NULL);

  return mp_message_new_of (MP_FORMAT_BYTES, g_bytes_ref (bytes));
}

/**
 * mp_message_new_data: (constructor)
 * @data: (array length=length) (element-type guint8): what to send
 * @length: the length of @data, in bytes
 *
 * Creates a message from a copy of unstructured bytes.
 *
 * For short data this is faster than [ctor@Message.new_bytes].
 *
 * Returns: (transfer full): a message in the format `MP_FORMAT_BYTES`
 *
 * Since: 1.0
 */
MpMessage *
mp_message_new_data (const guint8 *data,
                     gsize         length)
{
  MpMessage *self;

  g_return_val_if_fail (data != NULL || length == 0, NULL);

  if (length > MAX_INLINE)
    return mp_message_new_of (MP_FORMAT_BYTES, g_bytes_new (data, length));

  self = mp_message_allocate (MP_FORMAT_BYTES, length);
  if (length > 0)
    memcpy (self->inline_data, data, length);

  return self;
}

/**
 * mp_message_new_json: (constructor)
 * @json: JSON text
 *
 * Creates a message from JSON text.
 *
 * The text is checked when the message is sent or read.
 *
 * Returns: (transfer full): a message in the format `MP_FORMAT_JSON`
 *
 * Since: 1.0
 */
MpMessage *
mp_message_new_json (const char *json)
{
  g_return_val_if_fail (json != NULL, NULL);

  return mp_message_new_of (MP_FORMAT_JSON, g_bytes_new (json, strlen (json)));
}

/**
 * mp_message_new_pickle: (constructor)
 * @data: (array length=length) (element-type guint8): the result of Python's `pickle.dumps`
 * @length: the length of @data, in bytes
 *
 * Creates a message from a Python pickle.
 *
 * These plain values are supported: `None`, `bool`, `int`, `float`, `str`, `bytes`, `bytearray`,
 * `list`, `tuple`, `dict`, `set` and `frozenset`. The pickle is checked when the message is sent or
 * read, and nothing in it is ever executed.
 *
 * Returns: (transfer full): a message in the format `MP_FORMAT_PICKLE`
 *
 * Since: 1.0
 */
MpMessage *
mp_message_new_pickle (const guint8 *data,
                       gsize         length)
{
  g_return_val_if_fail (data != NULL || length == 0, NULL);

  return mp_message_new_of (MP_FORMAT_PICKLE, g_bytes_new (data, length));
}

/**
 * mp_message_new_object: (constructor)
 * @object: what to send
 *
 * Creates a message from an object: its type name and its properties.
 *
 * It includes the properties that are readable and that are writable, or can be set at
 * construction. They are read when the message is sent.
 *
 * Returns: (transfer full): a message in the format `MP_FORMAT_OBJECT`
 *
 * Since: 1.0
 */
MpMessage *
mp_message_new_object (GObject *object)
{
  MpMessage *self;

  g_return_val_if_fail (G_IS_OBJECT (object), NULL);

  self = mp_message_new_of (MP_FORMAT_OBJECT, NULL);
  mp_message_ensure_rest (self)->object = g_object_ref (object);

  return self;
}

/**
 * mp_message_new_opaque: (constructor)
 * @bytes: what to send
 * @codec: the name of the codec that made @bytes, not empty
 *
 * Creates a message from bytes that only sender and receiver understand.
 *
 * The library transfers them unchanged and never interprets them.
 *
 * Returns: (transfer full): a message in the format `MP_FORMAT_OPAQUE`
 *
 * Since: 1.0
 */
MpMessage *
mp_message_new_opaque (GBytes     *bytes,
                       const char *codec)
{
  MpMessage *self;

  g_return_val_if_fail (bytes != NULL, NULL);
  g_return_val_if_fail (codec != NULL && *codec != '\0', NULL);

  self = mp_message_new_of (MP_FORMAT_OPAQUE, NULL);
  mp_message_ensure_rest (self)->opaque = g_bytes_ref (bytes);
  self->rest->codec = g_strdup (codec);

  return self;
}

/**
 * mp_message_ref:
 * @self: a message
 *
 * Adds a reference.
 *
 * Returns: (transfer full): @self
 *
 * Since: 1.0
 */
MpMessage *
mp_message_ref (MpMessage *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * mp_message_unref:
 * @self: (transfer full): a message
 *
 * Drops a reference.
 *
 * When the last one is dropped, the descriptors that were not taken are closed.
 *
 * Since: 1.0
 */
void
mp_message_unref (MpMessage *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_clear_pointer (&self->payload, g_bytes_unref);
  g_clear_pointer (&self->rest, mp_message_rest_free);
  g_slice_free1 (sizeof *self + self->inline_size, self);
}

/**
 * mp_message_get_format:
 * @self: a message
 *
 * Gets the format in which the message was created.
 *
 * Returns: the format
 *
 * Since: 1.0
 */
MpFormat
mp_message_get_format (MpMessage *self)
{
  g_return_val_if_fail (self != NULL, MP_FORMAT_GVARIANT);

  return self->format;
}

/**
 * mp_message_get_size:
 * @self: a message
 *
 * Gets the size of the message's payload in its own format.
 *
 * Returns: the size in bytes; 0 for an object that cannot be serialized
 *
 * Since: 1.0
 */
gsize
mp_message_get_size (MpMessage *self)
{
  MpMessageRest *rest;
  GBytes        *payload;

  g_return_val_if_fail (self != NULL, 0);

  if (mp_message_is_inline (self))
    return self->inline_size;
  rest = g_atomic_pointer_get (&self->rest);
  if (rest != NULL && rest->value != NULL)
    return mp_gvariant_get_payload_size (rest->value);

  payload = mp_message_peek_own (self, NULL);
  return payload != NULL ? g_bytes_get_size (payload) : 0;
}

/**
 * mp_message_get_codec:
 * @self: a message
 *
 * Gets the name of the codec of an opaque message.
 *
 * Returns: (nullable): the name, or %NULL for any other message
 *
 * Since: 1.0
 */
const char *
mp_message_get_codec (MpMessage *self)
{
  MpMessageRest *rest;

  g_return_val_if_fail (self != NULL, NULL);

  rest = g_atomic_pointer_get (&self->rest);
  return rest != NULL ? rest->codec : NULL;
}

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
 * @self: a message of bytes, or an opaque one
 * @length: (out): how many bytes
 *
 * Gets the bytes of a message of bytes, or those that the codec of an opaque message created.
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
  return self->format == MP_FORMAT_BYTES
           ? g_bytes_get_data (mp_message_peek_own (self, NULL), length)
           : NULL;
}

/**
 * mp_message_get_address:
 * @self: a message of bytes, or an opaque one
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

/**
 * mp_message_set_fd_list:
 * @self: a message
 * @fd_list: (nullable): the descriptors to send with it
 *
 * Sets the descriptors that are sent with the message.
 *
 * Connections over Unix sockets can send them; anything else refuses such a message with
 * `MP_ERROR_UNSUPPORTED`.
 *
 * Since: 1.0
 */
void
mp_message_set_fd_list (MpMessage   *self,
                        GUnixFDList *fd_list)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list));

  if (fd_list != NULL || mp_message_get_fd_list (self) != NULL)
    g_set_object (&mp_message_ensure_rest (self)->fd_list, fd_list);
}

/**
 * mp_message_get_fd_list:
 * @self: a message
 *
 * Gets the descriptors that are sent with the message.
 *
 * Returns: (transfer none) (nullable): the descriptors, or %NULL if there are none
 *
 * Since: 1.0
 */
GUnixFDList *
mp_message_get_fd_list (MpMessage *self)
{
  MpMessageRest *rest;

  g_return_val_if_fail (self != NULL, NULL);

  rest = g_atomic_pointer_get (&self->rest);
  return rest != NULL ? rest->fd_list : NULL;
}

/**
 * mp_serializable_enable:
 * @type: the type of a class
 *
 * Allows messages to build objects of a class.
 *
 * This applies to exactly this class: derived classes have to be enabled separately. Building an
 * object sets its properties to values that an untrusted process chose, so enable only classes that
 * are designed for it.
 *
 * Since: 1.0
 */
void
mp_serializable_enable (GType type)
{
  g_return_if_fail (g_type_is_a (type, G_TYPE_OBJECT));

  mp_object_enable (type);
}

/* --- For queues and connections --------------------------------------------------------------- */

gboolean
mp_message_peek_payload (MpMessage     *self,
                         const guint8 **data,
                         gsize         *size,
                         GError       **error)
{
  GBytes *payload;

  if (G_LIKELY (mp_message_is_inline (self)))
    {
      *data = self->inline_data;
      *size = self->inline_size;
      return TRUE;
    }
  payload = mp_message_peek_checked (self, error);
  if (payload == NULL)
    return FALSE;
  *data = g_bytes_get_data (payload, size);
  return TRUE;
}

GBytes *
mp_message_ref_payload (MpMessage *self,
                        GError   **error)
{
  GBytes *payload;

  g_return_val_if_fail (self != NULL, NULL);

  payload = mp_message_peek_checked (self, error);
  return payload != NULL ? g_bytes_ref (payload) : NULL;
}

GBytes *
mp_message_convert_payload (MpMessage *self,
                            MpFormat   format,
                            GError   **error)
{
  GBytes *payload;

  g_return_val_if_fail (self != NULL, NULL);

  payload = mp_message_peek_converted (self, format, error);
  return payload != NULL ? g_bytes_ref (payload) : NULL;
}

static gboolean
split_opaque (MpMessage *self,
              GBytes    *payload,
              GError   **error)
{
  gsize       size;
  const char *data = g_bytes_get_data (payload, &size);
  const char *nul = size > 0 ? memchr (data, '\0', size) : NULL;

  if (nul == NULL || nul == data || !g_utf8_validate (data, nul - data, NULL))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                   _ ("An opaque message has no name of a codec at byte 0"));
      return FALSE;
    }

  mp_message_ensure_rest (self)->codec = g_strdup (data);
  self->rest->opaque = g_bytes_new_from_bytes (payload, nul + 1 - data, data + size - (nul + 1));
  return TRUE;
}

MpMessage *
mp_message_new_from_payload (MpFormat format,
                             GBytes  *payload,
                             GError **error)
{
  g_autoptr (MpMessage) self = NULL;

  g_return_val_if_fail (payload != NULL, NULL);

  if ((guint) format >= MP_N_FORMATS)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                   _ ("No format has the number %u"), (guint) format);
      return NULL;
    }

  self = mp_message_new_of (format, g_bytes_ref (payload));
  if (format == MP_FORMAT_OPAQUE && !split_opaque (self, payload, error))
    return NULL;

  return g_steal_pointer (&self);
}
