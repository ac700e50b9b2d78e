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
 * Connections are created by [func@pipe], a [class@Listener] and [func@connect]. They use the wire
 * format of Python's `multiprocessing.connection`, so the peer may be a Python program:
 * [property@Connection:format] determines how [method@Connection.send] and [method@Connection.recv]
 * serialize values, and [method@Connection.send_bytes] and similar functions transfer bytes
 * unchanged.
 *
 * A receive that times out, is cancelled or is interrupted in the middle of a message loses
 * nothing: the next one continues. A send that ends in the middle of a message counts as
 * successful, and the rest of the message is sent before anything else.
 *
 * When the peer has closed its end, receives fail with `MP_ERROR_END_OF_STREAM`; if that happened
 * inside a message, with `MP_ERROR_TRUNCATED`. A message that is longer than
 * [property@Connection:max-message-size], or than the caller's own limit, fails with
 * `MP_ERROR_TOO_LARGE` before memory is allocated for it. Its bytes are not consumed, so nothing
 * can be received afterwards; a connection that cannot send either is closed. Bytes that cannot be
 * the start of a message fail with `MP_ERROR_INVALID_MESSAGE` and close the connection.
 *
 * A blocking receive spins for up to 50 µs before it sleeps, as long as that was successful lately:
 * sleeping and being woken takes longer than most replies. The environment variable
 * `MPROC_GLIB_SPIN_US=0` disables that, and on a machine with one processor it is never done.
 *
 * All functions may be called from any thread, also concurrently; messages are never interleaved.
 * Functions that do not end in `_async` also work in a forked child.
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

  mp_fork_hook_remove (&priv->fork_hook);
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
   * Whether this end can receive.
   *
   * It becomes %FALSE permanently when a message is too large to be received.
   *
   * Since: 1.0
   */
  mp_connection_properties[MP_CONNECTION_PROP_READABLE] =
    g_param_spec_boolean ("readable", NULL, NULL, FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpConnection:writable:
   *
   * Whether this end can send.
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
   * It is closed by [method@Connection.close], and before [signal@Connection::closed] is emitted.
   *
   * Since: 1.0
   */
  mp_connection_properties[MP_CONNECTION_PROP_CLOSED] =
    g_param_spec_boolean ("closed", NULL, NULL, FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpConnection:format:
   *
   * The format of values on the wire, which has to be the same at both ends.
   *
   * [method@Connection.send], [method@Connection.recv] and all other functions except those for
   * bytes convert to and from it. A peer that uses `send ()` of Python's `multiprocessing` needs
   * `MP_FORMAT_PICKLE`.
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
   * A longer one fails with `MP_ERROR_TOO_LARGE`, before memory is allocated for it.
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
   * Many small messages are then received with one system call. A connection that is started always
   * reads ahead, see [method@Connection.start]. Only this object has the data that was read ahead.
   * Therefore, while reading ahead is enabled or such data has not been received yet,
   * [method@Connection.get_fd] returns no descriptor, the connection cannot be passed to another
   * process, and a forked child cannot receive from it.
   *
   * Without reading ahead, the descriptor shows all available data, and several processes can
   * receive whole messages from one connection if they take turns, for example with a lock.
   *
   * Since: 1.0
   */
  mp_connection_properties[MP_CONNECTION_PROP_READ_AHEAD] =
    g_param_spec_boolean ("read-ahead", NULL, NULL, FALSE,
                          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpConnection:peer-credentials:
   *
   * The credentials of the process that created the other end, according to the kernel, or %NULL if
   * this is not a Unix socket.
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
   * Emitted for each message between [method@Connection.start] and [method@Connection.stop], in the
   * main context in which it was started.
   *
   * Since: 1.0
   */
  mp_connection_signals[MP_CONNECTION_SIGNAL_MESSAGE] =
    g_signal_new ("message", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, MP_TYPE_MESSAGE);

  /**
   * MpConnection::closed:
   * @self: the connection
   * @reason: (nullable): the reason: `MP_ERROR_END_OF_STREAM` if the peer has closed its end or
   *   died; %NULL if this end was closed by a call
   *
   * Emitted once, when [property@Connection:closed] becomes %TRUE: when this end is closed, or,
   * between [method@Connection.start] and [method@Connection.stop], when the peer is gone or
   * nothing can be received from it any more, which closes this end. A receive of bytes that cannot
   * be the start of a message also closes it. Emitted in the thread that closes it.
   *
   * Since: 1.0
   */
  mp_connection_signals[MP_CONNECTION_SIGNAL_CLOSED] =
    g_signal_new ("closed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, G_TYPE_ERROR);

  /**
   * MpConnection::called:
   * @self: the connection
   * @invocation: the call, to be answered now or later
   *
   * Emitted for each call of the peer between [method@Connection.start] and
   * [method@Connection.stop], in the main context in which it was started.
   *
   * While no handler is connected, calls are answered with `MP_ERROR_UNSUPPORTED` if this end makes
   * calls itself; otherwise they are received as ordinary messages.
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
in_child (MpForkHook *hook)
{
  MpConnectionPrivate *priv = MP_FORK_HOOK_OWNER (hook, MpConnectionPrivate);

  /* Another thread of the parent was changing the list. */
  if (mp_fork_reset_mutex (&priv->lock))
    g_queue_init (&priv->receivers);
  priv->served = NULL;
}

static void
mp_connection_init (MpConnection *self)
{
  MpConnectionPrivate *priv = mp_connection_get_private (self);

  priv->format = MP_FORMAT_GVARIANT;
  g_mutex_init (&priv->lock);
  mp_fork_hook_add (&priv->fork_hook, in_child);
  mp_flushers_init (&priv->flushers);
}

/**
 * mp_connection_new_for_fd: (constructor)
 * @fd: a connected stream socket, or an end of a pipe
 * @readable: whether to receive from it
 * @writable: whether to send to it
 * @error: return location for an error
 *
 * Creates a connection over a descriptor that the caller has opened.
 *
 * The connection takes ownership of @fd and closes it; on failure, @fd still belongs to the caller.
 * A pipe is made non-blocking, for this process alone where the system allows that.
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
 * @stream: a stream whose input and output streams can be polled
 * @error: return location for an error
 *
 * Creates a connection over a stream, for example a TLS connection.
 *
 * Fails with `MP_ERROR_UNSUPPORTED` if the stream cannot be polled. No other code may use the
 * stream afterwards; closing the connection closes it.
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
