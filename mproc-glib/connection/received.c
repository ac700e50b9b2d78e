/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "received.h"

#include "formats/gvariant-reader.h"
#include "formats/pickle-reader.h"
#include "message/mp-message-private.h"

static gpointer
make_bytes (MpChannelMessage *received,
            MpFormat          format,
            gsize            *length,
            GError          **error)
{
  return mp_channel_message_steal_bytes (received);
}

const MpReceivedForm mp_received_bytes = { make_bytes, (GDestroyNotify) g_bytes_unref, TRUE };

/* Moves the received descriptors to the MpMessage. */
static void
move_fds (MpChannelMessage *received,
          MpMessage        *message)
{
  g_autoptr (GUnixFDList) fd_list = NULL;

  if (received->n_fds == 0)
    return;

  fd_list = g_unix_fd_list_new_from_array (received->fds, (int) received->n_fds);
  received->n_fds = 0;
  mp_message_set_fd_list (message, fd_list);
}

static gpointer
make_message (MpChannelMessage *received,
              MpFormat          format,
              gsize            *length,
              GError          **error)
{
  g_autoptr (GBytes) payload = make_bytes (received, format, NULL, NULL);
  MpMessage *message = mp_message_new_from_payload (format, payload, error);

  if (message != NULL)
    move_fds (received, message);
  return message;
}

const MpReceivedForm mp_received_message = {
  make_message,
  (GDestroyNotify) mp_message_unref,
  TRUE,
};

static gpointer
make_variant (MpChannelMessage *received,
              MpFormat          format,
              gsize            *length,
              GError          **error)
{
  g_autoptr (MpMessage) message = NULL;

  if (format == MP_FORMAT_GVARIANT)
    {
      g_autoptr (GBytes) payload = make_bytes (received, format, NULL, NULL);

      return mp_gvariant_load_payload (payload, error);
    }

  message = make_message (received, format, NULL, error);
  return message != NULL ? mp_message_get_variant (message, error) : NULL;
}

const MpReceivedForm mp_received_variant = { make_variant, (GDestroyNotify) g_variant_unref, TRUE };

static gpointer
make_data (MpChannelMessage *received,
           MpFormat          format,
           gsize            *length,
           GError          **error)
{
  *length = received->length;
  return mp_channel_message_steal_data (received);
}

const MpReceivedForm mp_received_data = { make_data, g_free, FALSE };

static gpointer
make_json (MpChannelMessage *received,
           MpFormat          format,
           gsize            *length,
           GError          **error)
{
  g_autoptr (MpMessage) message = make_message (received, format, NULL, error);

  return message != NULL ? mp_message_get_json (message, error) : NULL;
}

const MpReceivedForm mp_received_json = { make_json, g_free, FALSE };

static gpointer
make_pickle (MpChannelMessage *received,
             MpFormat          format,
             gsize            *length,
             GError          **error)
{
  g_autoptr (MpMessage) message = NULL;
  gboolean needs_dill = FALSE;

  if (format == MP_FORMAT_PICKLE &&
      !mp_pickle_check (received->data, received->length, &needs_dill, error))
    return NULL;
  if (format == MP_FORMAT_PICKLE && !needs_dill)
    return make_data (received, format, length, NULL);

  message = make_message (received, format, NULL, error);
  return message != NULL ? mp_message_get_pickle (message, length, error) : NULL;
}

const MpReceivedForm mp_received_pickle = { make_pickle, g_free, FALSE };
