/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connector.h"

#include <glib-unix.h>

#include "mp-connection-private.h"
#include "base/mp-async.h"
#include "base/mp-fork.h"
#include "wire/peer-dial.h"

typedef struct
{
  /* Guards the members below. */
  GMutex         lock;
  MpForkHook     fork_hook;
  char          *address;
  MpPeerSettings settings;
  MpPeerDial    *dial; /* that mp_connector_try_open () has begun; or NULL */
} MpConnectorPrivate;

/**
 * MpConnector:
 *
 * Connects to listeners, with settings other than the defaults.
 *
 * ```c
 * g_autoptr (MpConnector) connector = mp_connector_new ("tls:example.org:6000", key);
 *
 * g_object_set (connector, "tls-database", database, NULL);
 * connection = mp_connector_open (connector, 5 * G_USEC_PER_SEC, NULL, &error);
 * ```
 *
 * [func@connect] is enough if the defaults suffice. For addresses see [class@Listener]; the
 * listener may be a `multiprocessing.connection.Listener` of Python. One connector can open many
 * connections.
 *
 * All functions may be called from any thread.
 *
 * Since: 1.0
 */
G_DEFINE_TYPE_WITH_PRIVATE (MpConnector, mp_connector, G_TYPE_OBJECT)

enum
{
  PROP_ADDRESS = 1,
  PROP_AUTH_KEY,
  PROP_HANDSHAKE_TIMEOUT,
  PROP_LEGACY_DIGESTS,
  PROP_TLS_CERTIFICATE,
  PROP_TLS_DATABASE,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

static MpConnectorPrivate *
get_private (MpConnector *self)
{
  return mp_connector_get_instance_private (self);
}

static void
mp_connector_finalize (GObject *object)
{
  MpConnectorPrivate *priv = get_private (MP_CONNECTOR (object));

  mp_fork_hook_remove (&priv->fork_hook);
  g_clear_pointer (&priv->dial, mp_peer_dial_free);
  g_clear_pointer (&priv->address, g_free);
  mp_peer_settings_clear (&priv->settings);
  g_mutex_clear (&priv->lock);

  G_OBJECT_CLASS (mp_connector_parent_class)->finalize (object);
}

static void
mp_connector_get_property (GObject    *object,
                           guint       prop_id,
                           GValue     *value,
                           GParamSpec *pspec)
{
  MpConnectorPrivate *priv = get_private (MP_CONNECTOR (object));
  g_auto (MpPeerSettings) settings = {
    0,
  };
  g_autofree char *address = NULL;

  g_mutex_lock (&priv->lock);
  address = g_strdup (priv->address);
  mp_peer_settings_copy (&settings, &priv->settings);
  g_mutex_unlock (&priv->lock);

  switch (prop_id)
    {
    case PROP_ADDRESS:
      g_value_set_string (value, address);
      break;

    case PROP_AUTH_KEY:
      g_value_set_boxed (value, settings.auth_key);
      break;

    case PROP_HANDSHAKE_TIMEOUT:
      g_value_set_int64 (value, settings.handshake_timeout_us);
      break;

    case PROP_LEGACY_DIGESTS:
      g_value_set_boolean (value, settings.legacy_digests);
      break;

    case PROP_TLS_CERTIFICATE:
      g_value_set_object (value, settings.certificate);
      break;

    case PROP_TLS_DATABASE:
      g_value_set_object (value, settings.database);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

/* Replaces what is at @place, and drops what was there without the lock: its destroy function may
 * be the program's own. */
static void
replace (MpConnectorPrivate *priv,
         gpointer            place,
         gpointer            value,
         GDestroyNotify      destroy)
{
  gpointer *pointer = place;
  gpointer  old;

  g_mutex_lock (&priv->lock);
  old = *pointer;
  *pointer = value;
  g_mutex_unlock (&priv->lock);

  if (old != NULL)
    destroy (old);
}

static void
mp_connector_set_property (GObject      *object,
                           guint         prop_id,
                           const GValue *value,
                           GParamSpec   *pspec)
{
  MpConnectorPrivate *priv = get_private (MP_CONNECTOR (object));
  MpPeerSettings     *settings = &priv->settings;

  switch (prop_id)
    {
    case PROP_ADDRESS:
      replace (priv, &priv->address, g_value_dup_string (value), g_free);
      break;

    case PROP_AUTH_KEY:
      replace (priv, &settings->auth_key, g_value_dup_boxed (value),
               (GDestroyNotify) g_bytes_unref);
      break;

    case PROP_HANDSHAKE_TIMEOUT:
      g_mutex_lock (&priv->lock);
      settings->handshake_timeout_us = g_value_get_int64 (value);
      g_mutex_unlock (&priv->lock);
      break;

    case PROP_LEGACY_DIGESTS:
      g_mutex_lock (&priv->lock);
      settings->legacy_digests = g_value_get_boolean (value);
      g_mutex_unlock (&priv->lock);
      break;

    case PROP_TLS_CERTIFICATE:
      replace (priv, &settings->certificate, g_value_dup_object (value), g_object_unref);
      break;

    case PROP_TLS_DATABASE:
      replace (priv, &settings->database, g_value_dup_object (value), g_object_unref);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
mp_connector_class_init (MpConnectorClass *klass)
{
  GObjectClass     *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->finalize = mp_connector_finalize;
  object_class->get_property = mp_connector_get_property;
  object_class->set_property = mp_connector_set_property;

  /**
   * MpConnector:address:
   *
   * The address of the listener.
   *
   * Since: 1.0
   */
  properties[PROP_ADDRESS] =
    g_param_spec_string ("address", NULL, NULL, NULL, flags);

  /**
   * MpConnector:auth-key:
   *
   * The key that both sides have, or %NULL if the listener has none. An empty key is a key.
   *
   * Since: 1.0
   */
  properties[PROP_AUTH_KEY] =
    g_param_spec_boxed ("auth-key", NULL, NULL, G_TYPE_BYTES, flags);

  /**
   * MpConnector:handshake-timeout:
   *
   * The timeout of the handshake, in microseconds.
   *
   * It begins when the listener begins the handshake. A busy listener may keep a peer waiting
   * before that, up to the timeout of the call.
   *
   * Since: 1.0
   */
  properties[PROP_HANDSHAKE_TIMEOUT] =
    g_param_spec_int64 ("handshake-timeout", NULL, NULL, 1, G_MAXINT64 / 4,
                        MP_PEER_DEFAULT_HANDSHAKE_TIMEOUT, flags | G_PARAM_CONSTRUCT);

  /**
   * MpConnector:legacy-digests:
   *
   * Whether authentication may use MD5, which Python before 3.12 needs.
   *
   * Since: 1.0
   */
  properties[PROP_LEGACY_DIGESTS] =
    g_param_spec_boolean ("legacy-digests", NULL, NULL, FALSE, flags);

  /**
   * MpConnector:tls-certificate:
   *
   * The certificate to present to a listener that requests one, or %NULL.
   *
   * Since: 1.0
   */
  properties[PROP_TLS_CERTIFICATE] =
    g_param_spec_object ("tls-certificate", NULL, NULL, G_TYPE_TLS_CERTIFICATE, flags);

  /**
   * MpConnector:tls-database:
   *
   * The certificate authorities to trust, or %NULL for those that the system trusts.
   *
   * Since: 1.0
   */
  properties[PROP_TLS_DATABASE] =
    g_param_spec_object ("tls-database", NULL, NULL, G_TYPE_TLS_DATABASE, flags);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

/* The state that the lock guards is consistent at any moment. */
static void
in_child (MpForkHook *hook)
{
  mp_fork_reset_mutex (&MP_FORK_HOOK_OWNER (hook, MpConnectorPrivate)->lock);
}

static void
mp_connector_init (MpConnector *self)
{
  MpConnectorPrivate *priv = get_private (self);

  g_mutex_init (&priv->lock);
  mp_fork_hook_add (&priv->fork_hook, in_child);
}

/**
 * mp_connector_new:
 * @address: (type filename): the address of a listener
 * @auth_key: (nullable): the key that both sides have
 *
 * Creates a connector. It does not connect yet.
 *
 * Returns: (transfer full): a connector
 *
 * Since: 1.0
 */
MpConnector *
mp_connector_new (const char *address,
                  GBytes     *auth_key)
{
  g_return_val_if_fail (address != NULL, NULL);

  return g_object_new (MP_TYPE_CONNECTOR, "address", address, "auth-key", auth_key, NULL);
}

static MpPeerDial *
make_dial (MpConnector *self,
           GError     **error)
{
  MpConnectorPrivate *priv = get_private (self);
  MpAddress          *address;
  MpPeerDial         *dial = NULL;

  g_mutex_lock (&priv->lock);
  address = mp_address_parse (priv->address != NULL ? priv->address : "", error);
  if (address != NULL)
    dial = mp_peer_dial_new (address, &priv->settings);
  g_mutex_unlock (&priv->lock);
  return dial;
}

static MpConnection *
make_connection (MpPeerDial *dial)
{
  g_autofree char *address = NULL;
  MpChannel       *channel = mp_peer_dial_take_channel (dial, &address);

  return mp_connection_new_for_channel (MP_TYPE_CONNECTION, channel, address);
}

/**
 * mp_connector_open:
 * @self: a connector
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Connects to the listener and runs the handshake, if there is a key.
 *
 * Fails with `MP_ERROR_AUTHENTICATION_FAILED` if the two sides do not have the same key, and with
 * `G_IO_ERROR_TIMED_OUT`. A listener without a key sends nothing, and so cannot be distinguished
 * from a busy one: with a key, pass a timeout if that is possible.
 *
 * Returns: (transfer full): a connection
 *
 * Since: 1.0
 */
MpConnection *
mp_connector_open (MpConnector  *self,
                   gint64        timeout_us,
                   GCancellable *cancellable,
                   GError      **error)
{
  g_autoptr (MpPeerDial) dial = NULL;

  g_return_val_if_fail (MP_IS_CONNECTOR (self), NULL);

  dial = make_dial (self, error);
  if (dial == NULL || !mp_peer_dial_run (dial, timeout_us, cancellable, error))
    return NULL;

  return make_connection (dial);
}

/**
 * mp_connector_try_open:
 * @self: a connector
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @error: return location for an error
 *
 * Connects to the listener as [method@Connector.open] does, in parts.
 *
 * It also returns when the timeout has expired or a signal handler has run, for interpreters whose
 * handlers run between two calls; the next call goes on where this one stopped. It starts no
 * threads, except to find the address of a name other than `localhost`; during that, and while TLS
 * is set up, it returns only when that is done.
 *
 * Two threads must not call it for the same connector.
 *
 * Returns: (transfer full) (nullable): a connection; %NULL without an error if there is none yet
 *
 * Since: 1.0
 */
MpConnection *
mp_connector_try_open (MpConnector *self,
                       gint64       timeout_us,
                       GError     **error)
{
  MpConnectorPrivate *priv;
  g_autoptr (MpPeerDial) dial = NULL;

  g_return_val_if_fail (MP_IS_CONNECTOR (self), NULL);

  priv = get_private (self);
  dial = g_steal_pointer (&priv->dial);
  if (dial == NULL)
    dial = make_dial (self, error);
  if (dial == NULL)
    return NULL;

  switch (mp_peer_dial_run_for (dial, timeout_us, error))
    {
    case MP_HANDSHAKE_DONE:
      return make_connection (dial);
    case MP_HANDSHAKE_RUNNING:
      priv->dial = g_steal_pointer (&dial);
      return NULL;
    default:
      return NULL;
    }
}

/* Takes ownership of @error.  The socket is closed now, not when the result is freed. */
static void
return_failure (GTask  *task,
                GError *error)
{
  g_task_return_error (task, error);
  g_task_set_task_data (task, NULL, NULL);
}

/* Runs in a thread of its own, since GTask's thread pool does not work in a forked child. */
static gpointer
open_in_thread (gpointer data)
{
  g_autoptr (GTask) task = data;
  MpPeerDial *dial = g_task_get_task_data (task);
  GError     *error = NULL;

  if (mp_peer_dial_run (dial, -1, g_task_get_cancellable (task), &error))
    g_task_return_pointer (task, make_connection (dial), g_object_unref);
  else
    return_failure (task, error);
  return NULL;
}

static gboolean step_cb (gpointer user_data);

static gboolean
step_fd_cb (int          fd,
            GIOCondition condition,
            gpointer     user_data)
{
  return step_cb (user_data);
}

/* Creates a source for everything the next step may wait for; any of its parts triggers the step.
 */
static GSource *
create_step_source (GTask *task)
{
  GIOCondition condition;
  GSource     *source;
  gint64       until;
  int          fd;

  mp_peer_dial_get_wait (g_task_get_task_data (task), &fd, &condition, &until);
  source = fd >= 0 ? g_unix_fd_source_new (fd, condition) : g_timeout_source_new (0);
  g_source_set_ready_time (source, until);
  mp_async_add_cancellable (source, g_task_get_cancellable (task));
  g_task_attach_source (task, source, fd >= 0 ? G_SOURCE_FUNC (step_fd_cb) : step_cb);
  return source;
}

static void
step (GTask *task)
{
  MpPeerDial *dial = g_task_get_task_data (task);
  GError     *error = NULL;

  if (g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &error))
    {
      return_failure (task, error);
      return;
    }

  switch (mp_peer_dial_step (dial, g_task_get_cancellable (task), &error))
    {
    case MP_HANDSHAKE_RUNNING:
      g_source_unref (create_step_source (task));
      return;

    case MP_HANDSHAKE_DONE:
      g_task_return_pointer (task, make_connection (dial), g_object_unref);
      return;

    default:
      return_failure (task, error);
    }
}

static gboolean
step_cb (gpointer user_data)
{
  step (user_data);
  return G_SOURCE_REMOVE;
}

/* Takes ownership of @task. */
static void
start_open (MpConnector *self,
            GTask       *task)
{
  GError     *error = NULL;
  MpPeerDial *dial = make_dial (self, &error);

  if (dial == NULL)
    {
      g_task_return_error (task, error);
    }
  else
    {
      g_task_set_task_data (task, dial, (GDestroyNotify) mp_peer_dial_free);
      if (mp_peer_dial_must_block (dial))
        g_thread_unref (g_thread_new ("mproc-open", open_in_thread, g_object_ref (task)));
      else
        step (task);
    }

  g_object_unref (task);
}

/**
 * mp_connector_open_async:
 * @self: a connector
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when there is a connection or an error
 * @user_data: data for @callback
 *
 * Connects to the listener asynchronously.
 *
 * Since: 1.0
 */
void
mp_connector_open_async (MpConnector        *self,
                         int                 io_priority,
                         GCancellable       *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer            user_data)
{
  g_return_if_fail (MP_IS_CONNECTOR (self));

  start_open (self, mp_async_new_task (self, mp_connector_open_async, io_priority, cancellable,
                                       callback, user_data));
}

/**
 * mp_connector_open_finish:
 * @self: a connector
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes [method@Connector.open_async].
 *
 * Returns: (transfer full): a connection
 *
 * Since: 1.0
 */
MpConnection *
mp_connector_open_finish (MpConnector  *self,
                          GAsyncResult *result,
                          GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * mp_connect:
 * @address: (type filename): the address of a listener
 * @auth_key: (nullable): the key that both sides have
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Connects to a listener; see [method@Connector.open].
 *
 * Returns: (transfer full): a connection
 *
 * Since: 1.0
 */
MpConnection *
mp_connect (const char   *address,
            GBytes       *auth_key,
            gint64        timeout_us,
            GCancellable *cancellable,
            GError      **error)
{
  g_autoptr (MpConnector) connector = NULL;

  g_return_val_if_fail (address != NULL, NULL);

  connector = mp_connector_new (address, auth_key);
  return mp_connector_open (connector, timeout_us, cancellable, error);
}

/**
 * mp_connect_async:
 * @address: (type filename): the address of a listener
 * @auth_key: (nullable): the key that both sides have
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when there is a connection or an error
 * @user_data: data for @callback
 *
 * Connects to a listener asynchronously; see [method@Connector.open].
 *
 * Since: 1.0
 */
void
mp_connect_async (const char         *address,
                  GBytes             *auth_key,
                  int                 io_priority,
                  GCancellable       *cancellable,
                  GAsyncReadyCallback callback,
                  gpointer            user_data)
{
  g_autoptr (MpConnector) connector = NULL;

  g_return_if_fail (address != NULL);

  connector = mp_connector_new (address, auth_key);
  start_open (connector, mp_async_new_task (NULL, mp_connect_async, io_priority, cancellable,
                                            callback, user_data));
}

/**
 * mp_connect_finish:
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes [func@connect_async].
 *
 * Returns: (transfer full): a connection
 *
 * Since: 1.0
 */
MpConnection *
mp_connect_finish (GAsyncResult *result,
                   GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, mp_connect_async), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
