/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-joinable-queue.h"
#include "mp-queue-private.h"

#include <poll.h>

/* What else one can wait for at a queue, beside something to get, which the queue itself is
 * waited for. */

#define MP_TYPE_QUEUE_WATCH (mp_queue_watch_get_type ())
G_DECLARE_FINAL_TYPE (MpQueueWatch, mp_queue_watch, MP, QUEUE_WATCH, GObject)

struct _MpQueueWatch
{
  GObject parent_instance;

  MpQueue         *queue;
  MpQueueCondition condition;
  MpQueueBell     *bell;
  gboolean         looked;
};

static int
get_fd (MpWaitable *waitable)
{
  MpQueueWatch *self = MP_QUEUE_WATCH (waitable);

  return mp_queue_get_private (self->queue)->backend->bell_fd (self->bell);
}

static gboolean
has_rung (MpQueueWatch *self)
{
  struct pollfd fd = { get_fd (MP_WAITABLE (self)), POLLIN, 0 };

  return poll (&fd, 1, 0) > 0;
}

/* Arms the bell before it looks, so that what comes in between rings.  Room may be there and
 * yet too small, so that once looked at it counts again only when something was taken. */
static gboolean
look (MpQueueWatch *self)
{
  MpQueuePrivate *priv = mp_queue_get_private (self->queue);
  gboolean        rang = !self->looked || has_rung (self);

  self->looked = TRUE;
  priv->backend->bell_arm (priv->store, self->bell, rang);
  return (rang || self->condition != MP_QUEUE_WAIT_SPACE) &&
         priv->backend->check (priv->store, self->condition);
}

static gboolean
is_ready (MpWaitable *waitable,
          GError    **error)
{
  MpQueueWatch   *self = MP_QUEUE_WATCH (waitable);
  MpQueuePrivate *priv = mp_queue_get_private (self->queue);
  gboolean        ready;

  mp_queue_lock_bells (priv);
  ready = look (self);
  g_mutex_unlock (&priv->bell_mutex);
  return ready;
}

static void
mp_queue_watch_waitable_init (MpWaitableInterface *iface)
{
  iface->get_fd = get_fd;
  iface->is_ready = is_ready;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (MpQueueWatch,
                               mp_queue_watch,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (MP_TYPE_WAITABLE,
                                                      mp_queue_watch_waitable_init))

static void
mp_queue_watch_finalize (GObject *object)
{
  MpQueueWatch   *self = MP_QUEUE_WATCH (object);
  MpQueuePrivate *priv = mp_queue_get_private (self->queue);

  priv->backend->bell_free (priv->store, self->bell);
  g_object_unref (self->queue);

  G_OBJECT_CLASS (mp_queue_watch_parent_class)->finalize (object);
}

static void
mp_queue_watch_class_init (MpQueueWatchClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = mp_queue_watch_finalize;
}

static void
mp_queue_watch_init (MpQueueWatch *self)
{
}

static MpWaitable *
watch (MpQueue         *queue,
       MpQueueCondition condition,
       GError         **error)
{
  MpQueuePrivate *priv = mp_queue_get_private (queue);
  MpQueueWatch   *self;
  MpQueueBell    *bell;

  if (!mp_queue_check (queue, error))
    return NULL;
  bell = priv->backend->bell_new (priv->store, condition, error);
  if (bell == NULL)
    return NULL;

  self = g_object_new (MP_TYPE_QUEUE_WATCH, NULL);
  self->queue = g_object_ref (queue);
  self->condition = condition;
  self->bell = bell;
  return MP_WAITABLE (self);
}

/**
 * mp_queue_watch_room:
 * @self: a queue
 * @error: return location for an error
 *
 * Makes something to wait for until there may be room: with [func@wait], beside other
 * things, or by its descriptor in a foreign loop.
 *
 * It is ready at first, if anything fits, and then once each time that something was taken
 * out since, or that somebody died. That may make too little room for a large message, or
 * another producer may be faster, so try and wait in turn:
 *
 * ```c
 * g_autoptr (MpWaitable) room = mp_queue_watch_room (queue, &error);
 *
 * while (mp_waitable_is_ready (room, &error), !mp_queue_try_put (queue, value, &error))
 *   poll (&(struct pollfd) { mp_waitable_get_fd (room), POLLIN, 0 }, 1, -1);
 * ```
 *
 * It is also ready when the queue is shut down; a put then says so. It costs a few
 * descriptors, and holds a reference to the queue.
 *
 * Returns: (transfer full): something to wait for; %NULL with @error set when the queue cannot
 *   be used or there are no descriptors left
 *
 * Since: 1.0
 */
MpWaitable *
mp_queue_watch_room (MpQueue *self,
                     GError **error)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);

  return watch (self, MP_QUEUE_WAIT_SPACE, error);
}

/**
 * mp_joinable_queue_watch_done:
 * @self: a queue
 * @error: return location for an error
 *
 * Makes something to wait for until everything that was put is done: with [func@wait], beside
 * other things, or by its descriptor in a foreign loop.
 *
 * It is ready while all is done. Call [method@Waitable.is_ready] before each time that its
 * descriptor is polled. It costs a few descriptors, and holds a reference to the queue.
 *
 * Returns: (transfer full): something to wait for; %NULL with @error set when the queue cannot
 *   be used or there are no descriptors left
 *
 * Since: 1.0
 */
MpWaitable *
mp_joinable_queue_watch_done (MpJoinableQueue *self,
                              GError         **error)
{
  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), NULL);

  return watch (MP_QUEUE (self), MP_QUEUE_WAIT_DONE, error);
}
