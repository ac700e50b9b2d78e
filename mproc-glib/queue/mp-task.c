/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-task-private.h"

#include "queue-async-call.h"

/**
 * MpTask:
 *
 * A message that a [class@JoinableQueue] has delivered and that is to be marked as done.
 *
 * ```c
 * g_autoptr (MpTask) task = mp_joinable_queue_get_task (queue, -1, NULL, &error);
 *
 * work_on (mp_task_get_message (task));
 * mp_task_done (task, &error);
 * ```
 *
 * A task that is dropped unfinished, or whose process dies, is redelivered ahead of newer messages,
 * with its delivery count increased by one.
 *
 * All functions may be called from any thread.
 *
 * Since: 1.0
 */

typedef struct
{
  MpQueue     *queue;
  MpMessage   *message;
  MpQueueToken token;
  gboolean     finished;
} MpTaskPrivate;

G_DEFINE_TYPE_WITH_PRIVATE (MpTask, mp_task, G_TYPE_OBJECT)

typedef enum
{
  PROP_MESSAGE = 1,
  PROP_DELIVERY_COUNT,
} MpTaskProperty;

static GParamSpec *properties[PROP_DELIVERY_COUNT + 1];

static MpQueueStatus
finish (MpTask       *self,
        MpQueueFinish how,
        MpQueueCall  *call)
{
  MpTaskPrivate *priv = mp_task_get_instance_private (self);
  MpQueueStatus  status;

  if (priv->queue == NULL || !g_atomic_int_compare_and_exchange (&priv->finished, FALSE, TRUE))
    return MP_QUEUE_STALE;

  status = mp_queue_store_finish (&mp_queue_get_private (priv->queue)->store, &priv->token, how,
                                  call);
  if (status == MP_QUEUE_BUSY)
    mp_task_untake_token (self);
  return status;
}

/* Nobody wants to know whether it still was this consumer's, so that is not waited for. */
static void
give_back (MpTaskPrivate *priv)
{
  MpQueueCall   call = { .timeout_us = -1 };
  MpQueueStore *store;

  if (priv->queue == NULL || !g_atomic_int_compare_and_exchange (&priv->finished, FALSE, TRUE))
    return;

  store = &mp_queue_get_private (priv->queue)->store;
  store->backend->finish (store->home, &priv->token, 1, MP_QUEUE_FINISH_RETRY, NULL, &call);
  g_clear_error (&call.error);
}

static void
mp_task_finalize (GObject *object)
{
  MpTaskPrivate *priv = mp_task_get_instance_private (MP_TASK (object));

  give_back (priv);
  g_clear_object (&priv->queue);
  g_clear_pointer (&priv->message, mp_message_unref);

  G_OBJECT_CLASS (mp_task_parent_class)->finalize (object);
}

static void
mp_task_get_property (GObject    *object,
                      guint       property_id,
                      GValue     *value,
                      GParamSpec *pspec)
{
  MpTask *self = MP_TASK (object);

  switch ((MpTaskProperty) property_id)
    {
    case PROP_MESSAGE:
      g_value_set_boxed (value, mp_task_get_message (self));
      break;
    case PROP_DELIVERY_COUNT:
      g_value_set_uint (value, mp_task_get_delivery_count (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
mp_task_class_init (MpTaskClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = mp_task_finalize;
  object_class->get_property = mp_task_get_property;

  /**
   * MpTask:message:
   *
   * The message that was put.
   *
   * Since: 1.0
   */
  properties[PROP_MESSAGE] =
    g_param_spec_boxed ("message", NULL, NULL, MP_TYPE_MESSAGE,
                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * MpTask:delivery-count:
   *
   * How often the message was delivered, including this delivery.
   *
   * Since: 1.0
   */
  properties[PROP_DELIVERY_COUNT] =
    g_param_spec_uint ("delivery-count", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
mp_task_init (MpTask *self)
{
}

MpTask *
mp_task_new (MpQueue            *queue,
             MpMessage          *message,
             const MpQueueToken *token)
{
  MpTask        *self = g_object_new (MP_TYPE_TASK, NULL);
  MpTaskPrivate *priv = mp_task_get_instance_private (self);

  priv->queue = g_object_ref (queue);
  priv->message = message;
  priv->token = *token;
  return self;
}

gboolean
mp_task_take_token (MpTask       *self,
                    MpQueue      *queue,
                    MpQueueToken *token)
{
  MpTaskPrivate *priv = mp_task_get_instance_private (self);

  *token = priv->token;
  return priv->queue == queue &&
         g_atomic_int_compare_and_exchange (&priv->finished, FALSE, TRUE);
}

void
mp_task_untake_token (MpTask *self)
{
  MpTaskPrivate *priv = mp_task_get_instance_private (self);

  g_atomic_int_set (&priv->finished, FALSE);
}

/**
 * mp_task_get_message: (get-property message)
 * @self: a task
 *
 * Gets the message that was put.
 *
 * Returns: (transfer none) (nullable): the message; %NULL if the task belongs to no queue
 *
 * Since: 1.0
 */
MpMessage *
mp_task_get_message (MpTask *self)
{
  MpTaskPrivate *priv;

  g_return_val_if_fail (MP_IS_TASK (self), NULL);

  priv = mp_task_get_instance_private (self);
  return priv->message;
}

/**
 * mp_task_get_delivery_count: (get-property delivery-count)
 * @self: a task
 *
 * Gets how often the message was delivered, including this delivery.
 *
 * Returns: the number of deliveries
 *
 * Since: 1.0
 */
guint
mp_task_get_delivery_count (MpTask *self)
{
  MpTaskPrivate *priv;

  g_return_val_if_fail (MP_IS_TASK (self), 0);

  priv = mp_task_get_instance_private (self);
  return priv->token.n_deliveries;
}

static gboolean
finish_or_fail (MpTask       *self,
                MpQueueFinish how,
                GError      **error)
{
  MpTaskPrivate *priv = mp_task_get_instance_private (self);
  MpQueueCall    call = { .timeout_us = -1 };
  MpQueueStatus  status = finish (self, how, &call);

  return status == MP_QUEUE_OK || mp_queue_set_error (priv->queue, status, &call, error);
}

/**
 * mp_task_done:
 * @self: a task
 * @error: return location for an error
 *
 * Marks the task as done: the message will not be delivered again.
 *
 * Fails with `MP_ERROR_STALE` if the message was redelivered to another consumer meanwhile, or is
 * already finished, and with `G_IO_ERROR_BUSY` if another process holds a lock of the queue and
 * does not continue; then the task is not finished, and the call can be repeated.
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_task_done (MpTask  *self,
              GError **error)
{
  g_return_val_if_fail (MP_IS_TASK (self), FALSE);

  return finish_or_fail (self, MP_QUEUE_FINISH_DONE, error);
}

/**
 * mp_task_retry:
 * @self: a task
 * @error: return location for an error
 *
 * Returns the message to the queue: it is redelivered ahead of newer ones.
 *
 * Fails as [method@Task.done] does.
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_task_retry (MpTask  *self,
               GError **error)
{
  g_return_val_if_fail (MP_IS_TASK (self), FALSE);

  return finish_or_fail (self, MP_QUEUE_FINISH_RETRY, error);
}

/* --- Asynchronous calls --------------------------------------------------------------------- */

static void
finish_async (MpTask             *self,
              MpQueueFinish       how,
              gpointer            source_tag,
              int                 io_priority,
              GCancellable       *cancellable,
              GAsyncReadyCallback callback,
              gpointer            user_data)
{
  MpTaskPrivate *priv = mp_task_get_instance_private (self);
  MpQueueToken  *token;
  GError        *error = NULL;
  gboolean       is_ours;

  if (priv->queue == NULL)
    {
      mp_queue_set_error (NULL, MP_QUEUE_STALE, NULL, &error);
      g_task_report_error (self, callback, user_data, source_tag, error);
      return;
    }
  token = g_new (MpQueueToken, 1);
  is_ours = mp_task_take_token (self, priv->queue, token);
  mp_queue_finish_async (priv->queue, self, token, is_ours ? 1 : 0, is_ours, how, source_tag,
                         io_priority, cancellable, callback, user_data);
}

/**
 * mp_task_done_async:
 * @self: a task
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable; the task counts as finished also after a cancelled call
 * @callback: (scope async): called when the queue knows it, in the caller's thread-default main
 *   context
 * @user_data: (closure): data for @callback
 *
 * Marks the task as done, as [method@Task.done] does.
 *
 * With a queue on a server this does not wait for its answer, as [method@Task.done] does.
 *
 * Since: 1.0
 */
void
mp_task_done_async (MpTask             *self,
                    int                 io_priority,
                    GCancellable       *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer            user_data)
{
  g_return_if_fail (MP_IS_TASK (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  finish_async (self, MP_QUEUE_FINISH_DONE, mp_task_done_async, io_priority, cancellable,
                callback, user_data);
}

/**
 * mp_task_done_finish:
 * @self: a task
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [method@Task.done_async].
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_task_done_finish (MpTask       *self,
                     GAsyncResult *result,
                     GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * mp_task_retry_async:
 * @self: a task
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable; the task counts as finished also after a cancelled call
 * @callback: (scope async): called when the queue knows it, in the caller's thread-default main
 *   context
 * @user_data: (closure): data for @callback
 *
 * Returns the message to the queue, as [method@Task.retry] does.
 *
 * With a queue on a server this does not wait for its answer, as [method@Task.retry] does.
 *
 * Since: 1.0
 */
void
mp_task_retry_async (MpTask             *self,
                     int                 io_priority,
                     GCancellable       *cancellable,
                     GAsyncReadyCallback callback,
                     gpointer            user_data)
{
  g_return_if_fail (MP_IS_TASK (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  finish_async (self, MP_QUEUE_FINISH_RETRY, mp_task_retry_async, io_priority, cancellable,
                callback, user_data);
}

/**
 * mp_task_retry_finish:
 * @self: a task
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [method@Task.retry_async].
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_task_retry_finish (MpTask       *self,
                      GAsyncResult *result,
                      GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * mp_task_set_progress:
 * @self: a task
 * @fraction: how much is done, from 0 to 1
 * @text: (nullable): a description of the current step, truncated to 71 bytes of UTF-8
 * @error: return location for an error
 *
 * Sets how far the work has progressed, for [method@JoinableQueue.list_progress] in any process.
 *
 * Fails with `MP_ERROR_STALE` if the message was redelivered to another consumer meanwhile, or the
 * task belongs to no queue.
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_task_set_progress (MpTask     *self,
                      double      fraction,
                      const char *text,
                      GError    **error)
{
  MpQueueCall    call = { .timeout_us = -1 };
  MpTaskPrivate *priv;
  MpQueueStore  *store;
  MpQueueStatus  status;

  g_return_val_if_fail (MP_IS_TASK (self), FALSE);
  g_return_val_if_fail (fraction >= 0 && fraction <= 1, FALSE);

  priv = mp_task_get_instance_private (self);
  if (priv->queue == NULL)
    return mp_queue_set_error (NULL, MP_QUEUE_STALE, NULL, error);

  store = &mp_queue_get_private (priv->queue)->store;
  status = store->backend->progress (store->home, &priv->token, fraction, text, &call);
  return status == MP_QUEUE_OK || mp_queue_set_error (priv->queue, status, &call, error);
}
