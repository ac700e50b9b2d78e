/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "formats/format.h"
#include "formats/pickle-reader.h"
#include "message/mp-message-private.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Putting and getting serialized payloads, for language bindings that read and write them with
 * their own code. */

#define ALL_TAGS ((1u << MP_N_FORMATS) - 1)

/* What other formats can be converted to. */
#define TARGETS (MP_FORMATS_PICKLE | MP_FORMATS_JSON | MP_FORMATS_GVARIANT | MP_FORMATS_BYTES)

/* The codecs for messages with arrays, and for other objects of the same senders. */
#define ARRAYS_CODEC "pickle+buffers"
#define CODEC        "pickle"

typedef struct
{
  MpFormats   accepted;
  MpFormat    target; /* the format to convert other formats to; NONE: none */
  const char *codec;

  MpFormat format;
  gsize    length;
  gboolean has_arrays;
} Request;

static MpFormat
choose_target (MpFormats accepted)
{
  static const MpFormat preferred[] = { MP_FORMAT_PICKLE, MP_FORMAT_JSON, MP_FORMAT_GVARIANT,
                                        MP_FORMAT_BYTES };

  for (guint i = 0; i < G_N_ELEMENTS (preferred); i++)
    if ((accepted & MP_QUEUE_TAG (preferred[i])) != 0)
      return preferred[i];
  return MP_FORMAT_NONE;
}

/* Opaque messages are always included, so that the error can name the codec that reads them.
 * Messages with arrays are not, since they are got in another way. */
MpQueueAccepted
mp_queue_accept_payloads (MpFormats   accepted,
                          const char *codec)
{
  const guint32 opaque = MP_QUEUE_TAG (MP_FORMAT_OPAQUE);
  guint32       convertible = (accepted & TARGETS) != 0 ? ALL_TAGS : 0;
  guint32       any = MP_QUEUE_TAG (MP_FORMAT_BYTES);

  if ((accepted & MP_FORMATS_ARRAYS) != 0)
    convertible &= ~MP_QUEUE_TAG (MP_FORMAT_GVARIANT);
  /* The codec "pickle" means that the caller loads any pickle, so there is no need for a check. */
  if (g_strcmp0 (codec, CODEC) == 0)
    any |= MP_QUEUE_TAG (MP_FORMAT_PICKLE);

  return (MpQueueAccepted){
    .any = accepted & any,
    .sound = accepted & ALL_TAGS & ~(any | opaque),
    .by_content = (convertible & ~accepted) | opaque,
  };
}

/* Opaque messages of the codec are readable whatever follows its name. */
static void
accept_by_prefix (MpQueueAccepted *accepted,
                  MpFormats        formats,
                  const char      *codec)
{
  gsize size = codec != NULL ? strlen (codec) + 1 : 0;

  if ((formats & MP_FORMATS_OPAQUE) == 0 || size == 0 || size > MP_QUEUE_PEEK_SIZE)
    return;
  accepted->by_prefix = MP_QUEUE_TAG (MP_FORMAT_OPAQUE);
  accepted->prefix = codec;
  accepted->prefix_size = size;
}

/* Reads the bytes that a codec made, without the codec's name. */
static guint8 *
read_opaque (MpQueueDelivery *delivery,
             Request         *request,
             GError         **error)
{
  gsize name_size = strnlen ((const char *) delivery->data, delivery->size);

  if (name_size == delivery->size)
    {
      g_set_error_literal (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                           _ ("An opaque message does not name its codec"));
      return NULL;
    }
  if ((request->accepted & MP_FORMATS_OPAQUE) == 0 ||
      g_strcmp0 ((const char *) delivery->data, request->codec) != 0)
    {
      request->has_arrays = strcmp ((const char *) delivery->data, ARRAYS_CODEC) == 0 &&
                            g_strcmp0 (request->codec, CODEC) == 0;
      mp_format_refuse_opaque (delivery->data, delivery->size, error);
      return NULL;
    }

  request->length = delivery->size - name_size - 1;
  memmove (delivery->data, delivery->data + name_size + 1, request->length);
  return mp_queue_delivery_steal (delivery);
}

/* Checks the payload or converts it. */
static guint8 *
read_as_message (MpQueueDelivery *delivery,
                 Request         *request,
                 GError         **error)
{
  g_autoptr (MpMessage) message = mp_queue_steal_message (delivery, error);
  g_autoptr (GBytes) payload = NULL;

  if (message != NULL)
    payload = mp_message_convert_payload (message, request->format, error);
  if (payload == NULL)
    return NULL;
  /* Makes a copy if the message still holds a reference to the payload. */
  g_clear_pointer (&message, mp_message_unref);
  return g_bytes_unref_to_data (g_steal_pointer (&payload), &request->length);
}

/* Whether the payload is valid in the format of its tag and can be returned unchanged.  A pickle
 * that would make its reader import a module is written again without that. */
static gboolean
is_ready (MpQueueDelivery *delivery,
          const char      *codec,
          GError         **error)
{
  gboolean needs_dill;

  if (delivery->tag == MP_FORMAT_BYTES)
    return TRUE;
  if (delivery->tag == MP_FORMAT_PICKLE && g_strcmp0 (codec, "pickle") == 0)
    return TRUE;
  return delivery->tag == MP_FORMAT_PICKLE &&
         mp_pickle_check (delivery->data, delivery->size, &needs_dill, error) && !needs_dill;
}

static gpointer
read_payload (MpQueueDelivery *delivery,
              gpointer         user_data,
              GError         **error)
{
  Request *request = user_data;
  g_autoptr (GError) malformed = NULL;

  request->format = (MpFormat) delivery->tag;
  if (delivery->tag == MP_FORMAT_OPAQUE)
    return read_opaque (delivery, request, error);
  if ((request->accepted & MP_QUEUE_TAG (delivery->tag)) == 0)
    request->format = request->target;
  else if (is_ready (delivery, request->codec, &malformed))
    {
      request->length = delivery->size;
      return mp_queue_delivery_steal (delivery);
    }

  if (malformed != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&malformed));
      return NULL;
    }
  return read_as_message (delivery, request, error);
}

/* Whether the message was refused since it may have arrays: the caller gets it by
 * get_message (). */
static gboolean
is_for_arrays (const Request         *request,
               const MpQueueDelivery *delivery,
               const GError          *refused)
{
  return (request->accepted & MP_FORMATS_ARRAYS) != 0 &&
         (request->has_arrays || (delivery->tag == MP_FORMAT_GVARIANT &&
                                  (request->accepted & MP_FORMATS_GVARIANT) == 0)) &&
         g_error_matches (refused, MP_ERROR, MP_ERROR_UNSUPPORTED);
}

/**
 * mp_queue_get_payload:
 * @self: a queue
 * @accepted: (type guint): the formats that the caller can read, [flags@Formats]
 * @format: (out) (type gint): the format of the result, an [enum@Format]; `NONE` if there is none
 * @length: (out): how many bytes
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @error: return location for an error
 *
 * Gets the payload of the next message, for callers that deserialize it with their own code.
 *
 * A message in an accepted format is checked and returned unchanged; any other is converted to the
 * first of `PICKLE`, `JSON`, `GVARIANT` and `BYTES` that is accepted. Of an opaque message of the
 * queue's [property@Queue:codec], the bytes that the codec made are returned. Pickles that pass the
 * check refer to no functions or classes; but a caller whose codec is `pickle` loads any pickle
 * anyway, and gets them unchecked.
 *
 * With `ARRAYS` in @accepted, a message that may have arrays, which are not to be copied again, is
 * not returned: a GVariant, unless @accepted includes those too, and an opaque message of the codec
 * `pickle+buffers`, if that of the queue is `pickle`. It stays queued, and @format is its format;
 * get it by [method@Queue.try_get_message].
 *
 * It also returns after a signal handler of the process has run, so that interpreters that run
 * their handlers later can do so: call it in a loop.
 *
 * Fails with `MP_ERROR_CLOSED` if this object was closed, or the queue was shut down and is
 * drained. A message that cannot be converted to an accepted format fails with
 * `MP_ERROR_UNSUPPORTED` and stays queued.
 *
 * Returns: (transfer full) (array length=length) (element-type guint8) (nullable): the bytes; %NULL
 *   without an error if the timeout expired, a signal handler ran, or the message may have arrays;
 *   with @error set if the message cannot be read or the queue cannot be used
 *
 * Since: 1.0
 */
guint8 *
mp_queue_get_payload (MpQueue  *self,
                      MpFormats accepted,
                      MpFormat *format,
                      gsize    *length,
                      gint64    timeout_us,
                      GError  **error)
{
  MpQueueCall     call = { .timeout_us = timeout_us, .interruptible = TRUE };
  MpQueueReader   reader = { .read = read_payload, .free_value = g_free };
  Request         request = { .accepted = accepted, .format = MP_FORMAT_NONE };
  guint8          stack[MP_QUEUE_SMALL_MESSAGE];
  MpQueueDelivery delivery = { .buffer = stack, .capacity = sizeof stack, .tag = G_MAXUINT8 };
  g_autoptr (GError) refused = NULL;
  guint8 *data;

  *format = MP_FORMAT_NONE;
  *length = 0;
  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);

  request.target = choose_target (accepted);
  request.codec = mp_queue_get_codec (self);
  reader.accepted = mp_queue_accept_payloads (accepted, request.codec);
  accept_by_prefix (&reader.accepted, accepted, request.codec);
  data = mp_queue_get_delivery (self, &reader, &request, &delivery, &call, TRUE, NULL, &refused);
  if (G_LIKELY (data != NULL))
    {
      *format = request.format;
      *length = request.length;
    }
  else if (is_for_arrays (&request, &delivery, refused))
    {
      *format = (MpFormat) delivery.tag;
    }
  else if (refused != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&refused));
    }
  return data;
}

/* Checks a payload before it is put: one that cannot be read would block the messages behind it. */
gboolean
mp_queue_check_payload (MpFormat      format,
                        const guint8 *data,
                        gsize         length,
                        GError      **error)
{
  g_autoptr (GBytes) payload = NULL;
  g_autoptr (GBytes) checked = NULL;
  gboolean needs_dill;

  if (format == MP_FORMAT_BYTES || format == MP_FORMAT_OPAQUE)
    return TRUE;
  if (format == MP_FORMAT_PICKLE)
    return mp_pickle_check (data, length, &needs_dill, error);

  payload = g_bytes_new_static (data, length);
  checked = mp_format_check (format, payload, error);
  return checked != NULL;
}

/**
 * mp_queue_put_payload:
 * @self: a queue
 * @format: (type gint): the format of @data, an [enum@Format]
 * @data: (array length=length) (element-type guint8): the bytes; if opaque, the name of the codec,
 *   a NUL byte, and the bytes made by the codec
 * @length: how many bytes
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @error: return location for an error
 *
 * Puts the bytes of a value that is serialized in @format.
 *
 * It also returns after a signal handler of the process has run; see [method@Queue.get_payload].
 *
 * Bytes that are not valid in that format fail with `MP_ERROR_INVALID_MESSAGE`, and a pickle that
 * refers to a function or a class with `MP_ERROR_UNSUPPORTED`. Otherwise it fails as
 * [method@Queue.put] does.
 *
 * Returns: whether it was put; %FALSE without an error if there was no room before the timeout or a
 *   signal handler ran
 *
 * Since: 1.0
 */
gboolean
mp_queue_put_payload (MpQueue      *self,
                      MpFormat      format,
                      const guint8 *data,
                      gsize         length,
                      gint64        timeout_us,
                      GError      **error)
{
  MpQueueCall call = { .timeout_us = timeout_us, .interruptible = TRUE };

  g_return_val_if_fail (MP_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (data != NULL || length == 0, FALSE);
  g_return_val_if_fail (format >= MP_FORMAT_GVARIANT && format <= MP_FORMAT_OPAQUE, FALSE);
  g_return_val_if_fail (format != MP_FORMAT_OPAQUE ||
                          (length > 0 && data[0] != 0 && memchr (data, 0, length) != NULL),
                        FALSE);

  return mp_queue_check_payload (format, data, length, error) &&
         mp_queue_put_item (self, format, data, length, &call, TRUE, error);
}
