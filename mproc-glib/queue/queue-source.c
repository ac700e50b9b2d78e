/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queue-source.h"

#include "base/mp-async.h"

/* How often a source without a bell, for which there were no descriptors, checks its condition. */
#define WITHOUT_BELL_MS 20

typedef struct
{
  GSource          source;
  GObject         *owner;
  MpQueueBells    *bells;
  MpQueueCondition condition;
  MpSharedBell    *bell;
  gpointer         tag;     /* of the descriptor of the bell; NULL: no bell */
  guint            n_rings; /* value of the bell's n_rings that this source has seen */
  gboolean         looked;  /* goes_by_rings (): was dispatched for the initial condition */
  gboolean         paused;  /* until the ready time of the source */
  gboolean         weak;    /* the owner is not referenced and outlives the source */
} QueueSource;

/* Whether the source is dispatched at first and then at each wake-up, instead of as long as the
 * condition holds: there may be room that is too small, and MP_QUEUE_WAIT_NEWS and _ANSWERS are
 * events without a state. */
static gboolean
goes_by_rings (QueueSource *self)
{
  return self->condition == MP_QUEUE_WAIT_SPACE || self->condition == MP_QUEUE_WAIT_NEWS ||
         self->condition == MP_QUEUE_WAIT_ANSWERS;
}

static gboolean
source_is_ready (QueueSource *self)
{
  MpQueueStore *store = self->bells->store;

  return store->home == NULL || store->backend->check (store->home, self->condition);
}

static void
source_arm (QueueSource *self,
            gboolean     rang)
{
  MpQueueStore *store = self->bells->store;

  if (self->bell->bell != NULL)
    store->backend->bell_arm (store->home, self->bell->bell, rang);
}

/* Arming the bell consumes the wake-up, so count it: the other sources that share the bell then
 * notice it, too. */
static gboolean
source_look_by_rings (QueueSource *self,
                      gboolean     rang)
{
  if (rang || !self->looked)
    {
      source_arm (self, rang);
      self->bell->n_rings++;
    }
  else if (self->n_rings == self->bell->n_rings && self->bell->bell != NULL)
    {
      return FALSE;
    }

  self->n_rings = self->bell->n_rings;
  self->looked = TRUE;
  return TRUE;
}

/* Checks the condition, arms the bell, and checks again for changes in between. */
static gboolean
source_look (QueueSource *self,
             gboolean     rang)
{
  if (goes_by_rings (self))
    return source_look_by_rings (self, rang);

  if (source_is_ready (self))
    return TRUE;
  source_arm (self, rang);
  return source_is_ready (self);
}

static gboolean
queue_source_prepare (GSource *source,
                      int     *timeout)
{
  QueueSource *self = (QueueSource *) source;

  if (self->bell->bell != NULL)
    {
      *timeout = -1;
      return source_look (self, FALSE);
    }
  *timeout = WITHOUT_BELL_MS;
  return !goes_by_rings (self) && source_is_ready (self);
}

static gboolean
queue_source_check (GSource *source)
{
  QueueSource *self = (QueueSource *) source;

  return source_look (self, self->tag != NULL &&
                              g_source_query_unix_fd (source, self->tag) != 0);
}

static gboolean
queue_source_dispatch (GSource    *source,
                       GSourceFunc callback,
                       gpointer    user_data)
{
  QueueSource *self = (QueueSource *) source;

  if (self->paused)
    {
      self->paused = FALSE;
      g_source_set_ready_time (source, -1);
      if (self->tag != NULL)
        g_source_modify_unix_fd (source, self->tag, G_IO_IN);
      return G_SOURCE_CONTINUE;
    }
  return callback != NULL ? callback (user_data) : G_SOURCE_REMOVE;
}

static void
queue_source_finalize (GSource *source)
{
  QueueSource *self = (QueueSource *) source;

  mp_queue_bells_unref (self->bells, self->bell);
  if (!self->weak)
    g_object_unref (self->owner);
}

static GSourceFuncs queue_source_funcs = {
  .prepare = queue_source_prepare,
  .check = queue_source_check,
  .dispatch = queue_source_dispatch,
  .finalize = queue_source_finalize,
};

GSource *
mp_queue_source_new (GObject         *owner,
                     MpQueueBells    *bells,
                     GMainContext    *context,
                     MpQueueCondition condition,
                     GCancellable    *cancellable)
{
  GSource     *source = g_source_new (&queue_source_funcs, sizeof (QueueSource));
  QueueSource *self = (QueueSource *) source;

  self->owner = g_object_ref (owner);
  self->bells = bells;
  self->condition = condition;
  self->bell = mp_queue_bells_ref (bells, context, condition);
  if (self->bell->bell != NULL)
    self->tag = g_source_add_unix_fd (source, bells->store->backend->bell_fd (self->bell->bell),
                                      G_IO_IN);
  mp_async_add_cancellable (source, cancellable);
  return source;
}

void
mp_queue_source_attach_task (MpQueueBells    *bells,
                             MpQueueCondition condition,
                             GTask           *task,
                             GSourceFunc      callback)
{
  g_autoptr (GSource) source =
    mp_queue_source_new (g_task_get_source_object (task), bells, g_task_get_context (task),
                         condition, g_task_get_cancellable (task));

  g_task_attach_source (task, source, callback);
}

void
mp_queue_source_make_weak (GSource *source)
{
  QueueSource *self = (QueueSource *) source;

  self->weak = TRUE;
  g_object_unref (self->owner);
}

void
mp_queue_source_pause (GSource *source,
                       gint64   interval_us)
{
  QueueSource *self = (QueueSource *) source;

  self->paused = TRUE;
  if (self->tag != NULL)
    g_source_modify_unix_fd (source, self->tag, 0);
  g_source_set_ready_time (source, g_source_get_time (source) + interval_us);
}
