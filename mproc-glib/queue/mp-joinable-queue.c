/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-joinable-queue-private.h"

#include "task-limit.h"

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
  MpShareable *self = mp_queue_open_described (type, MP_QUEUE_MODE_ACKNOWLEDGED, description,
                                               descriptors, error);

  if (self != NULL)
    mp_joinable_queue_get_private (MP_JOINABLE_QUEUE (self))->max_tasks = mp_task_limit_get ();
  return self;
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
mp_joinable_queue_dispose (GObject *object)
{
  mp_joinable_queue_set_report_progress (MP_JOINABLE_QUEUE (object), FALSE);

  G_OBJECT_CLASS (mp_joinable_queue_parent_class)->dispose (object);
}

static void
mp_joinable_queue_finalize (GObject *object)
{
  MpJoinableQueuePrivate *priv =
    mp_joinable_queue_get_private (MP_JOINABLE_QUEUE (object));

  mp_queue_kept_clear (&priv->kept);

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

  mp_joinable_queue_private_offset = g_type_class_get_instance_private_offset (klass);

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
    g_param_spec_uint ("max-deliveries", NULL, NULL, 0, G_MAXUINT, MP_QUEUE_DEFAULT_MAX_DELIVERIES,
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
  MpJoinableQueuePrivate *priv = mp_joinable_queue_get_private (self);
  MpQueuePrivate         *queue = mp_queue_get_private (MP_QUEUE (self));

  queue->store.settings.mode = MP_QUEUE_MODE_ACKNOWLEDGED;
  g_strlcpy (queue->store.settings.kind, "JoinableQueue", MP_QUEUE_KIND_SIZE);
  queue->keep = mp_joinable_queue_keep;
  mp_queue_kept_init (&priv->kept);
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
  return mp_joinable_queue_new_full (max_size, 0, MP_QUEUE_DEFAULT_MAX_DELIVERIES, error);
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
