/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"
#include "mp-invocation.h"

#include "mp-enum-types.h"

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
  g_clear_pointer (&priv->calls, mp_calls_free);
  mp_flushers_clear (&priv->flushers);
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
    case MP_CONNECTION_PROP_READABLE:
      g_value_set_boolean (value, mp_connection_get_readable (self));
      break;

    case MP_CONNECTION_PROP_WRITABLE:
      g_value_set_boolean (value, mp_connection_get_writable (self));
      break;

    case MP_CONNECTION_PROP_CLOSED:
      g_value_set_boolean (value, mp_connection_get_closed (self));
      break;

    case MP_CONNECTION_PROP_FORMAT:
      g_value_set_enum (value, mp_connection_get_format (self));
      break;

    case MP_CONNECTION_PROP_MAX_MESSAGE_SIZE:
      g_value_set_uint64 (value, mp_connection_get_max_message_size (self));
      break;

    case MP_CONNECTION_PROP_READ_AHEAD:
      g_value_set_boolean (value, mp_connection_get_read_ahead (self));
      break;

    case MP_CONNECTION_PROP_PEER_CREDENTIALS:
      g_value_take_object (value, mp_connection_get_peer_credentials (self));
      break;

    case MP_CONNECTION_PROP_PEER_ADDRESS:
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
    case MP_CONNECTION_PROP_FORMAT:
      mp_connection_set_format (self, g_value_get_enum (value));
      break;

    case MP_CONNECTION_PROP_MAX_MESSAGE_SIZE:
      mp_connection_set_max_message_size (self, g_value_get_uint64 (value));
      break;

    case MP_CONNECTION_PROP_READ_AHEAD:
      mp_connection_set_read_ahead (self, g_value_get_boolean (value));
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
  mp_connection_properties[MP_CONNECTION_PROP_READABLE] =
    g_param_spec_boolean ("readable", NULL, NULL, FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpConnection:writable:
   *
   * Whether this end sends.
   *
   * Since: 1.0
   */
  mp_connection_properties[MP_CONNECTION_PROP_WRITABLE] =
    g_param_spec_boolean ("writable", NULL, NULL, FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpConnection:closed:
   *
   * Whether this end is closed.
   *
   * It is after [method@Connection.close], and when [signal@Connection::closed] is emitted.
   *
   * Since: 1.0
   */
  mp_connection_properties[MP_CONNECTION_PROP_CLOSED] =
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
  mp_connection_properties[MP_CONNECTION_PROP_FORMAT] =
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
  mp_connection_properties[MP_CONNECTION_PROP_MAX_MESSAGE_SIZE] =
    g_param_spec_uint64 ("max-message-size", NULL, NULL,
                         1, MP_CONNECTION_LARGEST_MESSAGE, MP_CONNECTION_DEFAULT_MESSAGE_SIZE,
                         G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpConnection:read-ahead:
   *
   * Whether receives may read more than one message at a time.
   *
   * Many small messages then come with one system call. It is so in any case while the connection
   * is started, see [method@Connection.start]. What was read ahead is known to this object alone,
   * therefore as long as it is so, or something that was read ahead has not been received:
   * [method@Connection.get_fd] gives no descriptor, the connection cannot be handed to another
   * process, and a process that is forked cannot receive from it.
   *
   * Without reading ahead the descriptor shows all there is, and several processes may take whole
   * messages from one connection as long as they take turns, with a lock for example.
   *
   * Since: 1.0
   */
  mp_connection_properties[MP_CONNECTION_PROP_READ_AHEAD] =
    g_param_spec_boolean ("read-ahead", NULL, NULL, FALSE,
                          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpConnection:peer-credentials:
   *
   * Who made the other end, as the kernel says, or %NULL if this is no Unix socket.
   *
   * Since: 1.0
   */
  mp_connection_properties[MP_CONNECTION_PROP_PEER_CREDENTIALS] =
    g_param_spec_object ("peer-credentials", NULL, NULL, G_TYPE_CREDENTIALS,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpConnection:peer-address:
   *
   * The address of the other end, or %NULL if it has none.
   *
   * Since: 1.0
   */
  mp_connection_properties[MP_CONNECTION_PROP_PEER_ADDRESS] =
    g_param_spec_string ("peer-address", NULL, NULL, NULL,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  g_object_class_install_properties (object_class, MP_CONNECTION_N_PROPS,
                                     mp_connection_properties);
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
  mp_connection_signals[MP_CONNECTION_SIGNAL_MESSAGE] =
    g_signal_new ("message", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, MP_TYPE_MESSAGE);

  /**
   * MpConnection::closed:
   * @self: the connection
   * @reason: (nullable): why: `MP_ERROR_END_OF_STREAM` when the peer has closed its end or died;
   *   %NULL when this end was closed by a call
   *
   * Emitted once, when [property@Connection:closed] becomes %TRUE: when this end is closed, or,
   * between [method@Connection.start] and [method@Connection.stop], when the peer is gone or
   * nothing can be received from it any more, which closes this end. A receive that finds what
   * cannot be the start of a message closes it, too. Emitted in the thread that closes.
   *
   * Since: 1.0
   */
  mp_connection_signals[MP_CONNECTION_SIGNAL_CLOSED] =
    g_signal_new ("closed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, G_TYPE_ERROR);

  /**
   * MpConnection::called:
   * @self: the connection
   * @invocation: the call, which is to be answered, now or later
   *
   * Emitted for each call of the peer between [method@Connection.start] and
   * [method@Connection.stop], in the main context in which it was started.
   *
   * While no handler is connected calls are answered with `MP_ERROR_UNSUPPORTED` if this end makes
   * calls itself, and are messages like others if it does not.
   *
   * Since: 1.0
   */
  mp_connection_signals[MP_CONNECTION_SIGNAL_CALLED] =
    g_signal_new ("called", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, MP_TYPE_INVOCATION);
}

static void
mp_connection_class_init (MpConnectionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  mp_connection_private_offset = g_type_class_get_instance_private_offset (klass);
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
  mp_flushers_init (&priv->flushers);
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
