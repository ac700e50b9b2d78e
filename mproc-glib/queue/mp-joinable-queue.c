/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-joinable-queue.h"

#include "mp-error.h"
#include "mp-queue-private.h"
#include "queue-kept.h"
#include "queue-source.h"
#include "queue-watch.h"

/**
 * MpJoinableQueue:
 *
 * A queue of tasks that tracks which are done, and redelivers those that are not.
 *
 * Each message belongs to the consumer that got it until that consumer marks it as done. If the
 * consumer dies, or drops the message unfinished, it goes to the next consumer, ahead of newer
 * messages. [method@JoinableQueue.join] waits until everything that was put is done.
 *
 * ```c
 * g_autoptr (MpTask) task = NULL;
 *
 * while ((task = mp_joinable_queue_get_task (queue, -1, NULL, NULL)) != NULL)
 *   {
 *     work_on (mp_task_get_message (task));
 *     mp_task_done (task, NULL);
 *     g_clear_object (&task);
 *   }
 * ```
 *
 * There are two ways to mark a message as done: [method@Task.done] for an individual task, and
 * [method@JoinableQueue.task_done] for messages that were got by the functions of [class@Queue],
 * oldest first.
 *
 * A message that was delivered `max-deliveries` times without being marked as done is set aside as
 * a dead letter, so that it does not crash one consumer after another; see
 * [method@JoinableQueue.get_dead]. It counts as done.
 *
 * All functions may be called from any thread.
 *
 * Since: 1.0
 */

#define DEFAULT_MAX_DELIVERIES 10

/* The least interval between notifications of progress: faster changes could not be seen. */
#define NEWS_INTERVAL_US (50 * 1000)

typedef struct
{
  GSource *news_source; /* while report-progress is set */

  MpQueueKept kept;
} MpJoinableQueuePrivate;

static void mp_joinable_queue_shareable_init (MpShareableInterface *iface);
static void mp_joinable_queue_waitable_init (MpWaitableInterface *iface);

G_DEFINE_TYPE_WITH_CODE (MpJoinableQueue,
                         mp_joinable_queue,
                         MP_TYPE_QUEUE,
                         G_ADD_PRIVATE (MpJoinableQueue)
                           G_IMPLEMENT_INTERFACE (MP_TYPE_SHAREABLE,
                                                  mp_joinable_queue_shareable_init)
                             G_IMPLEMENT_INTERFACE (MP_TYPE_WAITABLE,
                                                    mp_joinable_queue_waitable_init))

typedef enum
{
  PROP_MAX_DELIVERIES = 1,
  PROP_UNFINISHED,
  PROP_N_DONE,
  PROP_N_TOTAL,
  PROP_N_DROPPED,
  PROP_PROGRESS,
  PROP_REPORT_PROGRESS,
} MpJoinableQueueProperty;

static GParamSpec *properties[PROP_REPORT_PROGRESS + 1];

static MpShareable *
open_described (GType        type,
                GVariant    *description,
                GUnixFDList *descriptors,
                GError     **error)
{
  return mp_queue_open_described (type, MP_QUEUE_MODE_ACKNOWLEDGED, description, descriptors,
                                  error);
}

static void
mp_joinable_queue_shareable_init (MpShareableInterface *iface)
{
  iface->open = open_described;
}

static MpWaitableInterface *parent_waitable;

/* Waits for the conditions of any queue, or until all tasks are done. */
static gboolean
mp_joinable_queue_wait (MpWaitable   *waitable,
                        MpCondition   condition,
                        MpWaitFlags   flags,
                        gint64        timeout_us,
                        GCancellable *cancellable,
                        GError      **error)
{
  if (condition != MP_CONDITION_DONE)
    return parent_waitable->wait (waitable, condition, flags, timeout_us, cancellable, error);

  return mp_queue_wait_for (MP_QUEUE (waitable), MP_QUEUE_WAIT_DONE, flags, timeout_us,
                            cancellable, error);
}

static void
mp_joinable_queue_waitable_init (MpWaitableInterface *iface)
{
  parent_waitable = g_type_interface_peek_parent (iface);
  iface->wait = mp_joinable_queue_wait;
}

static void
get_counts (MpJoinableQueue *self,
            MpQueueCounts   *counts)
{
  mp_queue_store_count (&mp_queue_get_private (MP_QUEUE (self))->store, counts);
}

static guint64
count_done (const MpQueueCounts *counts)
{
  const guint64 n_others = counts->n_unfinished + counts->n_dropped;

  return counts->n_total - MIN (n_others, counts->n_total);
}

MpQueueKept *
mp_joinable_queue_get_kept (MpJoinableQueue *self)
{
  MpJoinableQueuePrivate *priv = mp_joinable_queue_get_instance_private (self);

  return &priv->kept;
}

static void
keep (MpQueue            *queue,
      const MpQueueToken *token)
{
  mp_queue_kept_push (mp_joinable_queue_get_kept (MP_JOINABLE_QUEUE (queue)), token);
}

/* --- The object ------------------------------------------------------------------------------ */

static void
mp_joinable_queue_dispose (GObject *object)
{
  mp_joinable_queue_set_report_progress (MP_JOINABLE_QUEUE (object), FALSE);

  G_OBJECT_CLASS (mp_joinable_queue_parent_class)->dispose (object);
}

static void
mp_joinable_queue_finalize (GObject *object)
{
  mp_queue_kept_clear (mp_joinable_queue_get_kept (MP_JOINABLE_QUEUE (object)));

  G_OBJECT_CLASS (mp_joinable_queue_parent_class)->finalize (object);
}

static void
mp_joinable_queue_get_property (GObject    *object,
                                guint       property_id,
                                GValue     *value,
                                GParamSpec *pspec)
{
  MpJoinableQueue *self = MP_JOINABLE_QUEUE (object);

  switch ((MpJoinableQueueProperty) property_id)
    {
    case PROP_MAX_DELIVERIES:
      g_value_set_uint (value, mp_joinable_queue_get_max_deliveries (self));
      break;
    case PROP_UNFINISHED:
      g_value_set_uint (value, mp_joinable_queue_get_unfinished (self));
      break;
    case PROP_N_DONE:
      g_value_set_uint64 (value, mp_joinable_queue_get_n_done (self));
      break;
    case PROP_N_TOTAL:
      g_value_set_uint64 (value, mp_joinable_queue_get_n_total (self));
      break;
    case PROP_N_DROPPED:
      g_value_set_uint64 (value, mp_joinable_queue_get_n_dropped (self));
      break;
    case PROP_PROGRESS:
      g_value_set_double (value, mp_joinable_queue_get_progress (self));
      break;
    case PROP_REPORT_PROGRESS:
      g_value_set_boolean (value, mp_joinable_queue_get_report_progress (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
mp_joinable_queue_set_property (GObject      *object,
                                guint         property_id,
                                const GValue *value,
                                GParamSpec   *pspec)
{
  MpJoinableQueue *self = MP_JOINABLE_QUEUE (object);
  MpQueuePrivate  *queue = mp_queue_get_private (MP_QUEUE (self));

  switch ((MpJoinableQueueProperty) property_id)
    {
    case PROP_MAX_DELIVERIES:
      queue->store.settings.max_deliveries = g_value_get_uint (value);
      break;
    case PROP_REPORT_PROGRESS:
      mp_joinable_queue_set_report_progress (self, g_value_get_boolean (value));
      break;
    case PROP_UNFINISHED:
    case PROP_N_DONE:
    case PROP_N_TOTAL:
    case PROP_N_DROPPED:
    case PROP_PROGRESS:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
mp_joinable_queue_class_init (MpJoinableQueueClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = mp_joinable_queue_dispose;
  object_class->finalize = mp_joinable_queue_finalize;
  object_class->get_property = mp_joinable_queue_get_property;
  object_class->set_property = mp_joinable_queue_set_property;

  /**
   * MpJoinableQueue:max-deliveries:
   *
   * How often a message is delivered before it is set aside as a dead letter; 0 means no limit.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_DELIVERIES] =
    g_param_spec_uint ("max-deliveries", NULL, NULL, 0, G_MAXUINT, DEFAULT_MAX_DELIVERIES,
                       G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * MpJoinableQueue:unfinished:
   *
   * The number of messages that were put and are not done.
   *
   * Notified while [property@JoinableQueue:report-progress] is set.
   *
   * Since: 1.0
   */
  properties[PROP_UNFINISHED] =
    g_param_spec_uint ("unfinished", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * MpJoinableQueue:n-done:
   *
   * The number of messages of the batch that are done. Dropped messages do not count.
   *
   * Notified while [property@JoinableQueue:report-progress] is set.
   *
   * Since: 1.0
   */
  properties[PROP_N_DONE] =
    g_param_spec_uint64 ("n-done", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * MpJoinableQueue:n-total:
   *
   * The number of messages of the batch: those put by any process since it began, and those that
   * were unfinished when it began.
   *
   * Notified while [property@JoinableQueue:report-progress] is set.
   *
   * Since: 1.0
   */
  properties[PROP_N_TOTAL] =
    g_param_spec_uint64 ("n-total", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * MpJoinableQueue:n-dropped:
   *
   * The number of messages of the batch that were dropped, by [method@Queue.clear] or an immediate
   * [method@Queue.shutdown].
   *
   * Notified while [property@JoinableQueue:report-progress] is set.
   *
   * Since: 1.0
   */
  properties[PROP_N_DROPPED] =
    g_param_spec_uint64 ("n-dropped", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * MpJoinableQueue:progress:
   *
   * The fraction of the batch that is done, from 0 to 1, for example to be bound to a progress bar.
   *
   * It is 0 before anything was put. See [method@JoinableQueue.begin_batch] for the next batch.
   *
   * Notified while [property@JoinableQueue:report-progress] is set.
   *
   * Since: 1.0
   */
  properties[PROP_PROGRESS] =
    g_param_spec_double ("progress", NULL, NULL, 0, 1, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * MpJoinableQueue:report-progress:
   *
   * Whether changes of the other properties are notified, at most twenty times a second, in the
   * main context that was the thread-default one when this was set.
   *
   * Since: 1.0
   */
  properties[PROP_REPORT_PROGRESS] =
    g_param_spec_boolean ("report-progress", NULL, NULL, FALSE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
mp_joinable_queue_init (MpJoinableQueue *self)
{
  MpQueuePrivate *queue = mp_queue_get_private (MP_QUEUE (self));

  queue->store.settings.mode = MP_QUEUE_MODE_ACKNOWLEDGED;
  g_strlcpy (queue->store.settings.kind, "JoinableQueue", MP_QUEUE_KIND_SIZE);
  queue->keep = keep;
  mp_queue_kept_init (mp_joinable_queue_get_kept (self));
}

/**
 * mp_joinable_queue_new:
 * @max_size: how many messages may be queued; 0 is no limit
 * @error: return location for an error
 *
 * Creates a queue of tasks.
 *
 * Returns: (transfer full): a queue, or %NULL with @error set
 *
 * Since: 1.0
 */
MpJoinableQueue *
mp_joinable_queue_new (guint    max_size,
                       GError **error)
{
  return mp_joinable_queue_new_full (max_size, 0, DEFAULT_MAX_DELIVERIES, error);
}

/**
 * mp_joinable_queue_new_full:
 * @max_size: how many messages may be queued; 0 is no limit
 * @max_bytes: how many bytes all queued messages may have together; 0 is 4 GiB
 * @max_deliveries: how often a message is delivered before it is set aside; 0 is no limit
 * @error: return location for an error
 *
 * Creates a queue of tasks with all limits given.
 *
 * Returns: (transfer full): a queue, or %NULL with @error set
 *
 * Since: 1.0
 */
MpJoinableQueue *
mp_joinable_queue_new_full (guint    max_size,
                            guint64  max_bytes,
                            guint    max_deliveries,
                            GError **error)
{
  g_autoptr (MpJoinableQueue) self = g_object_new (MP_TYPE_JOINABLE_QUEUE,
                                                   "max-size", max_size,
                                                   "max-bytes", max_bytes,
                                                   "max-deliveries", max_deliveries,
                                                   NULL);

  return mp_queue_check (MP_QUEUE (self), error) ? g_steal_pointer (&self) : NULL;
}

/* --- Joining ------------------------------------------------------------------------------ */

/**
 * mp_joinable_queue_join:
 * @self: a queue
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Waits until all messages that were put are done.
 *
 * Fails with `G_IO_ERROR_TIMED_OUT` if they are not before the timeout, and with `MP_ERROR_CLOSED`
 * if no message is unfinished, but some were dropped.
 *
 * Returns: whether all is done; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_joinable_queue_join (MpJoinableQueue *self,
                        gint64           timeout_us,
                        GCancellable    *cancellable,
                        GError         **error)
{
  MpQueueCall   call = { .timeout_us = timeout_us, .cancellable = cancellable };
  MpQueueStore *store;
  MpQueueStatus status;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);

  if (!mp_queue_check (MP_QUEUE (self), error))
    return FALSE;

  store = &mp_queue_get_private (MP_QUEUE (self))->store;
  status = store->backend->wait (store->home, MP_QUEUE_WAIT_DONE, &call);
  return status == MP_QUEUE_OK || mp_queue_set_error (MP_QUEUE (self), status, &call, error);
}

/**
 * mp_joinable_queue_join_async:
 * @self: a queue
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when everything that was put is done, in the caller's
 *   thread-default main context
 * @user_data: (closure): data for @callback
 *
 * Waits until all messages that were put are done.
 *
 * Since: 1.0
 */
void
mp_joinable_queue_join_async (MpJoinableQueue    *self,
                              int                 io_priority,
                              GCancellable       *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer            user_data)
{
  g_return_if_fail (MP_IS_JOINABLE_QUEUE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  mp_queue_wait_async (MP_QUEUE (self), MP_QUEUE_WAIT_DONE, mp_joinable_queue_join_async,
                       io_priority, cancellable, callback, user_data);
}

/**
 * mp_joinable_queue_join_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Finishes a call of [method@JoinableQueue.join_async].
 *
 * Returns: whether all is done; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_joinable_queue_join_finish (MpJoinableQueue *self,
                               GAsyncResult    *result,
                               GError         **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * mp_joinable_queue_watch_done:
 * @self: a queue
 * @error: return location for an error
 *
 * Creates an object to wait for until all messages that were put are done: with [func@wait],
 * together with other objects, or by its descriptor in another kind of main loop.
 *
 * It is ready while all messages are done. Call [method@Waitable.is_ready] each time before its
 * descriptor is polled. It uses a few descriptors, and holds a reference to the queue.
 *
 * Returns: (transfer full): an object to wait for; %NULL with @error set if the queue cannot be
 *   used or the process has run out of descriptors
 *
 * Since: 1.0
 */
MpWaitable *
mp_joinable_queue_watch_done (MpJoinableQueue *self,
                              GError         **error)
{
  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), NULL);

  return mp_queue_watch_new (G_OBJECT (self), &mp_queue_get_private (MP_QUEUE (self))->bells,
                             MP_QUEUE_WAIT_DONE, error);
}

/* --- Progress -------------------------------------------------------------------------------- */

/**
 * mp_joinable_queue_get_unfinished: (get-property unfinished)
 * @self: a queue
 *
 * Gets the number of messages that were put and are not done.
 *
 * Returns: the number of messages
 *
 * Since: 1.0
 */
guint
mp_joinable_queue_get_unfinished (MpJoinableQueue *self)
{
  MpQueueCounts counts;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), 0);

  get_counts (self, &counts);
  return counts.n_unfinished;
}

/**
 * mp_joinable_queue_get_n_done: (get-property n-done)
 * @self: a queue
 *
 * Gets the number of messages of the batch that are done.
 *
 * Returns: the number of messages
 *
 * Since: 1.0
 */
guint64
mp_joinable_queue_get_n_done (MpJoinableQueue *self)
{
  MpQueueCounts counts;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), 0);

  get_counts (self, &counts);
  return count_done (&counts);
}

/**
 * mp_joinable_queue_get_n_total: (get-property n-total)
 * @self: a queue
 *
 * Gets the number of messages of the batch.
 *
 * Returns: the number of messages
 *
 * Since: 1.0
 */
guint64
mp_joinable_queue_get_n_total (MpJoinableQueue *self)
{
  MpQueueCounts counts;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), 0);

  get_counts (self, &counts);
  return counts.n_total;
}

/**
 * mp_joinable_queue_get_max_deliveries: (get-property max-deliveries)
 * @self: a queue
 *
 * Gets how often a message is delivered before it is set aside as a dead letter.
 *
 * Returns: the number of deliveries; 0 is no limit
 *
 * Since: 1.0
 */
guint
mp_joinable_queue_get_max_deliveries (MpJoinableQueue *self)
{
  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), 0);

  return mp_queue_get_private (MP_QUEUE (self))->store.settings.max_deliveries;
}

/**
 * mp_joinable_queue_get_progress: (get-property progress)
 * @self: a queue
 *
 * Gets the fraction of the batch that is done.
 *
 * Returns: a number from 0 to 1; 0 if nothing was put
 *
 * Since: 1.0
 */
double
mp_joinable_queue_get_progress (MpJoinableQueue *self)
{
  MpQueueCounts counts;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), 0);

  get_counts (self, &counts);
  return counts.n_total == 0 ? 0 : (double) count_done (&counts) / (double) counts.n_total;
}

/**
 * mp_joinable_queue_get_n_dropped: (get-property n-dropped)
 * @self: a queue
 *
 * Gets the number of messages of the batch that were dropped.
 *
 * Returns: the number of messages
 *
 * Since: 1.0
 */
guint64
mp_joinable_queue_get_n_dropped (MpJoinableQueue *self)
{
  MpQueueCounts counts;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), 0);

  get_counts (self, &counts);
  return counts.n_dropped;
}

/**
 * mp_joinable_queue_begin_batch:
 * @self: a queue
 * @error: return location for an error
 *
 * Begins a new batch: messages done or dropped until now no longer count in `n-done`, `n-total`,
 * `n-dropped` and `progress`, in any process, and dropped ones no longer make joins fail.
 *
 * The first batch begins when the queue is created.
 *
 * Returns: %TRUE; %FALSE with @error set if the queue cannot be used
 *
 * Since: 1.0
 */
gboolean
mp_joinable_queue_begin_batch (MpJoinableQueue *self,
                               GError         **error)
{
  MpQueueCall   call = { .timeout_us = -1 };
  MpQueueStore *store;
  MpQueueStatus status;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), FALSE);

  if (!mp_queue_check (MP_QUEUE (self), error))
    return FALSE;

  store = &mp_queue_get_private (MP_QUEUE (self))->store;
  status = store->backend->begin_batch (store->home, &call);
  return status == MP_QUEUE_OK || mp_queue_set_error (MP_QUEUE (self), status, &call, error);
}

static void
add_progress (const MpQueueProgress *progress,
              gpointer               user_data)
{
  GVariantBuilder *builder = user_data;
  g_autofree char *text = g_utf8_make_valid (progress->text, -1);

  g_variant_builder_add (builder, "(txuds)", progress->serial, progress->pid,
                         progress->n_deliveries, progress->fraction, text);
}

/**
 * mp_joinable_queue_list_progress:
 * @self: a queue
 *
 * Lists the messages that consumers in any process hold.
 *
 * Each entry has a number that identifies the delivery, the consumer's process id in its own pid
 * namespace, the delivery count, and the last values of [method@Task.set_progress]: the fraction,
 * which is negative if none was set, and the text.
 *
 * Returns: (transfer full): an array of type `a(txuds)`
 *
 * Since: 1.0
 */
GVariant *
mp_joinable_queue_list_progress (MpJoinableQueue *self)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a(txuds)"));
  MpQueueCall   call = { .timeout_us = -1 };
  MpQueueStore *store;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), NULL);

  store = &mp_queue_get_private (MP_QUEUE (self))->store;
  if (store->home != NULL)
    store->backend->list (store->home, add_progress, &builder, &call);
  g_clear_error (&call.error);
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static gboolean
news_cb (gpointer user_data)
{
  GObject *self = user_data;
  GSource *source = g_main_current_source ();

  g_object_ref (self);
  g_object_freeze_notify (self);
  g_object_notify_by_pspec (self, properties[PROP_UNFINISHED]);
  g_object_notify_by_pspec (self, properties[PROP_N_DONE]);
  g_object_notify_by_pspec (self, properties[PROP_N_TOTAL]);
  g_object_notify_by_pspec (self, properties[PROP_N_DROPPED]);
  g_object_notify_by_pspec (self, properties[PROP_PROGRESS]);
  g_object_thaw_notify (self);
  g_object_unref (self);

  if (!g_source_is_destroyed (source))
    mp_queue_source_pause (source, NEWS_INTERVAL_US);
  return G_SOURCE_CONTINUE;
}

/**
 * mp_joinable_queue_get_report_progress: (get-property report-progress)
 * @self: a queue
 *
 * Gets whether changes of the other properties are notified.
 *
 * Returns: whether they are
 *
 * Since: 1.0
 */
gboolean
mp_joinable_queue_get_report_progress (MpJoinableQueue *self)
{
  MpJoinableQueuePrivate *priv;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), FALSE);

  priv = mp_joinable_queue_get_instance_private (self);
  return priv->news_source != NULL;
}

/**
 * mp_joinable_queue_set_report_progress: (set-property report-progress)
 * @self: a queue
 * @report: whether to notify
 *
 * Sets whether changes of `unfinished`, `n-done`, `n-total` and `progress` are notified, in
 * the caller's thread-default main context.
 *
 * With it a progress bar is one more line:
 *
 * ```c
 * g_object_bind_property (queue, "progress", bar, "fraction", G_BINDING_SYNC_CREATE);
 * ```
 *
 * Since: 1.0
 */
void
mp_joinable_queue_set_report_progress (MpJoinableQueue *self,
                                       gboolean         report)
{
  MpJoinableQueuePrivate *priv;

  g_return_if_fail (MP_IS_JOINABLE_QUEUE (self));

  priv = mp_joinable_queue_get_instance_private (self);
  if (report == (priv->news_source != NULL))
    return;

  if (report)
    {
      priv->news_source =
        mp_queue_source_new (G_OBJECT (self), &mp_queue_get_private (MP_QUEUE (self))->bells, NULL,
                             MP_QUEUE_WAIT_NEWS, NULL);
      mp_queue_source_make_weak (priv->news_source);
      g_source_set_callback (priv->news_source, news_cb, self, NULL);
      g_source_attach (priv->news_source, g_main_context_get_thread_default ());
    }
  else
    {
      g_source_destroy (priv->news_source);
      g_clear_pointer (&priv->news_source, g_source_unref);
    }
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_REPORT_PROGRESS]);
}
