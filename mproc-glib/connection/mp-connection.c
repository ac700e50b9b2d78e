/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"

#include <glib/gi18n-lib.h>
#include <sys/socket.h>

#include "mp-enum-types.h"
#include "mp-error.h"

#define DEFAULT_MAX_MESSAGE_SIZE (64 * 1024 * 1024)

/**
 * MpConnection:
 *
 * One end of a connection between two processes, which carries whole messages.
 *
 * ```c
 * g_autoptr (MpConnection) parent = NULL;
 * g_autoptr (MpConnection) child = NULL;
 *
 * if (!mp_pipe (TRUE, &parent, &child, &error))
 *   return FALSE;
 *
 * mp_connection_send (parent, g_variant_new ("(si)", "answer", 42), -1, NULL, &error);
 * reply = mp_connection_recv (child, -1, NULL, &error);
 * ```
 *
 * Connections come from [func@pipe], from a [class@Listener] and from [func@connect]. What
 * they send on the wire is what Python's `multiprocessing.connection` sends, so the peer
 * may be such a program: [property@Connection:format] says how [method@Connection.send]
 * and [method@Connection.recv] write values, and [method@Connection.send_bytes] and its
 * relatives carry bytes as they are.
 *
 * A receive that times out, is cancelled or is interrupted in the middle of a message
 * loses nothing: the next one goes on. A send that stops in the middle of a message counts as
 * done, and the rest of the message leaves before anything else.
 *
 * When the peer has closed its end, receives fail with `MP_ERROR_END_OF_STREAM`; when it
 * went away inside a message, with `MP_ERROR_TRUNCATED`. A message that is longer than
 * [property@Connection:max-message-size], or than the caller's maximum, fails with
 * `MP_ERROR_TOO_LARGE` before memory is taken for it. Its bytes are still in the way, so that
 * nothing can
 * be received any more; a connection that can do nothing else is closed. Bytes that cannot be the
 * start of a message fail with `MP_ERROR_INVALID_MESSAGE` and close the connection.
 *
 * A blocking receive looks again and again for up to 50 µs before it sleeps, as long as that
 * lately paid: to sleep and to be woken takes longer than most answers. The environment variable
 * `MPROC_GLIB_SPIN_US=0` turns it off, and with one processor it never happens.
 *
 * All calls may be made from any thread, also at the same time; messages never mix. The calls that
 * do not end in `_async` work in a forked child as well.
 *
 * Since: 1.0
 */

G_DEFINE_TYPE_WITH_CODE (MpConnection,
                         mp_connection,
                         G_TYPE_OBJECT,
                         G_ADD_PRIVATE (MpConnection)
                           G_IMPLEMENT_INTERFACE (MP_TYPE_WAITABLE, mp_connection_waitable_init)
                             G_IMPLEMENT_INTERFACE (MP_TYPE_SHAREABLE,
                                                    mp_connection_shareable_init))

enum
{
  PROP_READABLE = 1,
  PROP_WRITABLE,
  PROP_CLOSED,
  PROP_FORMAT,
  PROP_MAX_MESSAGE_SIZE,
  PROP_PEER_CREDENTIALS,
  PROP_PEER_ADDRESS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

enum
{
  SIGNAL_MESSAGE,
  SIGNAL_CLOSED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

MpConnectionPrivate *
mp_connection_get_private (MpConnection *self)
{
  return mp_connection_get_instance_private (self);
}

MpChannel *
mp_connection_get_channel (MpConnection *self,
                           GError      **error)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);

  if (priv->channel == NULL)
    g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED, _ ("The connection is closed"));
  return priv->channel;
}

gsize
mp_connection_get_maximum (gssize max_length)
{
  return max_length < 0 ? G_MAXSIZE : (gsize) max_length;
}

void
mp_connection_tell_closed (MpConnection *self)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);

  if (g_atomic_int_compare_and_exchange (&priv->told_closed, FALSE, TRUE))
    g_signal_emit (self, signals[SIGNAL_CLOSED], 0);
}

void
mp_connection_emit_message (MpConnection *self,
                            MpMessage    *message)
{
  g_signal_emit (self, signals[SIGNAL_MESSAGE], 0, message);
}

static void
mp_connection_dispose (GObject *object)
{
  MpConnection        *self = MP_CONNECTION (object);
  MpConnectionPrivate *priv = mp_connection_get_private (self);

  mp_connection_stop (self);
  if (priv->channel != NULL)
    mp_channel_close (priv->channel, NULL);

  G_OBJECT_CLASS (mp_connection_parent_class)->dispose (object);
}

static void
mp_connection_finalize (GObject *object)
{
  MpConnectionPrivate *priv = mp_connection_get_private (MP_CONNECTION (object));

  g_clear_pointer (&priv->channel, mp_channel_unref);
  g_clear_pointer (&priv->peer_address, g_free);
  g_mutex_clear (&priv->lock);

  G_OBJECT_CLASS (mp_connection_parent_class)->finalize (object);
}

static void
mp_connection_get_property (GObject    *object,
                            guint       prop_id,
                            GValue     *value,
                            GParamSpec *pspec)
{
  MpConnection *self = MP_CONNECTION (object);

  switch (prop_id)
    {
    case PROP_READABLE:
      g_value_set_boolean (value, mp_connection_get_readable (self));
      break;

    case PROP_WRITABLE:
      g_value_set_boolean (value, mp_connection_get_writable (self));
      break;

    case PROP_CLOSED:
      g_value_set_boolean (value, mp_connection_get_closed (self));
      break;

    case PROP_FORMAT:
      g_value_set_enum (value, mp_connection_get_format (self));
      break;

    case PROP_MAX_MESSAGE_SIZE:
      g_value_set_uint64 (value, mp_connection_get_max_message_size (self));
      break;

    case PROP_PEER_CREDENTIALS:
      g_value_take_object (value, mp_connection_get_peer_credentials (self));
      break;

    case PROP_PEER_ADDRESS:
      g_value_set_string (value, mp_connection_get_peer_address (self));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
mp_connection_set_property (GObject      *object,
                            guint         prop_id,
                            const GValue *value,
                            GParamSpec   *pspec)
{
  MpConnection *self = MP_CONNECTION (object);

  switch (prop_id)
    {
    case PROP_FORMAT:
      mp_connection_set_format (self, g_value_get_enum (value));
      break;

    case PROP_MAX_MESSAGE_SIZE:
      mp_connection_set_max_message_size (self, g_value_get_uint64 (value));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
install_properties (GObjectClass *object_class)
{
  /**
   * MpConnection:readable:
   *
   * Whether this end receives.
   *
   * Becomes %FALSE for good when a message was too large to be received.
   *
   * Since: 1.0
   */
  properties[PROP_READABLE] =
    g_param_spec_boolean ("readable", NULL, NULL, FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpConnection:writable:
   *
   * Whether this end sends.
   *
   * Since: 1.0
   */
  properties[PROP_WRITABLE] =
    g_param_spec_boolean ("writable", NULL, NULL, FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpConnection:closed:
   *
   * Whether this end was closed.
   *
   * Since: 1.0
   */
  properties[PROP_CLOSED] =
    g_param_spec_boolean ("closed", NULL, NULL, FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpConnection:format:
   *
   * The form that values have on the wire, which both ends have to agree upon.
   *
   * [method@Connection.send], [method@Connection.recv] and all other calls except those for
   * bytes convert to it and from it. A peer that uses `send ()` of Python's
   * `multiprocessing` needs `MP_FORMAT_PICKLE`.
   *
   * Since: 1.0
   */
  properties[PROP_FORMAT] =
    g_param_spec_enum ("format", NULL, NULL, MP_TYPE_FORMAT, MP_FORMAT_GVARIANT,
                       G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpConnection:max-message-size:
   *
   * The largest message accepted or sent, in bytes, header excluded.
   *
   * A longer one fails with `MP_ERROR_TOO_LARGE`, before memory is taken for it.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_MESSAGE_SIZE] =
    g_param_spec_uint64 ("max-message-size", NULL, NULL,
                         1, MP_CONNECTION_LARGEST_MESSAGE, DEFAULT_MAX_MESSAGE_SIZE,
                         G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpConnection:peer-credentials:
   *
   * Who made the other end, as the kernel says, or %NULL if this is no Unix socket.
   *
   * Since: 1.0
   */
  properties[PROP_PEER_CREDENTIALS] =
    g_param_spec_object ("peer-credentials", NULL, NULL, G_TYPE_CREDENTIALS,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpConnection:peer-address:
   *
   * The address of the other end, or %NULL if it has none.
   *
   * Since: 1.0
   */
  properties[PROP_PEER_ADDRESS] =
    g_param_spec_string ("peer-address", NULL, NULL, NULL,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
install_signals (GType type)
{
  /**
   * MpConnection::message:
   * @self: the connection
   * @message: the message
   *
   * Emitted for each message that comes between [method@Connection.start] and
   * [method@Connection.stop], in the main context in which it was started.
   *
   * Since: 1.0
   */
  signals[SIGNAL_MESSAGE] =
    g_signal_new ("message", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, MP_TYPE_MESSAGE);

  /**
   * MpConnection::closed:
   * @self: the connection
   *
   * Emitted once: when this end is closed, in the thread that closes it, or, while the
   * connection is started, when the peer closes or dies.
   *
   * Since: 1.0
   */
  signals[SIGNAL_CLOSED] =
    g_signal_new ("closed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
mp_connection_class_init (MpConnectionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = mp_connection_dispose;
  object_class->finalize = mp_connection_finalize;
  object_class->get_property = mp_connection_get_property;
  object_class->set_property = mp_connection_set_property;

  install_properties (object_class);
  install_signals (G_TYPE_FROM_CLASS (klass));
}

static void
mp_connection_init (MpConnection *self)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);

  priv->format = MP_FORMAT_GVARIANT;
  g_mutex_init (&priv->lock);
}

MpConnection *
mp_connection_new_for_channel (GType       type,
                               MpChannel  *channel,
                               const char *peer_address)
{
  MpConnection        *self = g_object_new (type, NULL);
  MpConnectionPrivate *priv = mp_connection_get_private (self);

  priv->channel = channel;
  priv->peer_address = g_strdup (peer_address);
  return self;
}

/**
 * mp_connection_new_for_fd: (constructor)
 * @fd: a connected stream socket, or an end of a pipe
 * @readable: whether to receive from it
 * @writable: whether to send to it
 * @error: return location for an error
 *
 * Makes a connection of a descriptor that the caller already has.
 *
 * The connection owns @fd from then on and closes it; when this fails, @fd is still
 * the caller's. A pipe is made non-blocking, for this process alone where the system allows that.
 *
 * Returns: (transfer full): a connection
 *
 * Since: 1.0
 */
MpConnection *
mp_connection_new_for_fd (int      fd,
                          gboolean readable,
                          gboolean writable,
                          GError **error)
{
  MpTransport *transport;

  g_return_val_if_fail (readable || writable, NULL);

  transport = mp_socket_transport_new (fd, error);
  if (transport == NULL)
    return NULL;

  return mp_connection_new_for_channel (MP_TYPE_CONNECTION,
                                        mp_channel_new (transport, readable, writable), NULL);
}

/**
 * mp_connection_new_for_stream: (constructor)
 * @stream: a stream whose two halves can be polled
 * @error: return location for an error
 *
 * Makes a connection over a stream, for example one of TLS.
 *
 * Fails with `MP_ERROR_UNSUPPORTED` when the stream cannot be polled. Nobody else may use
 * it afterwards; closing the connection closes it.
 *
 * Returns: (transfer full): a connection
 *
 * Since: 1.0
 */
MpConnection *
mp_connection_new_for_stream (GIOStream *stream,
                              GError   **error)
{
  MpTransport *transport;

  g_return_val_if_fail (G_IS_IO_STREAM (stream), NULL);

  transport = mp_stream_transport_new (stream, error);
  if (transport == NULL)
    return NULL;

  return mp_connection_new_for_channel (MP_TYPE_CONNECTION, mp_channel_new (transport, TRUE, TRUE),
                                        NULL);
}

/**
 * mp_connection_poll:
 * @self: a connection
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Waits until there is something to receive: a message, a part of one, or the news that
 * the peer is gone.
 *
 * Returns: whether there is; %FALSE without an error when the time is over
 *
 * Since: 1.0
 */
gboolean
mp_connection_poll (MpConnection *self,
                    gint64        timeout_us,
                    GCancellable *cancellable,
                    GError      **error)
{
  gint64       deadline = mp_transport_deadline (timeout_us);
  MpChannel   *channel;
  MpWaitStatus status;

  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);

  channel = mp_connection_get_channel (self, error);
  if (channel == NULL)
    return FALSE;

  do
    {
      status =
        mp_channel_wait (channel, G_IO_IN, mp_transport_time_left (deadline), cancellable, error);
    }
  while (status == MP_WAIT_INTERRUPTED);

  return status == MP_WAIT_READY;
}

/**
 * mp_connection_wait:
 * @self: a connection
 * @condition: `G_IO_IN`, `G_IO_OUT`, or both
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Waits like [method@Connection.poll], but not longer than until a signal was handled.
 *
 * Language bindings call this in a loop, so that a handler of theirs runs at once.
 *
 * Returns: whether the condition holds; %FALSE without an error when the time is over or a
 *   signal came
 *
 * Since: 1.0
 */
gboolean
mp_connection_wait (MpConnection *self,
                    GIOCondition  condition,
                    gint64        timeout_us,
                    GCancellable *cancellable,
                    GError      **error)
{
  MpChannel *channel;

  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);

  channel = mp_connection_get_channel (self, error);
  return channel != NULL &&
         mp_channel_wait (channel, condition, timeout_us, cancellable, error) == MP_WAIT_READY;
}

/**
 * mp_connection_get_fd:
 * @self: a connection
 *
 * Gives the descriptor, for a foreign main loop to poll.
 *
 * It says what the kernel has received. Messages that this object has read ahead do not
 * show, so when it was readable, take messages with [method@Connection.try_recv] or one of its
 * relatives until there are none.
 *
 * Returns: a descriptor that stays the connection's; -1 when it is closed or has none
 *
 * Since: 1.0
 */
int
mp_connection_get_fd (MpConnection *self)
{
  MpChannel *channel;

  g_return_val_if_fail (MP_IS_CONNECTION (self), -1);

  channel = mp_connection_get_channel (self, NULL);
  return channel != NULL ? mp_channel_get_fd (channel) : -1;
}

/**
 * mp_connection_create_source:
 * @self: a connection
 * @cancellable: (nullable): a cancellable, whose cancellation dispatches the source too
 *
 * Gives a source that is ready while there is something to receive, or the connection
 * is closed.
 *
 * Its callback is a plain [callback@GLib.SourceFunc].
 *
 * Returns: (transfer full): a source that is not attached yet
 *
 * Since: 1.0
 */
GSource *
mp_connection_create_source (MpConnection *self,
                             GCancellable *cancellable)
{
  MpChannel *channel;
  GSource   *source;

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  channel = mp_connection_get_channel (self, NULL);
  source = channel != NULL ? mp_channel_create_source (channel, G_IO_IN, cancellable)
                           : g_idle_source_new ();
  g_source_set_static_name (source, "MpConnection");
  return source;
}

/**
 * mp_connection_close:
 * @self: a connection
 * @error: return location for an error
 *
 * Closes this end.
 *
 * What the peer has room for of messages that wait to be sent is sent; other calls that
 * are under way fail with `MP_ERROR_CLOSED`. Closing twice is fine.
 *
 * Returns: whether nothing went wrong; the connection is closed in any case
 *
 * Since: 1.0
 */
gboolean
mp_connection_close (MpConnection *self,
                     GError      **error)
{
  MpConnectionPrivate *priv;
  gboolean             success;

  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);

  priv = mp_connection_get_private (self);
  if (priv->channel == NULL || mp_channel_is_closed (priv->channel))
    return TRUE;

  success = mp_channel_close (priv->channel, error);
  mp_connection_stop (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CLOSED]);
  mp_connection_tell_closed (self);
  return success;
}

/**
 * mp_connection_get_readable:
 * @self: a connection
 *
 * Says whether this end receives.
 *
 * Returns: whether it does
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
 * mp_connection_get_writable:
 * @self: a connection
 *
 * Says whether this end sends.
 *
 * Returns: whether it does
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
 * mp_connection_get_closed:
 * @self: a connection
 *
 * Says whether this end was closed.
 *
 * Returns: whether it was
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
 * mp_connection_get_format:
 * @self: a connection
 *
 * Gives the form that values have on the wire.
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
 * mp_connection_set_format:
 * @self: a connection
 * @format: a format
 *
 * Sets the form that values have on the wire, for the messages to come.
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
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_FORMAT]);
}

/**
 * mp_connection_get_max_message_size:
 * @self: a connection
 *
 * Gives the size of the largest message accepted or sent.
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
  return channel != NULL ? mp_channel_get_limit (channel) : DEFAULT_MAX_MESSAGE_SIZE;
}

/**
 * mp_connection_set_max_message_size:
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
  MpChannel *channel;

  g_return_if_fail (MP_IS_CONNECTION (self));
  g_return_if_fail (max_message_size >= 1 && max_message_size <= MP_CONNECTION_LARGEST_MESSAGE);

  channel = mp_connection_get_channel (self, NULL);
  if (channel == NULL || mp_channel_get_limit (channel) == max_message_size)
    return;

  mp_channel_set_limit (channel, MIN (max_message_size, G_MAXSSIZE));
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MAX_MESSAGE_SIZE]);
}

/**
 * mp_connection_get_peer_credentials:
 * @self: a connection
 *
 * Says who made the other end: process, user and group, as the kernel noted them then.
 *
 * Returns: (transfer full) (nullable): credentials, or %NULL if this is no Unix socket
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
  int           fd;

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  fd = mp_connection_get_fd (self);
  if (fd < 0 || getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &native, &length) < 0 || native.pid == 0)
    return NULL;

  credentials = g_credentials_new ();
  g_credentials_set_native (credentials, G_CREDENTIALS_TYPE_LINUX_UCRED, &native);
  return credentials;
}

/**
 * mp_connection_get_peer_address:
 * @self: a connection
 *
 * Gives the address of the other end.
 *
 * Returns: (nullable): an address such as [func@connect] takes, or %NULL
 *
 * Since: 1.0
 */
const char *
mp_connection_get_peer_address (MpConnection *self)
{
  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);

  return mp_connection_get_private (self)->peer_address;
}
