/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "message-forms.h"
#include "mp-error.h"
#include "mp-message-private.h"
#include "formats/format.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Payloads, as queues and connections transfer them. */

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
