/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"
#include "received.h"

#include <glib/gi18n-lib.h>
#include <unistd.h>

#include "formats/gvariant-reader.h"
#include "formats/gvariant.h"
#include "mp-error.h"

/* The type of a description: the index of the descriptor, whether the end is readable and writable,
 * the format, and max-message-size. */
#define SHARED_TYPE "(hbbut)"

static GVariant *
mp_connection_describe (MpShareable *shareable,
                        GUnixFDList *descriptors,
                        GError     **error)
{
  MpConnection *self = MP_CONNECTION (shareable);
  MpChannel    *channel = mp_connection_get_channel (self, error);
  int           fd, index;

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
refuse_description (const char *what,
                    GError    **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
               _ ("This does not describe a connection: %s"), what);
  return FALSE;
}

static gboolean
check_description (GVariant    *description,
                   GUnixFDList *descriptors,
                   GError     **error)
{
  gint32   index;
  gboolean readable, writable;
  guint32  format;
  guint64  max_message_size;

  if (!g_variant_is_of_type (description, G_VARIANT_TYPE (SHARED_TYPE)) ||
      !g_variant_is_normal_form (description))
    return refuse_description ("wrong type", error);

  g_variant_get (description, SHARED_TYPE, &index, &readable, &writable, &format,
                 &max_message_size);
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
mp_connection_open (GType        type,
                    GVariant    *description,
                    GUnixFDList *descriptors,
                    GError     **error)
{
  MpTransport  *transport;
  MpConnection *self;
  gint32        index;
  gboolean      readable, writable;
  guint32       format;
  guint64       max_message_size;
  int           fd;

  if (!check_description (description, descriptors, error))
    return NULL;

  g_variant_get (description, SHARED_TYPE, &index, &readable, &writable, &format,
                 &max_message_size);
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
  iface->describe = mp_connection_describe;
  iface->open = mp_connection_open;
}

/**
 * mp_connection_send_shareable:
 * @self: a connection over a Unix socket
 * @shareable: a queue, a connection or another shareable object
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Passes an object to the process at the other end, which gets it with
 * [method@Connection.recv_shareable].
 *
 * Fails as [method@Shareable.describe] and [method@Connection.send_message] do, for example with
 * `MP_ERROR_UNSUPPORTED` if descriptors cannot be sent over this connection.
 *
 * Returns: whether it was sent; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_connection_send_shareable (MpConnection *self,
                              MpShareable  *shareable,
                              gint64        timeout_us,
                              GCancellable *cancellable,
                              GError      **error)
{
  g_autoptr (GUnixFDList) descriptors = g_unix_fd_list_new ();
  g_autoptr (GVariant) description = NULL;
  g_autofree guint8 *payload = NULL;
  MpChannel         *channel;
  const int         *fds;
  gsize              size;
  int                n_fds;

  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);
  g_return_val_if_fail (MP_IS_SHAREABLE (shareable), FALSE);

  channel = mp_connection_get_channel (self, error);
  if (channel == NULL)
    return FALSE;
  description = mp_shareable_describe (shareable, descriptors, error);
  if (description == NULL)
    return FALSE;

  /* Always a variant, whatever the connection's format, since other formats do not preserve its
   * type. */
  size = mp_gvariant_get_payload_size (description);
  payload = g_malloc (size);
  mp_gvariant_store_payload (description, payload);
  fds = g_unix_fd_list_peek_fds (descriptors, &n_fds);
  return mp_channel_send (channel, &(struct iovec){ payload, size }, 1, fds, n_fds, timeout_us,
                          cancellable, error);
}

/**
 * mp_connection_recv_shareable:
 * @self: a connection over a Unix socket
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Receives an object that the other end has sent with [method@Connection.send_shareable].
 *
 * Fails as [method@Connection.recv_message] and [func@Shareable.open] do. If the received message
 * is of another kind, it is lost.
 *
 * Returns: (transfer full): an object of the class that was sent, or %NULL with @error set
 *
 * Since: 1.0
 */
MpShareable *
mp_connection_recv_shareable (MpConnection *self,
                              gint64        timeout_us,
                              GCancellable *cancellable,
                              GError      **error)
{
  g_auto (MpChannelMessage) received = {
    0,
  };
  g_autoptr (GUnixFDList) descriptors = NULL;
  g_autoptr (GVariant) description = NULL;
  g_autoptr (GBytes) payload = NULL;

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  if (!mp_connection_receive (self, -1, timeout_us, cancellable, &received, error))
    return NULL;

  /* The list takes ownership of the descriptors. */
  descriptors = g_unix_fd_list_new_from_array (received.fds, (int) received.n_fds);
  received.n_fds = 0;
  payload = mp_received_bytes.make (&received, MP_FORMAT_GVARIANT, NULL, NULL);
  description = mp_gvariant_load_payload (payload, error);
  return description != NULL ? mp_shareable_open (description, descriptors, error) : NULL;
}
