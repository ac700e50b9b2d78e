/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-simple-queue.h"

#include "mp-queue-private.h"

/**
 * MpSimpleQueue:
 *
 * A queue of messages between processes without settings.
 *
 * It does not limit the number of messages, and its own put and get have no timeout: a get waits
 * until there is a message. The functions of [class@Queue] can be used too.
 *
 * All functions may be called from any thread.
 *
 * Since: 1.0
 */

G_DEFINE_TYPE (MpSimpleQueue, mp_simple_queue, MP_TYPE_QUEUE)

static void
mp_simple_queue_class_init (MpSimpleQueueClass *klass)
{
}

static void
mp_simple_queue_init (MpSimpleQueue *self)
{
  MpQueuePrivate *queue = mp_queue_get_private (MP_QUEUE (self));

  g_strlcpy (queue->store.settings.kind, "SimpleQueue", MP_QUEUE_KIND_SIZE);
}

/**
 * mp_simple_queue_new:
 * @error: return location for an error
 *
 * Creates a queue.
 *
 * Returns: (transfer full): a queue, or %NULL with @error set
 *
 * Since: 1.0
 */
MpSimpleQueue *
mp_simple_queue_new (GError **error)
{
  g_autoptr (MpSimpleQueue) self = g_object_new (MP_TYPE_SIMPLE_QUEUE, NULL);

  return mp_queue_check (MP_QUEUE (self), error) ? g_steal_pointer (&self) : NULL;
}

/**
 * mp_simple_queue_put:
 * @self: a queue
 * @value: a value; a floating reference is taken
 * @error: return location for an error
 *
 * Puts a value of any GVariant type; see [method@Queue.put].
 *
 * Returns: whether it was put; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_simple_queue_put (MpSimpleQueue *self,
                     GVariant      *value,
                     GError       **error)
{
  g_return_val_if_fail (MP_IS_SIMPLE_QUEUE (self), FALSE);

  return mp_queue_put (MP_QUEUE (self), value, -1, NULL, error);
}

/**
 * mp_simple_queue_get:
 * @self: a queue
 * @error: return location for an error
 *
 * Waits for the next message, and gets it as a GVariant.
 *
 * Fails with `MP_ERROR_CLOSED` if this object was closed; see also [method@Queue.get].
 *
 * Returns: (transfer full): the value; %NULL with @error set
 *
 * Since: 1.0
 */
GVariant *
mp_simple_queue_get (MpSimpleQueue *self,
                     GError       **error)
{
  g_return_val_if_fail (MP_IS_SIMPLE_QUEUE (self), NULL);

  return mp_queue_get (MP_QUEUE (self), -1, NULL, error);
}
