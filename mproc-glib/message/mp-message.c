/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "message-forms.h"
#include "mp-message-private.h"
#include "formats/format.h"
#include "formats/gvariant.h"
#include "formats/object.h"

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
