/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"

#include <glib/gi18n-lib.h>
#include <unistd.h>

#include "mp-error.h"

/* What share () gives: the index of the descriptor, readable, writable, format, and the
 * largest message. */
#define SHARED_TYPE "(hbbut)"

static int
mp_connection_waitable_get_fd (MpWaitable *waitable)
{
  return mp_connection_get_fd (MP_CONNECTION (waitable));
}

static GIOCondition
mp_connection_waitable_get_condition (MpWaitable *waitable)
{
  return mp_connection_get_readable (MP_CONNECTION (waitable)) ? G_IO_IN : 0;
}

static gboolean
mp_connection_waitable_has_pending (MpWaitable  *waitable,
                                    GError     **error)
{
  MpChannel *channel = mp_connection_get_channel (MP_CONNECTION (waitable), error);
  GIOCondition condition = mp_connection_waitable_get_condition (waitable);

  return channel != NULL && mp_channel_has_pending (channel, condition, error);
}

void
mp_connection_waitable_init (MpWaitableInterface *iface)
{
  iface->get_fd = mp_connection_waitable_get_fd;
  iface->get_condition = mp_connection_waitable_get_condition;
  iface->has_pending = mp_connection_waitable_has_pending;
}

static GVariant *
mp_connection_share (MpShareable  *shareable,
                     GUnixFDList  *descriptors,
                     GError      **error)
{
  MpConnection *self = MP_CONNECTION (shareable);
  MpChannel *channel = mp_connection_get_channel (self, error);
  int fd, index;

  if (channel == NULL)
    return NULL;

  fd = mp_channel_dup_fd (channel, error);
  if (fd < 0)
    return NULL;

  index = g_unix_fd_list_append (descriptors, fd, error);
  close (fd);
  if (index < 0)
    return NULL;

  return g_variant_new (SHARED_TYPE, index,
                        mp_connection_get_readable (self), mp_connection_get_writable (self),
                        (guint32) mp_connection_get_format (self),
                        mp_connection_get_max_message_size (self));
}

static gboolean
refuse_description (const char  *what,
                    GError     **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
               _("This does not describe a connection: %s"), what);
  return FALSE;
}

static gboolean
check_description (GVariant     *description,
                   GUnixFDList  *descriptors,
                   GError      **error)
{
  gint32 index;
  gboolean readable, writable;
  guint32 format;
  guint64 max_message_size;

  if (!g_variant_is_of_type (description, G_VARIANT_TYPE (SHARED_TYPE))
      || !g_variant_is_normal_form (description))
    return refuse_description ("wrong type", error);

  g_variant_get (description, SHARED_TYPE, &index, &readable, &writable, &format, &max_message_size);
  if (index < 0 || index >= g_unix_fd_list_get_length (descriptors))
    return refuse_description ("no such descriptor", error);
  if (!readable && !writable)
    return refuse_description ("neither readable nor writable", error);
  if (format > MP_FORMAT_OPAQUE)
    return refuse_description ("unknown format", error);
  if (max_message_size < 1 || max_message_size > MP_CONNECTION_LARGEST_MESSAGE)
    return refuse_description ("impossible maximum size", error);

  return TRUE;
}

static MpShareable *
mp_connection_restore (GType         type,
                       GVariant     *description,
                       GUnixFDList  *descriptors,
                       GError      **error)
{
  MpTransport *transport;
  MpConnection *self;
  gint32 index;
  gboolean readable, writable;
  guint32 format;
  guint64 max_message_size;
  int fd;

  if (!check_description (description, descriptors, error))
    return NULL;

  g_variant_get (description, SHARED_TYPE, &index, &readable, &writable, &format, &max_message_size);
  fd = g_unix_fd_list_get (descriptors, index, error);
  if (fd < 0)
    return NULL;

  transport = mp_socket_transport_new (fd, error);
  if (transport == NULL)
    {
      close (fd);
      return NULL;
    }

  self = mp_connection_new_for_channel (type, mp_channel_new (transport, readable, writable), NULL);
  mp_connection_set_format (self, format);
  mp_connection_set_max_message_size (self, max_message_size);
  return MP_SHAREABLE (self);
}

void
mp_connection_shareable_init (MpShareableInterface *iface)
{
  iface->share = mp_connection_share;
  iface->restore = mp_connection_restore;
}
