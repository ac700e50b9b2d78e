/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queue-watch.h"

#include <poll.h>

#define MP_TYPE_QUEUE_WATCH (mp_queue_watch_get_type ())
G_DECLARE_FINAL_TYPE (MpQueueWatch, mp_queue_watch, MP, QUEUE_WATCH, GObject)

struct _MpQueueWatch
{
  GObject parent_instance;

  GObject         *owner; /* the queue object to which the bells belong */
  MpQueueBells    *bells;
  MpQueueCondition condition;
  MpQueueBell     *bell;
  gboolean         looked; /* the condition was checked at least once */
};

static int
get_fd (MpWaitable *waitable)
{
  MpQueueWatch *self = MP_QUEUE_WATCH (waitable);

  return self->bells->store->backend->bell_fd (self->bell);
}

static gboolean
has_rung (MpQueueWatch *self)
{
  struct pollfd fd = { get_fd (MP_WAITABLE (self)), POLLIN, 0 };

  return poll (&fd, 1, 0) > 0;
}

/* Arms the bell before the check, so that a change in between wakes again.  Room may be too small
 * for the caller's message, so after the first check it counts only when the bell has rung. */
static gboolean
look (MpQueueWatch *self)
{
  MpQueueStore *store = self->bells->store;
  gboolean      rang = !self->looked || has_rung (self);

  self->looked = TRUE;
  store->backend->bell_arm (store->home, self->bell, rang);
  return (rang || self->condition != MP_QUEUE_WAIT_SPACE) &&
         store->backend->check (store->home, self->condition);
}

static gboolean
is_ready (MpWaitable *waitable,
          GError    **error)
{
  MpQueueWatch *self = MP_QUEUE_WATCH (waitable);
  gboolean      ready;

  mp_queue_bells_lock (self->bells);
  ready = look (self);
  g_mutex_unlock (&self->bells->mutex);
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
  MpQueueWatch *self = MP_QUEUE_WATCH (object);
  MpQueueStore *store = self->bells->store;

  store->backend->bell_free (store->home, self->bell);
  g_object_unref (self->owner);

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

MpWaitable *
mp_queue_watch_new (GObject         *owner,
                    MpQueueBells    *bells,
                    MpQueueCondition condition,
                    GError         **error)
{
  MpQueueStore *store = bells->store;
  MpQueueWatch *self;
  MpQueueBell  *bell;

  if (!mp_queue_store_check (store, error))
    return NULL;
  bell = store->backend->bell_new (store->home, condition, error);
  if (bell == NULL)
    return NULL;

  self = g_object_new (MP_TYPE_QUEUE_WATCH, NULL);
  self->owner = g_object_ref (owner);
  self->bells = bells;
  self->condition = condition;
  self->bell = bell;
  return MP_WAITABLE (self);
}
