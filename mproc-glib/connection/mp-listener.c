/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-listener-private.h"

#include "base/mp-deadline.h"
#include "waiting/mp-waitable-private.h"

#define DEFAULT_BACKLOG     128
#define DEFAULT_MAX_PENDING 256

/* The default of the property address. */
#define DEFAULT_ADDRESS "unix:"

/**
 * MpListener:
 *
 * Listens at an address and accepts peers that connect.
 *
 * ```c
 * g_autoptr (GBytes) key = g_bytes_new_static ("secret", 6);
 * g_autoptr (MpListener) listener = mp_listener_new ("tcp:localhost:6000", key, &error);
 *
 * while ((connection = mp_listener_accept (listener, -1, NULL, &error)) != NULL)
 *   serve (connection);
 * ```
 *
 * An address is one of
 *
 * - `unix:/path`: a socket file, which is removed when the listener is closed
 * - `unix:`: a socket file in a new directory that only this user can access
 * - `unix-abstract:name`: a name without a file, hence without permissions
 * - `tcp:host:port`, where an empty host means all interfaces, IPv6 addresses are in brackets, and
 *   for port 0 a free port is chosen
 * - `tls:host:port`: the same, encrypted, with [property@Listener:tls-certificate]
 * - `fd:number`: a socket that listens already, as systemd passes it; it is duplicated, and with
 *   [property@Listener:tls-certificate] connections by TCP are encrypted
 *
 * With a key, both sides first authenticate each other as Python's `multiprocessing.connection`
 * does, so that Python programs can be the peer. Python up to 3.11 needs
 * [property@Listener:legacy-digests]. The key protects only the beginning of a connection, not what
 * follows: in a network that others can access, use TLS.
 *
 * Peers that have not authenticated do not block others. Handshakes run concurrently, end after
 * [property@Listener:handshake-timeout], and at most [property@Listener:max-pending] are in
 * progress. A handshake that fails is reported by [signal@Listener::handshake-failed] and does not
 * end an accept. Handshakes make progress while a call waits in accept, or in the main loop between
 * [method@Listener.start] and [method@Listener.stop].
 *
 * All functions may be called from any thread.
 *
 * Since: 1.0
 */

G_DEFINE_TYPE_WITH_CODE (MpListener,
                         mp_listener,
                         G_TYPE_OBJECT,
                         G_ADD_PRIVATE (MpListener)
                           G_IMPLEMENT_INTERFACE (MP_TYPE_WAITABLE, mp_listener_waitable_init))

enum
{
  PROP_ADDRESS = 1,
  PROP_AUTH_KEY,
  PROP_BACKLOG,
  PROP_CLOSED,
  PROP_HANDSHAKE_TIMEOUT,
  PROP_LAST_ACCEPTED,
  PROP_LEGACY_DIGESTS,
  PROP_MAX_PENDING,
  PROP_SAME_USER_ONLY,
  PROP_TLS_CERTIFICATE,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

static void
mp_listener_dispose (GObject *object)
{
  mp_listener_close (MP_LISTENER (object));

  G_OBJECT_CLASS (mp_listener_parent_class)->dispose (object);
}

static void
mp_listener_finalize (GObject *object)
{
  MpListenerPrivate *priv = mp_listener_get_private (MP_LISTENER (object));

  mp_fork_hook_remove (&priv->fork_hook);
  g_clear_pointer (&priv->acceptor, mp_acceptor_unref);
  mp_peer_settings_clear (&priv->config.peer);
  g_clear_pointer (&priv->address, g_free);
  g_clear_pointer (&priv->last_accepted, g_free);
  g_mutex_clear (&priv->lock);

  G_OBJECT_CLASS (mp_listener_parent_class)->finalize (object);
}

static void
mp_listener_get_property (GObject    *object,
                          guint       prop_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  MpListener        *self = MP_LISTENER (object);
  MpListenerPrivate *priv = mp_listener_get_private (self);

  switch (prop_id)
    {
    case PROP_ADDRESS:
      g_value_take_string (value, mp_listener_get_address (self));
      break;

    case PROP_AUTH_KEY:
      g_value_set_boxed (value, priv->config.peer.auth_key);
      break;

    case PROP_BACKLOG:
      g_value_set_uint (value, priv->config.backlog);
      break;

    case PROP_CLOSED:
      g_value_set_boolean (value, mp_listener_get_closed (self));
      break;

    case PROP_HANDSHAKE_TIMEOUT:
      g_value_set_int64 (value, priv->config.peer.handshake_timeout_us);
      break;

    case PROP_LAST_ACCEPTED:
      g_value_take_string (value, mp_listener_get_last_accepted (self));
      break;

    case PROP_LEGACY_DIGESTS:
      g_value_set_boolean (value, priv->config.peer.legacy_digests);
      break;

    case PROP_MAX_PENDING:
      g_value_set_uint (value, priv->config.max_pending);
      break;

    case PROP_SAME_USER_ONLY:
      g_value_set_boolean (value, priv->config.same_user_only);
      break;

    case PROP_TLS_CERTIFICATE:
      g_value_set_object (value, priv->config.peer.certificate);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
mp_listener_set_property (GObject      *object,
                          guint         prop_id,
                          const GValue *value,
                          GParamSpec   *pspec)
{
  MpListenerPrivate *priv = mp_listener_get_private (MP_LISTENER (object));

  switch (prop_id)
    {
    case PROP_ADDRESS:
      mp_listener_set_address (MP_LISTENER (object), g_value_get_string (value));
      break;

    case PROP_AUTH_KEY:
      priv->config.peer.auth_key = g_value_dup_boxed (value);
      break;

    case PROP_BACKLOG:
      priv->config.backlog = g_value_get_uint (value);
      break;

    case PROP_HANDSHAKE_TIMEOUT:
      priv->config.peer.handshake_timeout_us = g_value_get_int64 (value);
      break;

    case PROP_LEGACY_DIGESTS:
      priv->config.peer.legacy_digests = g_value_get_boolean (value);
      break;

    case PROP_MAX_PENDING:
      priv->config.max_pending = g_value_get_uint (value);
      break;

    case PROP_SAME_USER_ONLY:
      priv->config.same_user_only = g_value_get_boolean (value);
      break;

    case PROP_TLS_CERTIFICATE:
      priv->config.peer.certificate = g_value_dup_object (value);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
install_properties (GObjectClass *object_class)
{
  const GParamFlags construct_only =
    G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;
  const GParamFlags read_only = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  /**
   * MpListener:address:
   *
   * The address at which to listen; it cannot be changed any more once the listener listens, and
   * then has the parts that were chosen.
   *
   * Since: 1.0
   */
  properties[PROP_ADDRESS] =
    g_param_spec_string ("address", NULL, NULL, DEFAULT_ADDRESS,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS |
                           G_PARAM_EXPLICIT_NOTIFY);

  /**
   * MpListener:auth-key:
   *
   * The key that a peer must have, or %NULL for no authentication. An empty key is a key.
   *
   * Since: 1.0
   */
  properties[PROP_AUTH_KEY] =
    g_param_spec_boxed ("auth-key", NULL, NULL, G_TYPE_BYTES, construct_only);

  /**
   * MpListener:backlog:
   *
   * How many peers may wait in the kernel's backlog to be accepted.
   *
   * Since: 1.0
   */
  properties[PROP_BACKLOG] =
    g_param_spec_uint ("backlog", NULL, NULL, 1, G_MAXINT, DEFAULT_BACKLOG, construct_only);

  /**
   * MpListener:closed:
   *
   * Whether the listener was closed.
   *
   * Since: 1.0
   */
  properties[PROP_CLOSED] =
    g_param_spec_boolean ("closed", NULL, NULL, FALSE, read_only);

  /**
   * MpListener:handshake-timeout:
   *
   * The timeout of a peer's handshake, in microseconds.
   *
   * Since: 1.0
   */
  properties[PROP_HANDSHAKE_TIMEOUT] =
    g_param_spec_int64 ("handshake-timeout", NULL, NULL, 1, G_MAXINT64 / 4,
                        MP_PEER_DEFAULT_HANDSHAKE_TIMEOUT, construct_only);

  /**
   * MpListener:last-accepted:
   *
   * The address of the peer that was accepted last, or %NULL.
   *
   * Since: 1.0
   */
  properties[PROP_LAST_ACCEPTED] =
    g_param_spec_string ("last-accepted", NULL, NULL, NULL, read_only);

  /**
   * MpListener:legacy-digests:
   *
   * Whether a peer may authenticate with MD5, as Python does before 3.12.
   *
   * Since: 1.0
   */
  properties[PROP_LEGACY_DIGESTS] =
    g_param_spec_boolean ("legacy-digests", NULL, NULL, FALSE, construct_only);

  /**
   * MpListener:max-pending:
   *
   * How many handshakes may be in progress at the same time. A further peer evicts the oldest.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_PENDING] =
    g_param_spec_uint ("max-pending", NULL, NULL, 1, G_MAXINT, DEFAULT_MAX_PENDING, construct_only);

  /**
   * MpListener:same-user-only:
   *
   * For Unix sockets, whether only processes of the same user may connect.
   *
   * Since: 1.0
   */
  properties[PROP_SAME_USER_ONLY] =
    g_param_spec_boolean ("same-user-only", NULL, NULL, TRUE, construct_only);

  /**
   * MpListener:tls-certificate:
   *
   * The certificate, with its private key, that a `tls:` address presents to peers.
   *
   * Since: 1.0
   */
  properties[PROP_TLS_CERTIFICATE] =
    g_param_spec_object ("tls-certificate", NULL, NULL, G_TYPE_TLS_CERTIFICATE, construct_only);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
mp_listener_class_init (MpListenerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  mp_listener_private_offset = g_type_class_get_instance_private_offset (klass);
  object_class->dispose = mp_listener_dispose;
  object_class->finalize = mp_listener_finalize;
  object_class->get_property = mp_listener_get_property;
  object_class->set_property = mp_listener_set_property;

  install_properties (object_class);

  /**
   * MpListener::incoming:
   * @self: the listener
   * @connection: a connection to the accepted peer
   *
   * Emitted for each accepted peer between [method@Listener.start] and [method@Listener.stop], in
   * the main context in which it was started.
   *
   * Since: 1.0
   */
  mp_listener_signals[MP_LISTENER_SIGNAL_INCOMING] =
    g_signal_new ("incoming", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, MP_TYPE_CONNECTION);

  /**
   * MpListener::handshake-failed:
   * @self: the listener
   * @address: the address of the peer
   * @error: why the handshake failed
   *
   * Emitted for each peer whose handshake failed, in the thread that accepts.
   *
   * Since: 1.0
   */
  mp_listener_signals[MP_LISTENER_SIGNAL_HANDSHAKE_FAILED] =
    g_signal_new ("handshake-failed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                  NULL, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_ERROR);
}

/* The state that the lock guards is consistent at any moment. */
static void
in_child (MpForkHook *hook)
{
  mp_fork_reset_mutex (&MP_FORK_HOOK_OWNER (hook, MpListenerPrivate)->lock);
}

static void
mp_listener_init (MpListener *self)
{
  MpListenerPrivate *priv = mp_listener_get_private (self);

  g_mutex_init (&priv->lock);
  mp_fork_hook_add (&priv->fork_hook, in_child);
}

/**
 * mp_listener_new:
 * @address: (type filename): where to listen
 * @auth_key: (nullable): the key that a peer must have
 * @error: return location for an error
 *
 * Creates a listener and begins to listen.
 *
 * A socket file on which no process listens any more is replaced. Fails with
 * `G_IO_ERROR_ADDRESS_IN_USE` if the address is in use, and with `G_IO_ERROR_FILENAME_TOO_LONG` if
 * a path has more than 107 bytes.
 *
 * Returns: (transfer full): a listener
 *
 * Since: 1.0
 */
MpListener *
mp_listener_new (const char *address,
                 GBytes     *auth_key,
                 GError    **error)
{
  g_autoptr (MpListener) self = NULL;

  g_return_val_if_fail (address != NULL, NULL);

  self = g_object_new (MP_TYPE_LISTENER, "address", address, "auth-key", auth_key, NULL);
  return mp_listener_listen (self, error) ? g_steal_pointer (&self) : NULL;
}

/**
 * mp_listener_set_address: (set-property address)
 * @self: a listener that does not listen yet
 * @address: (type filename) (nullable): where to listen; %NULL means `unix:`
 *
 * Sets the address at which to listen.
 *
 * The path of a socket can be any bytes. Bindings pass them on here and in [ctor@Listener.new], but
 * not in a property, where text has to be UTF-8.
 *
 * Since: 1.0
 */
void
mp_listener_set_address (MpListener *self,
                         const char *address)
{
  MpListenerPrivate *priv;
  g_autofree char   *old = NULL;
  gboolean           listens;

  g_return_if_fail (MP_IS_LISTENER (self));

  priv = mp_listener_get_private (self);
  g_mutex_lock (&priv->lock);
  listens = priv->acceptor != NULL;
  if (!listens)
    {
      old = priv->address;
      priv->address = g_strdup (address != NULL ? address : DEFAULT_ADDRESS);
    }
  g_mutex_unlock (&priv->lock);

  g_return_if_fail (!listens);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ADDRESS]);
}

/**
 * mp_listener_listen:
 * @self: a listener
 * @error: return location for an error
 *
 * Begins to listen, for a listener that was constructed with properties.
 *
 * Other functions do that too when they are first called; this one only reports errors early.
 *
 * Returns: whether it listens
 *
 * Since: 1.0
 */
gboolean
mp_listener_listen (MpListener *self,
                    GError    **error)
{
  g_autoptr (MpAcceptor) acceptor = NULL;

  g_return_val_if_fail (MP_IS_LISTENER (self), FALSE);

  acceptor = mp_listener_get_acceptor (self, MP_DEADLINE_NEVER, NULL, error);
  return acceptor != NULL;
}

/**
 * mp_listener_close:
 * @self: a listener
 *
 * Stops listening, and removes the socket file.
 *
 * Peers that were not accepted yet are dropped, and calls that wait fail with `MP_ERROR_CLOSED`.
 * Accepted connections stay open. Closing twice is allowed.
 *
 * Since: 1.0
 */
void
mp_listener_close (MpListener *self)
{
  MpListenerPrivate *priv;
  gboolean           closes;

  g_return_if_fail (MP_IS_LISTENER (self));

  priv = mp_listener_get_private (self);
  mp_listener_stop (self);

  g_mutex_lock (&priv->lock);
  closes = !priv->closed;
  priv->closed = TRUE;
  if (closes && priv->acceptor != NULL)
    mp_acceptor_close (priv->acceptor);
  g_mutex_unlock (&priv->lock);

  if (!closes)
    return;
  mp_waitable_wake_waits (MP_WAITABLE (self));
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CLOSED]);
}
