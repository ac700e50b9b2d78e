/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-listener-private.h"

#include <glib/gi18n-lib.h>

#include "base/mp-deadline.h"
#include "base/mp-async.h"
#include "mp-connection-private.h"

static MpConnection *
make_connection (MpListener *self,
                 MpAccepted *accepted)
{
  MpListenerPrivate *priv = mp_listener_get_private (self);
  char              *address = g_strdup (accepted->address);
  g_autofree char   *last = NULL;

  g_mutex_lock (&priv->lock);
  last = g_steal_pointer (&priv->last_accepted);
  priv->last_accepted = address;
  g_mutex_unlock (&priv->lock);

  return mp_connection_new_for_channel (MP_TYPE_CONNECTION, g_steal_pointer (&accepted->channel),
                                        accepted->address);
}

static void
emit_handshake_failed (MpListener *self,
                       MpRefused  *refused)
{
  guint signal_id = mp_listener_signals[MP_LISTENER_SIGNAL_HANDSHAKE_FAILED];

  g_info ("A peer at %s did not get in: %s", refused->address, refused->error->message);
  g_signal_emit (self, signal_id, 0, refused->address, refused->error);
}

/* Continues handshakes, emits signals for those that failed, and returns a connection to an
 * accepted peer, or NULL. */
static MpConnection *
accept_now (MpListener *self,
            MpAcceptor *acceptor)
{
  g_autoptr (MpAccepted) accepted = NULL;
  MpRefused *refused;

  mp_acceptor_process (acceptor);
  while ((refused = mp_acceptor_take_refused (acceptor)) != NULL)
    {
      emit_handshake_failed (self, refused);
      mp_refused_free (refused);
    }

  accepted = mp_acceptor_take_accepted (acceptor);
  return accepted != NULL ? make_connection (self, accepted) : NULL;
}

/**
 * mp_listener_try_accept:
 * @self: a listener
 * @error: return location for an error
 *
 * Accepts a peer if one is available, without waiting.
 *
 * Returns: (transfer full) (nullable): a connection, or %NULL without an error if there is none
 *
 * Since: 1.0
 */
MpConnection *
mp_listener_try_accept (MpListener *self,
                        GError    **error)
{
  g_autoptr (MpAcceptor) acceptor = NULL;
  MpConnection *connection;

  g_return_val_if_fail (MP_IS_LISTENER (self), NULL);

  acceptor = mp_listener_get_acceptor (self, MP_DEADLINE_NEVER, NULL, error);
  if (acceptor == NULL)
    return NULL;

  connection = accept_now (self, acceptor);
  if (connection == NULL && mp_acceptor_is_closed (acceptor))
    mp_listener_set_closed_error (error);
  return connection;
}

/* Waits until handshakes can continue or a peer can be accepted.  Returns FALSE if that will never
 * be, or on timeout. */
static gboolean
wait_for_more (MpAcceptor   *acceptor,
               gint64        deadline,
               GCancellable *cancellable,
               GError      **error)
{
  MpWaitStatus status;

  if (mp_acceptor_is_closed (acceptor))
    {
      mp_listener_set_closed_error (error);
      return FALSE;
    }

  status =
    mp_transport_poll (mp_acceptor_get_fd (acceptor), G_IO_IN, -1, deadline, cancellable, error);
  if (status == MP_WAIT_TIMED_OUT)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _ ("No peer connected in time"));
  return status != MP_WAIT_TIMED_OUT && status != MP_WAIT_ERROR;
}

/**
 * mp_listener_accept:
 * @self: a listener
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Waits for a peer whose handshake succeeds, and accepts it.
 *
 * Serves only as many peers at a time as there are such calls in progress: further ones wait in the
 * kernel's backlog, and another process that listens on the same socket may serve them. Peers whose
 * handshake makes no progress do not count.
 *
 * Returns: (transfer full): a connection to it
 *
 * Since: 1.0
 */
MpConnection *
mp_listener_accept (MpListener   *self,
                    gint64        timeout_us,
                    GCancellable *cancellable,
                    GError      **error)
{
  gint64 deadline = mp_deadline_for_timeout (timeout_us);
  g_autoptr (MpAcceptor) acceptor = NULL;
  MpConnection *connection;

  g_return_val_if_fail (MP_IS_LISTENER (self), NULL);

  acceptor = mp_listener_get_acceptor (self, deadline, cancellable, error);
  if (acceptor == NULL)
    return NULL;

  mp_acceptor_expect (acceptor, 1);
  do
    connection = accept_now (self, acceptor);
  while (connection == NULL && wait_for_more (acceptor, deadline, cancellable, error));
  mp_acceptor_expect (acceptor, -1);
  return connection;
}

typedef struct
{
  GSource     parent;
  MpAcceptor *acceptor;
  gpointer    tag;

  /* Whether the source belongs to one accept call. */
  gboolean expects;
} AcceptorSource;

static gboolean
mp_acceptor_source_prepare (GSource *source,
                            int     *timeout)
{
  *timeout = -1;
  return mp_acceptor_has_accepted (((AcceptorSource *) source)->acceptor);
}

static gboolean
mp_acceptor_source_check (GSource *source)
{
  return g_source_query_unix_fd (source, ((AcceptorSource *) source)->tag) != 0 ||
         mp_acceptor_has_accepted (((AcceptorSource *) source)->acceptor);
}

static gboolean
mp_acceptor_source_dispatch (GSource    *source,
                             GSourceFunc callback,
                             gpointer    user_data)
{
  return callback == NULL ? G_SOURCE_REMOVE : callback (user_data);
}

static void
mp_acceptor_source_finalize (GSource *source)
{
  AcceptorSource *self = (AcceptorSource *) source;

  if (self->expects)
    mp_acceptor_expect (self->acceptor, -1);
  mp_acceptor_unref (self->acceptor);
}

static GSourceFuncs acceptor_source_funcs = {
  mp_acceptor_source_prepare,
  mp_acceptor_source_check,
  mp_acceptor_source_dispatch,
  mp_acceptor_source_finalize,
};

/* Takes ownership of @acceptor. */
static GSource *
create_source (MpAcceptor *acceptor)
{
  GSource *source = g_source_new (&acceptor_source_funcs, sizeof (AcceptorSource));

  g_source_set_static_name (source, "MpListener");
  ((AcceptorSource *) source)->acceptor = acceptor;
  ((AcceptorSource *) source)->tag =
    g_source_add_unix_fd (source, mp_acceptor_get_fd (acceptor), G_IO_IN);
  return source;
}

static gboolean
accept_ready_cb (gpointer user_data)
{
  GTask        *task = user_data;
  MpListener   *self = g_task_get_source_object (task);
  MpConnection *connection;
  GError       *error = NULL;

  if (g_task_return_error_if_cancelled (task))
    return G_SOURCE_REMOVE;

  connection = mp_listener_try_accept (self, &error);
  if (connection != NULL)
    g_task_return_pointer (task, connection, g_object_unref);
  else if (error != NULL)
    g_task_return_error (task, error);
  else
    return G_SOURCE_CONTINUE;

  return G_SOURCE_REMOVE;
}

/**
 * mp_listener_accept_async:
 * @self: a listener
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when a peer was accepted or there is an error
 * @user_data: data for @callback
 *
 * Accepts a peer asynchronously.
 *
 * Since: 1.0
 */
void
mp_listener_accept_async (MpListener         *self,
                          int                 io_priority,
                          GCancellable       *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer            user_data)
{
  g_autoptr (GTask) task = NULL;
  g_autoptr (GSource) source = NULL;
  GError     *error = NULL;
  MpAcceptor *acceptor;

  g_return_if_fail (MP_IS_LISTENER (self));

  task = mp_async_new_task (self, mp_listener_accept_async, io_priority, cancellable, callback,
                            user_data);
  acceptor = mp_listener_get_acceptor (self, MP_DEADLINE_NEVER, NULL, &error);
  if (acceptor == NULL)
    {
      g_task_return_error (task, error);
      return;
    }

  source = create_source (acceptor);
  ((AcceptorSource *) source)->expects = TRUE;
  mp_acceptor_expect (acceptor, 1);
  mp_async_add_cancellable (source, cancellable);
  g_task_attach_source (task, source, accept_ready_cb);
}

/**
 * mp_listener_accept_finish:
 * @self: a listener
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes [method@Listener.accept_async].
 *
 * Returns: (transfer full): a connection
 *
 * Since: 1.0
 */
MpConnection *
mp_listener_accept_finish (MpListener   *self,
                           GAsyncResult *result,
                           GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * mp_listener_get_fd:
 * @self: a listener
 *
 * Gets the descriptor to poll for reading, for another kind of main loop.
 *
 * When it is readable, call [method@Listener.try_accept] until it returns %NULL.
 *
 * Returns: a descriptor owned by the listener; -1 if it does not listen
 *
 * Since: 1.0
 */
int
mp_listener_get_fd (MpListener *self)
{
  g_autoptr (MpAcceptor) acceptor = NULL;

  g_return_val_if_fail (MP_IS_LISTENER (self), -1);

  acceptor = mp_listener_get_acceptor (self, MP_DEADLINE_NEVER, NULL, NULL);
  return acceptor != NULL ? mp_acceptor_get_fd (acceptor) : -1;
}

static gboolean
incoming_ready_cb (gpointer user_data)
{
  g_autoptr (MpListener) self = g_object_ref (user_data);
  GSource *source = g_main_current_source ();

  while (!g_source_is_destroyed (source))
    {
      g_autoptr (MpConnection) connection = mp_listener_try_accept (self, NULL);

      if (connection == NULL)
        break;

      g_signal_emit (self, mp_listener_signals[MP_LISTENER_SIGNAL_INCOMING], 0, connection);
    }

  return G_SOURCE_CONTINUE;
}

/**
 * mp_listener_start:
 * @self: a listener
 * @io_priority: the priority of the source; at %G_PRIORITY_DEFAULT_IDLE, many peers do not keep a
 *   window from being drawn
 *
 * Starts emitting [signal@Listener::incoming] for each accepted peer, in the caller's
 * thread-default main context.
 *
 * With a key, up to [property@Listener:max-pending] handshakes are in progress at the same time. If
 * several processes have started the same listener, each serves the peers whose handshake it has
 * begun, so a small number distributes them more evenly.
 *
 * The main context holds a reference to the listener until [method@Listener.stop] or
 * [method@Listener.close] is called. Does nothing if it is already started or cannot listen; call
 * [method@Listener.listen] first to get the error.
 *
 * Since: 1.0
 */
void
mp_listener_start (MpListener *self,
                   int         io_priority)
{
  MpListenerPrivate *priv;
  MpAcceptor        *acceptor;
  g_autoptr (GSource) source = NULL;

  g_return_if_fail (MP_IS_LISTENER (self));

  priv = mp_listener_get_private (self);
  acceptor = mp_listener_get_acceptor (self, MP_DEADLINE_NEVER, NULL, NULL);
  if (acceptor == NULL)
    return;

  source = create_source (acceptor);
  g_source_set_priority (source, io_priority);
  g_source_set_callback (source, incoming_ready_cb, g_object_ref (self), g_object_unref);

  g_mutex_lock (&priv->lock);
  if (priv->started == NULL)
    {
      mp_acceptor_set_started (acceptor, TRUE);
      g_source_attach (source, g_main_context_get_thread_default ());
      priv->started = g_source_ref (source);
    }
  g_mutex_unlock (&priv->lock);
}

/**
 * mp_listener_stop:
 * @self: a listener
 *
 * Stops what [method@Listener.start] started; peers wait to be accepted again.
 *
 * Since: 1.0
 */
void
mp_listener_stop (MpListener *self)
{
  MpListenerPrivate *priv;
  GSource           *started;

  g_return_if_fail (MP_IS_LISTENER (self));

  priv = mp_listener_get_private (self);
  g_mutex_lock (&priv->lock);
  started = g_steal_pointer (&priv->started);
  g_mutex_unlock (&priv->lock);

  if (started != NULL)
    {
      mp_acceptor_set_started (((AcceptorSource *) started)->acceptor, FALSE);
      g_source_destroy (started);
      g_source_unref (started);
    }
}

static int
mp_listener_waitable_get_fd (MpWaitable *waitable)
{
  return mp_listener_get_fd (MP_LISTENER (waitable));
}

/* The descriptor also becomes readable for handshakes, which are continued here. */
static gboolean
mp_listener_waitable_is_ready (MpWaitable *waitable,
                               GError    **error)
{
  g_autoptr (MpAcceptor) acceptor = NULL;

  acceptor = mp_listener_get_acceptor (MP_LISTENER (waitable), MP_DEADLINE_NEVER, NULL, error);
  if (acceptor == NULL)
    return FALSE;

  mp_acceptor_process (acceptor);
  return mp_acceptor_has_news (acceptor);
}

void
mp_listener_waitable_init (MpWaitableInterface *iface)
{
  iface->get_fd = mp_listener_waitable_get_fd;
  iface->is_ready = mp_listener_waitable_is_ready;
}
