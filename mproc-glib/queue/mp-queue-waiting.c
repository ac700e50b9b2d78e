/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "queue-source.h"
#include "queue-watch.h"
#include "waiting/mp-waitable-private.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>

/* Waiting for a queue: in calls, in main loops, and by its descriptor. */

static GIOCondition
get_condition (MpWaitable *waitable)
{
  return G_IO_IN;
}

static int
get_fd (MpWaitable *waitable)
{
  return mp_queue_bells_peek_fd (&mp_queue_get_private (MP_QUEUE (waitable))->bells);
}

static gboolean
has_pending (MpWaitable *waitable,
             GError    **error)
{
  MpQueue *self = MP_QUEUE (waitable);

  return mp_queue_check_open (self, error) &&
         mp_queue_bells_check (&mp_queue_get_private (self)->bells, FALSE);
}

static gboolean
is_ready (MpWaitable *waitable,
          GError    **error)
{
  MpQueue *self = MP_QUEUE (waitable);

  return mp_queue_check_open (self, error) &&
         mp_queue_bells_check (&mp_queue_get_private (self)->bells, TRUE);
}

/* Waits for a condition.  Returns FALSE without an error on timeout or, if @flags request it, after
 * a signal handler has run. */
gboolean
mp_queue_wait_for (MpQueue         *self,
                   MpQueueCondition condition,
                   MpWaitFlags      flags,
                   gint64           timeout_us,
                   GCancellable    *cancellable,
                   GError         **error)
{
  MpQueueCall   call = { .timeout_us = timeout_us, .cancellable = cancellable };
  MpQueueStore *store = &mp_queue_get_private (self)->store;
  MpQueueStatus status;

  /* Tasks of an object that was closed can still be joined. */
  if (!(condition == MP_QUEUE_WAIT_DONE ? mp_queue_check (self, error)
                                        : mp_queue_check_open (self, error)))
    return FALSE;

  call.interruptible = (flags & MP_WAIT_FLAGS_INTERRUPTIBLE) != 0;
  status = store->backend->wait (store->home, condition, &call);
  if (status == MP_QUEUE_OK)
    return TRUE;
  if (status == MP_QUEUE_TIMED_OUT || status == MP_QUEUE_INTERRUPTED)
    return FALSE;
  return mp_queue_set_error (self, status, &call, error);
}

static gboolean
wait_for (MpWaitable   *waitable,
          MpCondition   condition,
          MpWaitFlags   flags,
          gint64        timeout_us,
          GCancellable *cancellable,
          GError      **error)
{
  if (condition == MP_CONDITION_DONE)
    return mp_waitable_set_no_condition (waitable, error);

  return mp_queue_wait_for (MP_QUEUE (waitable),
                            condition == MP_CONDITION_READABLE ? MP_QUEUE_WAIT_ITEMS
                                                               : MP_QUEUE_WAIT_SPACE,
                            flags, timeout_us, cancellable, error);
}

void
mp_queue_waitable_init (MpWaitableInterface *iface)
{
  iface->get_fd = get_fd;
  iface->get_condition = get_condition;
  iface->is_ready = is_ready;
  iface->has_pending = has_pending;
  iface->wait = wait_for;
}

/**
 * mp_queue_create_source:
 * @self: a queue
 * @cancellable: (nullable): a cancellable; the source is dispatched when it is cancelled, too
 *
 * Creates a source that is dispatched while there are messages to get.
 *
 * Its callback is a plain [callback@GLib.SourceFunc]. Another consumer may be faster, so use
 * [method@Queue.try_get] there. The source holds a reference to the queue. It is also dispatched
 * when the queue is shut down and drained; a get then fails with `MP_ERROR_CLOSED`.
 *
 * Returns: (transfer full): a source, to be attached to any main context
 *
 * Since: 1.0
 */
GSource *
mp_queue_create_source (MpQueue      *self,
                        GCancellable *cancellable)
{
  GSource *source;

  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  source = mp_queue_source_new (G_OBJECT (self), &mp_queue_get_private (self)->bells, NULL,
                                MP_QUEUE_WAIT_ITEMS, cancellable);
  g_source_set_static_name (source, "MpQueue");
  return source;
}

/**
 * mp_queue_get_fd:
 * @self: a queue
 *
 * Gets a descriptor to poll, for `select`, asyncio and other kinds of main loops.
 *
 * It is readable while there are messages to get. It may also be readable spuriously, since another
 * consumer was faster: call a `try_` function then, which also makes it unreadable again. It is
 * owned by the queue and must be neither read nor closed.
 *
 * Returns: a descriptor, or -1 if it cannot be created
 *
 * Since: 1.0
 */
int
mp_queue_get_fd (MpQueue *self)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), -1);

  return mp_queue_bells_get_fd (&mp_queue_get_private (self)->bells);
}

/**
 * mp_queue_watch_room:
 * @self: a queue
 * @error: return location for an error
 *
 * Creates an object to wait for until there may be room: with [func@wait], together with other
 * objects, or by its descriptor in another kind of main loop.
 *
 * It is ready at first, if any message fits, and then once after each time that messages were taken
 * or a process died. After a put was refused it is ready when there is room for a message of that
 * size, until another one is put. Another producer may be faster, so try and wait in turn:
 *
 * ```c
 * g_autoptr (MpWaitable) room = mp_queue_watch_room (queue, &error);
 *
 * while (mp_waitable_is_ready (room, &error), !mp_queue_try_put (queue, value, &error))
 *   poll (&(struct pollfd) { mp_waitable_get_fd (room), POLLIN, 0 }, 1, -1);
 * ```
 *
 * It is also ready when the queue is shut down; a put then fails with `MP_ERROR_CLOSED`. It uses a
 * few descriptors, and holds a reference to the queue.
 *
 * Returns: (transfer full): an object to wait for; %NULL with @error set if the queue cannot be
 *   used or the process has run out of descriptors
 *
 * Since: 1.0
 */
MpWaitable *
mp_queue_watch_room (MpQueue *self,
                     GError **error)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);

  return mp_queue_watch_new (G_OBJECT (self), &mp_queue_get_private (self)->bells,
                             MP_QUEUE_WAIT_SPACE, error);
}

/**
 * mp_queue_watch_answers:
 * @self: a queue on a server
 * @error: return location for an error
 *
 * Creates an object whose descriptor is readable when asynchronous calls of the queue may have
 * ended, for programs with another kind of main loop than GLib's.
 *
 * Whenever it is readable, call [method@Waitable.is_ready], and then iterate the main context in
 * which the calls were begun, without blocking: that calls their callbacks. It uses a few
 * descriptors, and holds a reference to the queue.
 *
 * Fails with `G_IO_ERROR_NOT_SUPPORTED` if the queue is not on a server.
 *
 * Returns: (transfer full): an object with a descriptor; %NULL with @error set
 *
 * Since: 1.0
 */
MpWaitable *
mp_queue_watch_answers (MpQueue *self,
                        GError **error)
{
  MpQueuePrivate *priv;

  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);

  priv = mp_queue_get_private (self);
  if (priv->store.home != NULL && priv->store.backend->begin == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                           _ ("The queue is not on a server"));
      return NULL;
    }
  return mp_queue_watch_new (G_OBJECT (self), &priv->bells, MP_QUEUE_WAIT_ANSWERS, error);
}
