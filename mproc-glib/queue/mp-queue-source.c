/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "base/mp-async.h"

/* The queue in a main loop: its descriptor, its sources, the signal. */

/* How many messages one dispatch hands out before other sources get their turn. */
#define MESSAGES_PER_DISPATCH 64

/* How many bells that nobody uses are kept. */
#define MAX_IDLE_BELLS 4

/* How often a source without a bell looks: descriptors had run out. */
#define WITHOUT_BELL_MS 20

enum
{
  SIGNAL_MESSAGE,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

/* --- Bells ---------------------------------------------------------------------------- */

/* A bell for the asynchronous calls of one main context that wait for one condition: its
 * sources look one after the other, so that none can take the others' ring.  A few without
 * users are kept for the calls to come, since a bell costs several descriptors. */
typedef struct
{
  guint            n_users;
  GMainContext    *context; /* tells contexts apart, no more; NULL: of one source alone */
  MpQueueCondition condition;
  MpQueueBell     *bell;    /* NULL when descriptors had run out */
  guint            n_rings; /* that some source has taken in for all */
} SharedBell;

/* What another thread of the parent was changing is left as it is, and done without: sources
 * know their bells, and nobody else has to find them. */
static void
reset_bells (MpForkHook *hook)
{
  MpQueuePrivate *priv = MP_FORK_HOOK_OWNER (hook, MpQueuePrivate);

  priv->bells_unsound |= mp_fork_reset_mutex (&priv->bell_mutex);
}

void
mp_queue_init_bells (MpQueuePrivate *priv)
{
  priv->shared_bells = g_ptr_array_new ();
  g_mutex_init (&priv->bell_mutex);
  mp_fork_hook_add (&priv->fork_hook, reset_bells);
}

void
mp_queue_clear_bells (MpQueuePrivate *priv)
{
  mp_fork_hook_remove (&priv->fork_hook);
  if (!priv->bells_unsound)
    g_ptr_array_unref (priv->shared_bells);
  g_mutex_clear (&priv->bell_mutex);
}

void
mp_queue_lock_bells (MpQueuePrivate *priv)
{
  g_mutex_lock (&priv->bell_mutex);
  if (G_UNLIKELY (priv->bells_unsound))
    {
      priv->shared_bells = g_ptr_array_new ();
      priv->bells_unsound = FALSE;
    }
}

static SharedBell *
find_bell (MpQueuePrivate  *priv,
           GMainContext    *context,
           MpQueueCondition condition)
{
  for (guint i = 0; i < priv->shared_bells->len; i++)
    {
      SharedBell *shared = g_ptr_array_index (priv->shared_bells, i);

      if (shared->context == context && shared->condition == condition)
        return shared;
    }
  return NULL;
}

static SharedBell *
bell_ref (MpQueue         *self,
          GMainContext    *context,
          MpQueueCondition condition)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);
  SharedBell     *shared = NULL;

  mp_queue_lock_bells (priv);
  if (context != NULL)
    shared = find_bell (priv, context, condition);
  if (shared == NULL)
    {
      shared = g_new0 (SharedBell, 1);
      shared->context = context;
      shared->condition = condition;
      if (priv->store != NULL)
        shared->bell = priv->backend->bell_new (priv->store, condition, NULL);
      g_ptr_array_add (priv->shared_bells, shared);
    }
  shared->n_users++;
  g_mutex_unlock (&priv->bell_mutex);
  return shared;
}

static void
drop_bell (MpQueuePrivate *priv,
           SharedBell     *shared)
{
  g_ptr_array_remove_fast (priv->shared_bells, shared);
  if (shared->bell != NULL)
    priv->backend->bell_free (priv->store, shared->bell);
  g_free (shared);
}

static guint
count_idle_bells (MpQueuePrivate *priv)
{
  guint n_idle = 0;

  for (guint i = 0; i < priv->shared_bells->len; i++)
    n_idle += ((SharedBell *) g_ptr_array_index (priv->shared_bells, i))->n_users == 0;
  return n_idle;
}

static void
bell_unref (MpQueue    *self,
            SharedBell *shared)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);

  mp_queue_lock_bells (priv);
  if (--shared->n_users == 0 && (shared->context == NULL || shared->bell == NULL ||
                                 count_idle_bells (priv) > MAX_IDLE_BELLS))
    drop_bell (priv, shared);
  g_mutex_unlock (&priv->bell_mutex);
}

/* --- Sources -------------------------------------------------------------------------- */

typedef struct
{
  GSource          source;
  MpQueue         *queue;
  MpQueueCondition condition;
  SharedBell      *bell;
  gpointer         tag;
  guint            n_rings; /* that this source knows of */
  gboolean         looked;
  gboolean         paused;
  gboolean         weak; /* the queue outlives the source without being held */
} QueueSource;

/* Room may be there and yet too small, and news have no state at all: for these a source is
 * dispatched at first and at each ring, not while a condition holds. */
static gboolean
goes_by_rings (QueueSource *self)
{
  return self->condition == MP_QUEUE_WAIT_SPACE || self->condition == MP_QUEUE_WAIT_NEWS;
}

static gboolean
source_is_ready (QueueSource *self)
{
  MpQueuePrivate *priv = mp_queue_get_private (self->queue);

  return priv->store == NULL || priv->backend->check (priv->store, self->condition);
}

static void
source_arm (QueueSource *self,
            gboolean     rang)
{
  MpQueuePrivate *priv = mp_queue_get_private (self->queue);

  if (self->bell->bell != NULL)
    priv->backend->bell_arm (priv->store, self->bell->bell, rang);
}

/* Arming takes a ring in, which may have been for the others of this bell too. */
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

/* Looks, arms the bell, and looks again for what came in between. */
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

  bell_unref (self->queue, self->bell);
  if (!self->weak)
    g_object_unref (self->queue);
}

static GSourceFuncs queue_source_funcs = {
  .prepare = queue_source_prepare,
  .check = queue_source_check,
  .dispatch = queue_source_dispatch,
  .finalize = queue_source_finalize,
};

static GSource *
create_source (MpQueue         *self,
               GMainContext    *context,
               MpQueueCondition condition,
               GCancellable    *cancellable)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);
  GSource        *source = g_source_new (&queue_source_funcs, sizeof (QueueSource));
  QueueSource    *queue_source = (QueueSource *) source;

  queue_source->queue = g_object_ref (self);
  queue_source->condition = condition;
  queue_source->bell = bell_ref (self, context, condition);
  if (queue_source->bell->bell != NULL)
    queue_source->tag = g_source_add_unix_fd (source,
                                              priv->backend->bell_fd (queue_source->bell->bell),
                                              G_IO_IN);
  mp_async_add_cancellable (source, cancellable);
  return source;
}

GSource *
mp_queue_create_condition_source (MpQueue         *self,
                                  MpQueueCondition condition,
                                  GCancellable    *cancellable)
{
  return create_source (self, NULL, condition, cancellable);
}

/* For a source that the queue itself destroys, and that shall not keep it alive. */
void
mp_queue_source_make_weak (GSource *source)
{
  QueueSource *self = (QueueSource *) source;

  self->weak = TRUE;
  g_object_unref (self->queue);
}

/* Leaves the source in peace for a while; a ring that comes meanwhile is heard after it. */
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

void
mp_queue_attach_task_source (MpQueue         *self,
                             MpQueueCondition condition,
                             GTask           *task,
                             GSourceFunc      callback)
{
  g_autoptr (GSource) source = create_source (self, g_task_get_context (task), condition,
                                              g_task_get_cancellable (task));

  g_task_attach_source (task, source, callback);
}

/**
 * mp_queue_create_source:
 * @self: a queue
 * @cancellable: (nullable): a cancellable; the source is dispatched when it is cancelled, too
 *
 * Makes a source that is dispatched while there is something to get.
 *
 * Its callback is a plain [callback@GLib.SourceFunc]. Another consumer may be faster: use
 * [method@Queue.try_get] there. The source holds a reference to the queue. It is also
 * dispatched when the queue is shut down and drained; a get then says so.
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

  source = mp_queue_create_condition_source (self, MP_QUEUE_WAIT_ITEMS, cancellable);
  g_source_set_static_name (source, "MpQueue");
  return source;
}

/* --- The descriptor ------------------------------------------------------------------- */

/* Makes the descriptor level: readable while there is something to get.  Returns whether there
 * is.  Without @rang a descriptor that is still armed is left as it is, and no system call
 * is needed: it may be readable for nothing then. */
static gboolean
refresh_locked (MpQueuePrivate *priv,
                gboolean        rang)
{
  gboolean ready = priv->backend->check (priv->store, MP_QUEUE_WAIT_ITEMS);

  if (!ready)
    {
      priv->backend->bell_hold (priv->fd_bell, FALSE);
      priv->backend->bell_arm (priv->store, priv->fd_bell, rang);
      ready = priv->backend->check (priv->store, MP_QUEUE_WAIT_ITEMS);
    }
  if (ready)
    priv->backend->bell_hold (priv->fd_bell, TRUE);
  return ready;
}

static gboolean
ensure_bell_locked (MpQueuePrivate *priv)
{
  if (priv->fd_bell == NULL)
    priv->fd_bell = priv->backend->bell_new (priv->store, MP_QUEUE_WAIT_ITEMS, NULL);

  return priv->fd_bell != NULL;
}

void
mp_queue_refresh_fd (MpQueue *self)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);

  mp_queue_lock_bells (priv);
  if (priv->fd_bell != NULL)
    refresh_locked (priv, TRUE);
  g_mutex_unlock (&priv->bell_mutex);
}

/* The descriptor as it is.  Who polls it calls mp_queue_check_fd () before, and with @rang
 * after it has fired. */
int
mp_queue_peek_fd (MpQueue *self)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);
  int             fd = -1;

  mp_queue_lock_bells (priv);
  if (priv->store != NULL && ensure_bell_locked (priv))
    fd = priv->backend->bell_fd (priv->fd_bell);
  g_mutex_unlock (&priv->bell_mutex);
  return fd;
}

/* Whether there is something to get; if not, the descriptor fires when there is. */
gboolean
mp_queue_check_fd (MpQueue *self,
                   gboolean rang)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);
  gboolean        ready;

  if (!rang && priv->backend->check (priv->store, MP_QUEUE_WAIT_ITEMS))
    return TRUE;

  mp_queue_lock_bells (priv);
  ready = ensure_bell_locked (priv)
            ? refresh_locked (priv, rang)
            : priv->backend->check (priv->store, MP_QUEUE_WAIT_ITEMS);
  g_mutex_unlock (&priv->bell_mutex);
  return ready;
}

/**
 * mp_queue_get_fd:
 * @self: a queue
 *
 * Gets a descriptor to poll, for `select`, asyncio and other foreign loops.
 *
 * It is readable while there is something to get. It may also be readable when there is
 * nothing, since another consumer was faster: use a `try_` call then, which also makes it
 * right again. It stays the queue's: neither read nor close it.
 *
 * Returns: a descriptor, or -1 when there is none to be had
 *
 * Since: 1.0
 */
int
mp_queue_get_fd (MpQueue *self)
{
  MpQueuePrivate *priv;
  int             fd = -1;

  g_return_val_if_fail (MP_IS_QUEUE (self), -1);

  priv = mp_queue_get_private (self);
  if (priv->store == NULL)
    return -1;

  mp_queue_lock_bells (priv);
  if (ensure_bell_locked (priv))
    {
      refresh_locked (priv, TRUE);
      fd = priv->backend->bell_fd (priv->fd_bell);
    }
  g_mutex_unlock (&priv->bell_mutex);
  return fd;
}

/* --- The signal ------------------------------------------------------------------------- */

static gboolean
message_cb (gpointer user_data)
{
  g_autoptr (MpQueue) self = g_object_ref (MP_QUEUE (user_data));
  MpQueuePrivate *priv = mp_queue_get_private (self);
  GSource        *source = g_main_current_source ();

  for (guint i = 0; i < MESSAGES_PER_DISPATCH && !g_source_is_destroyed (source); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MpMessage) message = mp_queue_try_get_message (self, &error);

      if (error != NULL)
        {
          /* Shut down and drained, or broken: nothing will come any more. */
          if (priv->message_source == source)
            mp_queue_stop (self);
          return G_SOURCE_REMOVE;
        }
      if (message == NULL)
        break;
      g_signal_emit (self, signals[SIGNAL_MESSAGE], 0, message);
    }
  return G_SOURCE_CONTINUE;
}

/**
 * mp_queue_start:
 * @self: a queue
 *
 * Begins to get messages in the caller's thread-default main context and to emit
 * [signal@Queue::message] for each.
 *
 * It ends by [method@Queue.stop], and by itself when the queue is shut down and drained. The
 * queue lives at least as long. Starting twice is fine.
 *
 * Since: 1.0
 */
void
mp_queue_start (MpQueue *self)
{
  MpQueuePrivate *priv;
  GSource        *source;

  g_return_if_fail (MP_IS_QUEUE (self));

  priv = mp_queue_get_private (self);
  if (priv->message_source != NULL)
    return;

  source = mp_queue_create_source (self, NULL);
  g_source_set_callback (source, message_cb, self, NULL);
  priv->message_source = source;
  g_source_attach (source, g_main_context_get_thread_default ());
}

/**
 * mp_queue_stop:
 * @self: a queue
 *
 * Ends what [method@Queue.start] began. What is queued stays so.
 *
 * To be called in the thread of that main context.
 *
 * Since: 1.0
 */
void
mp_queue_stop (MpQueue *self)
{
  MpQueuePrivate *priv;
  GSource        *source;

  g_return_if_fail (MP_IS_QUEUE (self));

  priv = mp_queue_get_private (self);
  source = g_steal_pointer (&priv->message_source);
  if (source == NULL)
    return;

  g_source_destroy (source);
  g_source_unref (source);
}

/* Sources hold the queue, so that only the descriptor's bell and idle ones can be left. */
void
mp_queue_clear_sources (MpQueue *self)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);

  for (guint i = priv->shared_bells->len; i > 0; i--)
    {
      SharedBell *shared = g_ptr_array_index (priv->shared_bells, i - 1);

      if (shared->n_users == 0)
        drop_bell (priv, shared);
    }
  if (priv->fd_bell != NULL)
    priv->backend->bell_free (priv->store, g_steal_pointer (&priv->fd_bell));
}

void
mp_queue_install_signals (MpQueueClass *klass)
{
  /**
   * MpQueue::message:
   * @self: a queue
   * @message: a message that was got
   *
   * Emitted for each message between [method@Queue.start] and [method@Queue.stop], in the
   * main context of the start.
   *
   * Since: 1.0
   */
  signals[SIGNAL_MESSAGE] =
    g_signal_new ("message", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, MP_TYPE_MESSAGE);
}
