/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"

#include "base/mp-deadline.h"
#include "waiting/mp-waitable-private.h"

/**
 * mp_connection_poll:
 * @self: a connection
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Waits until there is something to receive: a message, a part of one, or the end of the stream.
 *
 * Returns: whether there is; %FALSE without an error after the timeout
 *
 * Since: 1.0
 */
gboolean
mp_connection_poll (MpConnection *self,
                    gint64        timeout_us,
                    GCancellable *cancellable,
                    GError      **error)
{
  g_return_val_if_fail (MP_IS_CONNECTION (self), FALSE);

  return mp_waitable_wait (MP_WAITABLE (self), MP_CONDITION_READABLE, MP_WAIT_FLAGS_NONE,
                           timeout_us, cancellable, error);
}

/**
 * mp_connection_get_fd:
 * @self: a connection
 *
 * Gets the descriptor to poll, for another kind of main loop.
 *
 * It is readable when there is something to receive, though perhaps not a complete message. A
 * connection over TLS can have more data than the descriptor shows: call
 * [method@Connection.try_recv] or a similar function until it returns no message. While the
 * connection reads ahead, see [property@Connection:read-ahead], no descriptor shows whether there
 * is data; use [method@Connection.create_source] or [method@Waitable.get_fd].
 *
 * Returns: a descriptor owned by the connection; -1 if it is closed, has none, or reads ahead
 *
 * Since: 1.0
 */
int
mp_connection_get_fd (MpConnection *self)
{
  MpChannel *channel;

  g_return_val_if_fail (MP_IS_CONNECTION (self), -1);

  channel = mp_connection_get_channel (self, NULL);
  return channel != NULL && mp_channel_fd_is_complete (channel) ? mp_channel_get_fd (channel) : -1;
}

/**
 * mp_connection_create_source:
 * @self: a connection
 * @cancellable: (nullable): a cancellable, whose cancellation dispatches the source too
 *
 * Creates a source that is dispatched while there is something to receive, or once the connection
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

static int
mp_connection_waitable_get_fd (MpWaitable *waitable)
{
  MpChannel *channel = mp_connection_get_channel (MP_CONNECTION (waitable), NULL);

  return channel != NULL ? mp_channel_get_fd (channel) : -1;
}

static GIOCondition
mp_connection_waitable_get_condition (MpWaitable *waitable)
{
  return mp_connection_get_readable (MP_CONNECTION (waitable)) ? G_IO_IN : 0;
}

static gboolean
mp_connection_waitable_has_pending (MpWaitable *waitable,
                                    GError    **error)
{
  MpChannel   *channel = mp_connection_get_channel (MP_CONNECTION (waitable), error);
  GIOCondition condition = mp_connection_waitable_get_condition (waitable);

  return channel != NULL && mp_channel_has_pending (channel, condition, error);
}

static gboolean
mp_connection_waitable_wait (MpWaitable   *waitable,
                             MpCondition   condition,
                             MpWaitFlags   flags,
                             gint64        timeout_us,
                             GCancellable *cancellable,
                             GError      **error)
{
  MpChannel   *channel = mp_connection_get_channel (MP_CONNECTION (waitable), error);
  GIOCondition events = condition == MP_CONDITION_READABLE ? G_IO_IN : G_IO_OUT;
  gint64       deadline = mp_deadline_for_timeout (timeout_us);
  MpWaitStatus status;

  if (channel == NULL)
    return FALSE;
  if (condition == MP_CONDITION_DONE)
    return mp_waitable_set_no_condition (waitable, error);

  status = mp_channel_wait (channel, events, timeout_us, cancellable, error);
  while (status == MP_WAIT_INTERRUPTED && (flags & MP_WAIT_FLAGS_INTERRUPTIBLE) == 0)
    status =
      mp_channel_wait (channel, events, mp_deadline_get_left (deadline), cancellable, error);
  return status == MP_WAIT_READY;
}

void
mp_connection_waitable_init (MpWaitableInterface *iface)
{
  iface->get_fd = mp_connection_waitable_get_fd;
  iface->get_condition = mp_connection_waitable_get_condition;
  iface->has_pending = mp_connection_waitable_has_pending;
  iface->wait = mp_connection_waitable_wait;
}
