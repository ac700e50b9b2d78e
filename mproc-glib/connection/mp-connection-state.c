/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"

#include <glib/gi18n-lib.h>
#include <sys/socket.h>

#include "mp-error.h"
#include "waiting/mp-waitable-private.h"

/* The state of a connection and its properties, for the other files of the class. */

int         mp_connection_private_offset;
guint       mp_connection_signals[MP_CONNECTION_N_SIGNALS];
GParamSpec *mp_connection_properties[MP_CONNECTION_N_PROPS];

MpChannel *
mp_connection_get_channel (MpConnection *self,
                           GError      **error)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);

  if (priv->channel == NULL)
    g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED, _ ("The connection is closed"));
  return priv->channel;
}

static void
tell_closed (MpConnection *self,
             const GError *reason)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);

  if (!g_atomic_int_compare_and_exchange (&priv->told_closed, FALSE, TRUE))
    return;

  mp_waitable_wake_waits (MP_WAITABLE (self));
  g_object_notify_by_pspec (G_OBJECT (self), mp_connection_properties[MP_CONNECTION_PROP_CLOSED]);
  g_signal_emit (self, mp_connection_signals[MP_CONNECTION_SIGNAL_CLOSED], 0, reason);
}

gboolean
mp_connection_end (MpConnection *self,
                   const GError *reason,
                   GError      **error)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);
  gboolean             success = TRUE;

  if (priv->channel == NULL)
    return TRUE;

  if (!mp_channel_is_closed (priv->channel))
    success = mp_channel_close (priv->channel, error);
  tell_closed (self, reason);
  if (g_atomic_pointer_get (&priv->calls) != NULL)
    mp_calls_end (priv->calls, reason);
  return success;
}

static gsize
get_maximum (gssize max_length)
{
  return max_length < 0 ? G_MAXSIZE : (gsize) max_length;
}

void
mp_connection_settle (MpConnection *self,
                      const GError *failure)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);

  /* The channel closes itself when the peer sends bytes that cannot begin a message. */
  if (failure != NULL && !g_error_matches (failure, MP_ERROR, MP_ERROR_CLOSED) &&
      priv->channel != NULL && mp_channel_is_closed (priv->channel))
    tell_closed (self, failure);
}

gboolean
mp_connection_receive (MpConnection     *self,
                       gssize            max_length,
                       gint64            timeout_us,
                       GCancellable     *cancellable,
                       MpChannelMessage *received,
                       GError          **error)
{
  MpChannel *channel = mp_connection_get_channel (self, error);
  g_autoptr (GError) failure = NULL;

  if (channel == NULL)
    return FALSE;
  if (mp_channel_receive (channel, get_maximum (max_length), timeout_us, cancellable, received,
                          &failure))
    return TRUE;

  mp_connection_settle (self, failure);
  g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}

MpChannelStatus
mp_connection_try_take (MpConnection     *self,
                        gssize            max_length,
                        MpChannelMessage *received,
                        GError          **error)
{
  MpChannel *channel = mp_connection_get_channel (self, error);

  return channel == NULL
           ? MP_CHANNEL_ERROR
           : mp_channel_try_receive (channel, get_maximum (max_length), received, error);
}

MpChannelStatus
mp_connection_try_receive (MpConnection     *self,
                           gssize            max_length,
                           MpChannelMessage *received,
                           GError          **error)
{
  g_autoptr (GError) failure = NULL;
  MpChannelStatus status = mp_connection_try_take (self, max_length, received, &failure);

  mp_connection_settle (self, failure);
  if (failure != NULL)
    g_propagate_error (error, g_steal_pointer (&failure));
  return status;
}

MpConnection *
mp_connection_new_for_channel (GType       type,
                               MpChannel  *channel,
                               const char *peer_address)
{
  MpConnection        *self = g_object_new (type, NULL);
  MpConnectionPrivate *priv = mp_connection_get_private (self);

  priv->channel = channel;
  if (peer_address != NULL)
    priv->peer_address = g_utf8_make_valid (peer_address, -1);
  return self;
}

/**
 * mp_connection_get_readable: (get-property readable)
 * @self: a connection
 *
 * Gets whether this end can receive.
 *
 * Returns: whether it can
 *
 * Since: 1.0
 */
gboolean
mp_connection_get_readable (MpConnection *self)
{
  MpChannel *channel;

  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);

  channel = mp_connection_get_channel (self, NULL);
  return channel != NULL && mp_channel_is_readable (channel);
}

/**
 * mp_connection_get_writable: (get-property writable)
 * @self: a connection
 *
 * Gets whether this end can send.
 *
 * Returns: whether it can
 *
 * Since: 1.0
 */
gboolean
mp_connection_get_writable (MpConnection *self)
{
  MpChannel *channel;

  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);

  channel = mp_connection_get_channel (self, NULL);
  return channel != NULL && mp_channel_is_writable (channel);
}

/**
 * mp_connection_get_closed: (get-property closed)
 * @self: a connection
 *
 * Gets whether this end is closed: by a call, or because the peer was found to be gone or to send
 * bytes that are not a message.
 *
 * Returns: whether it is closed
 *
 * Since: 1.0
 */
gboolean
mp_connection_get_closed (MpConnection *self)
{
  MpChannel *channel;

  g_return_val_if_fail (MP_IS_CONNECTION (self), TRUE);

  channel = mp_connection_get_channel (self, NULL);
  return channel == NULL || mp_channel_is_closed (channel);
}

/**
 * mp_connection_get_format: (get-property format)
 * @self: a connection
 *
 * Gets the format of values on the wire.
 *
 * Returns: the format
 *
 * Since: 1.0
 */
MpFormat
mp_connection_get_format (MpConnection *self)
{
  g_return_val_if_fail (MP_IS_CONNECTION (self), MP_FORMAT_GVARIANT);

  return (MpFormat) g_atomic_int_get (&mp_connection_get_private (self)->format);
}

/**
 * mp_connection_set_format: (set-property format)
 * @self: a connection
 * @format: a format
 *
 * Sets the format of values on the wire, for later messages.
 *
 * Since: 1.0
 */
void
mp_connection_set_format (MpConnection *self,
                          MpFormat      format)
{
  MpConnectionPrivate *priv;

  g_return_if_fail (MP_IS_CONNECTION (self));

  priv = mp_connection_get_private (self);
  if ((MpFormat) g_atomic_int_get (&priv->format) == format)
    return;

  g_atomic_int_set (&priv->format, (gint) format);
  g_object_notify_by_pspec (G_OBJECT (self), mp_connection_properties[MP_CONNECTION_PROP_FORMAT]);
}

/**
 * mp_connection_get_max_message_size: (get-property max-message-size)
 * @self: a connection
 *
 * Gets the size of the largest message accepted or sent.
 *
 * Returns: the size in bytes
 *
 * Since: 1.0
 */
guint64
mp_connection_get_max_message_size (MpConnection *self)
{
  MpChannel *channel;

  g_return_val_if_fail (MP_IS_CONNECTION (self), 0);

  channel = mp_connection_get_channel (self, NULL);
  return channel != NULL ? mp_channel_get_limit (channel) : MP_CONNECTION_DEFAULT_MESSAGE_SIZE;
}

/**
 * mp_connection_set_max_message_size: (set-property max-message-size)
 * @self: a connection
 * @max_message_size: a size in bytes, from 1 to 2^40
 *
 * Sets the size of the largest message accepted or sent.
 *
 * Since: 1.0
 */
void
mp_connection_set_max_message_size (MpConnection *self,
                                    guint64       max_message_size)
{
  GParamSpec *pspec = mp_connection_properties[MP_CONNECTION_PROP_MAX_MESSAGE_SIZE];
  MpChannel  *channel;

  g_return_if_fail (MP_IS_CONNECTION (self));
  g_return_if_fail (max_message_size >= 1 && max_message_size <= MP_CONNECTION_LARGEST_MESSAGE);

  channel = mp_connection_get_channel (self, NULL);
  if (channel == NULL || mp_channel_get_limit (channel) == max_message_size)
    return;

  mp_channel_set_limit (channel, MIN (max_message_size, G_MAXSSIZE));
  g_object_notify_by_pspec (G_OBJECT (self), pspec);
}

/**
 * mp_connection_get_read_ahead: (get-property read-ahead)
 * @self: a connection
 *
 * Gets whether receives may read more than one message at a time.
 *
 * Returns: whether they may, even if the connection is not started
 *
 * Since: 1.0
 */
gboolean
mp_connection_get_read_ahead (MpConnection *self)
{
  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);

  return g_atomic_int_get (&mp_connection_get_private (self)->read_ahead);
}

/**
 * mp_connection_set_read_ahead: (set-property read-ahead)
 * @self: a connection
 * @read_ahead: whether receives may read more than one message at a time
 *
 * Sets whether receives may read more than one message at a time; see
 * [property@Connection:read-ahead].
 *
 * Since: 1.0
 */
void
mp_connection_set_read_ahead (MpConnection *self,
                              gboolean      read_ahead)
{
  MpConnectionPrivate *priv;

  g_return_if_fail (MP_IS_CONNECTION (self));

  priv = mp_connection_get_private (self);
  if (priv->channel == NULL ||
      !g_atomic_int_compare_and_exchange (&priv->read_ahead, !read_ahead, !!read_ahead))
    return;

  if (read_ahead)
    mp_channel_begin_reading_ahead (priv->channel);
  else
    mp_channel_end_reading_ahead (priv->channel);
  g_object_notify_by_pspec (G_OBJECT (self),
                            mp_connection_properties[MP_CONNECTION_PROP_READ_AHEAD]);
}

/**
 * mp_connection_get_peer_credentials: (get-property peer-credentials)
 * @self: a connection
 *
 * Gets the process, user and group that created the other end, as recorded by the kernel then.
 *
 * Returns: (transfer full) (nullable): credentials, or %NULL if this is not a Unix socket
 *
 * Since: 1.0
 */
GCredentials *
mp_connection_get_peer_credentials (MpConnection *self)
{
  struct ucred native = {
    0,
  };
  socklen_t     length = sizeof native;
  GCredentials *credentials;
  MpChannel    *channel;
  int           fd;

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  channel = mp_connection_get_channel (self, NULL);
  fd = channel != NULL ? mp_channel_get_fd (channel) : -1;
  if (fd < 0 || getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &native, &length) < 0 || native.pid == 0)
    return NULL;

  credentials = g_credentials_new ();
  g_credentials_set_native (credentials, G_CREDENTIALS_TYPE_LINUX_UCRED, &native);
  return credentials;
}

/**
 * mp_connection_get_peer_address: (get-property peer-address)
 * @self: a connection
 *
 * Gets the address of the other end.
 *
 * Returns: (nullable): an address in the syntax of [func@connect], or %NULL
 *
 * Since: 1.0
 */
const char *
mp_connection_get_peer_address (MpConnection *self)
{
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  return mp_connection_get_private (self)->peer_address;
}
