/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-joinable-queue.h"

#include "message/mp-message-private.h"
#include "mp-queue-private.h"
#include "mp-task-private.h"
#include "queue-async-call.h"
#include "task-limit.h"

/* Getting messages as MpTask objects, and dead letters. */

static gpointer
wrap_in_task (MpQueue            *queue,
              gpointer            message,
              const MpQueueToken *token)
{
  mp_task_limit_count (MP_JOINABLE_QUEUE (queue));
  return mp_task_new (queue, message, token);
}

static MpTask *
get_task (MpJoinableQueue *self,
          gint64           timeout_us,
          gboolean         quiet,
          GCancellable    *cancellable,
          GError         **error)
{
  MpQueueCall  call = { .timeout_us = timeout_us, .cancellable = cancellable };
  MpQueueToken token;
  MpMessage   *message = mp_queue_get_value (MP_QUEUE (self), &mp_queue_message_reader, NULL, &call,
                                             quiet, &token, error);

  return message != NULL ? wrap_in_task (MP_QUEUE (self), message, &token) : NULL;
}

/**
 * mp_joinable_queue_get_task:
 * @self: a queue
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Gets the next message as a task.
 *
 * Fails as [method@Queue.get_message] does.
 *
 * Returns: (transfer full): a task; %NULL with @error set
 *
 * Since: 1.0
 */
MpTask *
mp_joinable_queue_get_task (MpJoinableQueue *self,
                            gint64           timeout_us,
                            GCancellable    *cancellable,
                            GError         **error)
{
  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  return get_task (self, timeout_us, FALSE, cancellable, error);
}

/**
 * mp_joinable_queue_try_get_task:
 * @self: a queue
 * @error: return location for an error
 *
 * Gets the next message as a task, if there is one.
 *
 * Returns: (transfer full) (nullable): a task; %NULL without an error if there is none
 *
 * Since: 1.0
 */
MpTask *
mp_joinable_queue_try_get_task (MpJoinableQueue *self,
                                GError         **error)
{
  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), NULL);

  return get_task (self, 0, TRUE, NULL, error);
}

/**
 * mp_joinable_queue_get_tasks:
 * @self: a queue
 * @max: the most tasks to get, at least 1; at most 64 are got in one call
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @n_tasks: (out): how many there are; 0 on failure
 * @error: return location for an error
 *
 * Waits for the first message, and also takes those behind it that are available, in order, as
 * tasks.
 *
 * With a queue on a server this takes one round trip, and marking them all as done by
 * [method@JoinableQueue.finish_tasks] takes another. Fails as [method@Queue.get_message] does.
 *
 * Returns: (transfer full) (array length=n_tasks): at least one task; %NULL with @error set
 *
 * Since: 1.0
 */
MpTask **
mp_joinable_queue_get_tasks (MpJoinableQueue *self,
                             guint            max,
                             gint64           timeout_us,
                             GCancellable    *cancellable,
                             gsize           *n_tasks,
                             GError         **error)
{
  MpQueueCall call = { .timeout_us = timeout_us, .cancellable = cancellable };
  GPtrArray  *tasks;

  g_return_val_if_fail (n_tasks != NULL, NULL);
  *n_tasks = 0;
  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), NULL);
  g_return_val_if_fail (max > 0, NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  /* No GPtrArray, whose elements the bindings would release twice. */
  tasks = mp_queue_get_batch (MP_QUEUE (self), max, &call, wrap_in_task, NULL, error);
  if (tasks == NULL)
    return NULL;

  *n_tasks = tasks->len;
  return (MpTask **) g_ptr_array_free (tasks, FALSE);
}

/* Returns the deliveries of those tasks that are not finished, to be freed with g_free (), and
 * these tasks in @taken. */
static MpQueueToken *
take_tokens (MpQueue *queue,
             MpTask **tasks,
             gsize    n_tasks,
             MpTask **taken,
             guint   *n)
{
  MpQueueToken *tokens = g_new (MpQueueToken, n_tasks);

  *n = 0;
  for (gsize i = 0; i < n_tasks; i++)
    {
      taken[*n] = tasks[i];
      *n += mp_task_take_token (tasks[i], queue, &tokens[*n]);
    }
  return tokens;
}

/**
 * mp_joinable_queue_finish_tasks:
 * @self: a queue
 * @tasks: (array length=n_tasks): tasks of this object
 * @n_tasks: how many there are
 * @error: return location for an error
 *
 * Marks tasks as done in one step.
 *
 * Fails with `MP_ERROR_STALE` if a message was redelivered to another consumer meanwhile, or its
 * task is already finished; the others are done nevertheless. If it fails with `G_IO_ERROR_BUSY`,
 * another process holds a lock of the queue and does not continue; those tasks that are not done
 * yet can be finished later.
 *
 * Returns: whether all were done; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_joinable_queue_finish_tasks (MpJoinableQueue *self,
                                MpTask         **tasks,
                                gsize            n_tasks,
                                GError         **error)
{
  MpQueueCall               call = { .timeout_us = -1 };
  MpQueue                  *queue = MP_QUEUE (self);
  g_autofree MpQueueToken  *tokens = NULL;
  g_autofree MpQueueStatus *answers = NULL;
  g_autofree MpTask       **taken = NULL;
  MpQueueStore             *store;
  MpQueueStatus             status;
  guint                     n;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), FALSE);
  g_return_val_if_fail (tasks != NULL || n_tasks == 0, FALSE);
  for (gsize i = 0; i < n_tasks; i++)
    g_return_val_if_fail (MP_IS_TASK (tasks[i]), FALSE);

  if (!mp_queue_check (queue, error))
    return FALSE;

  taken = g_new (MpTask *, n_tasks);
  tokens = take_tokens (queue, tasks, n_tasks, taken, &n);
  answers = g_new (MpQueueStatus, n_tasks);
  store = &mp_queue_get_private (queue)->store;
  status = n > 0 ? store->backend->finish (store->home, tokens, n, MP_QUEUE_FINISH_DONE, answers,
                                           &call)
                 : MP_QUEUE_OK;
  for (guint i = 0; i < n; i++)
    if (answers[i] == MP_QUEUE_BUSY)
      mp_task_untake_token (taken[i]);
  if (status == MP_QUEUE_OK && n < n_tasks)
    status = MP_QUEUE_STALE;
  for (guint i = 0; i < n && status == MP_QUEUE_OK; i++)
    status = answers[i];
  return status == MP_QUEUE_OK || mp_queue_set_error (queue, status, &call, error);
}

/**
 * mp_joinable_queue_get_tasks_async:
 * @self: a queue
 * @max: the most tasks to get, at least 1; at most 64 are got in one call
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT_IDLE, at which a full queue leaves a
 *   window time to draw
 * @cancellable: (nullable): a cancellable; a cancelled call takes no message
 * @callback: (scope async): called when there are tasks, in the caller's thread-default main
 *   context
 * @user_data: (closure): data for @callback
 *
 * Gets the next message as soon as there is one, and with it those behind it that are available, as
 * tasks.
 *
 * Since: 1.0
 */
void
mp_joinable_queue_get_tasks_async (MpJoinableQueue    *self,
                                   guint               max,
                                   int                 io_priority,
                                   GCancellable       *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer            user_data)
{
  g_return_if_fail (MP_IS_JOINABLE_QUEUE (self));
  g_return_if_fail (max > 0);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  mp_queue_get_batch_async (MP_QUEUE (self), max, wrap_in_task, g_object_unref,
                            mp_joinable_queue_get_tasks_async, io_priority, cancellable, callback,
                            user_data);
}

/**
 * mp_joinable_queue_get_tasks_finish:
 * @self: a queue
 * @result: the result passed to the callback
 * @n_tasks: (out): how many there are; 0 on failure
 * @error: return location for an error
 *
 * Finishes a call of [method@JoinableQueue.get_tasks_async].
 *
 * Returns: (transfer full) (array length=n_tasks): at least one task; %NULL with @error set
 *
 * Since: 1.0
 */
MpTask **
mp_joinable_queue_get_tasks_finish (MpJoinableQueue *self,
                                    GAsyncResult    *result,
                                    gsize           *n_tasks,
                                    GError         **error)
{
  GPtrArray *tasks;

  g_return_val_if_fail (n_tasks != NULL, NULL);
  *n_tasks = 0;
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  tasks = g_task_propagate_pointer (G_TASK (result), error);
  if (tasks == NULL)
    return NULL;

  *n_tasks = tasks->len;
  g_ptr_array_set_free_func (tasks, NULL);
  return (MpTask **) g_ptr_array_free (tasks, FALSE);
}

/**
 * mp_joinable_queue_finish_tasks_async:
 * @self: a queue
 * @tasks: (array length=n_tasks): tasks of this object
 * @n_tasks: how many there are
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable; the tasks count as finished also after a cancelled call
 * @callback: (scope async): called when the queue knows it, in the caller's thread-default main
 *   context
 * @user_data: (closure): data for @callback
 *
 * Marks tasks as done in one step, as [method@JoinableQueue.finish_tasks] does.
 *
 * Since: 1.0
 */
void
mp_joinable_queue_finish_tasks_async (MpJoinableQueue    *self,
                                      MpTask            **tasks,
                                      gsize               n_tasks,
                                      int                 io_priority,
                                      GCancellable       *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer            user_data)
{
  g_autofree MpTask **taken = NULL;
  MpQueueToken       *tokens;
  guint               n;

  g_return_if_fail (MP_IS_JOINABLE_QUEUE (self));
  g_return_if_fail (tasks != NULL || n_tasks == 0);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));
  for (gsize i = 0; i < n_tasks; i++)
    g_return_if_fail (MP_IS_TASK (tasks[i]));

  taken = g_new (MpTask *, n_tasks);
  tokens = take_tokens (MP_QUEUE (self), tasks, n_tasks, taken, &n);
  mp_queue_finish_async (MP_QUEUE (self), self, tokens, n, n == n_tasks, MP_QUEUE_FINISH_DONE,
                         mp_joinable_queue_finish_tasks_async, io_priority, cancellable, callback,
                         user_data);
}

/**
 * mp_joinable_queue_finish_tasks_finish:
 * @self: a queue
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [method@JoinableQueue.finish_tasks_async].
 *
 * Returns: whether all were done; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_joinable_queue_finish_tasks_finish (MpJoinableQueue *self,
                                       GAsyncResult    *result,
                                       GError         **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * mp_joinable_queue_get_task_async:
 * @self: a queue
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT_IDLE, at which a full queue leaves a
 *   window time to draw
 * @cancellable: (nullable): a cancellable; a cancelled call takes no message
 * @callback: (scope async): called when a task is available, in the caller's thread-default main
 *   context
 * @user_data: (closure): data for @callback
 *
 * Gets the next message as a task, as soon as there is one.
 *
 * Since: 1.0
 */
void
mp_joinable_queue_get_task_async (MpJoinableQueue    *self,
                                  int                 io_priority,
                                  GCancellable       *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer            user_data)
{
  g_return_if_fail (MP_IS_JOINABLE_QUEUE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  mp_queue_get_value_async (MP_QUEUE (self), &mp_queue_message_reader, wrap_in_task,
                            g_object_unref, mp_joinable_queue_get_task_async, io_priority,
                            cancellable, callback, user_data);
}

/**
 * mp_joinable_queue_get_task_finish:
 * @self: a queue
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [method@JoinableQueue.get_task_async].
 *
 * Returns: (transfer full): a task; %NULL with @error set
 *
 * Since: 1.0
 */
MpTask *
mp_joinable_queue_get_task_finish (MpJoinableQueue *self,
                                   GAsyncResult    *result,
                                   GError         **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

static MpMessage *
get_dead (MpJoinableQueue *self,
          const guint64   *serial,
          GError         **error)
{
  MpQueueDelivery delivery = { 0 };
  MpQueueCall     call = { .timeout_us = -1 };
  MpQueueStore   *store = &mp_queue_get_private (MP_QUEUE (self))->store;
  MpQueueStatus   status;

  if (!mp_queue_check (MP_QUEUE (self), error))
    return NULL;

  status = store->backend->get_dead (store->home, serial, &delivery, &call);
  if (status == MP_QUEUE_OK)
    return mp_queue_steal_message (&delivery, error);
  if (status != MP_QUEUE_EMPTY)
    mp_queue_set_error (MP_QUEUE (self), status, &call, error);
  return NULL;
}

/**
 * mp_joinable_queue_get_dead:
 * @self: a queue
 * @error: return location for an error
 *
 * Takes the oldest dead letter: a message that was set aside because it was delivered too often.
 *
 * Returns: (transfer full) (nullable): a message; %NULL without an error if there is none
 *
 * Since: 1.0
 */
MpMessage *
mp_joinable_queue_get_dead (MpJoinableQueue *self,
                            GError         **error)
{
  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), NULL);

  return get_dead (self, NULL, error);
}

/**
 * mp_joinable_queue_get_dead_by_serial:
 * @self: a queue
 * @serial: the serial of a dead letter, as [method@QueueMonitor.list_tasks] tells it
 * @error: return location for an error
 *
 * Takes one dead letter, wherever it is among the others: see [method@JoinableQueue.get_dead].
 *
 * Returns: (transfer full) (nullable): a message; %NULL without an error if there is no dead letter
 *   with that serial
 *
 * Since: 1.0
 */
MpMessage *
mp_joinable_queue_get_dead_by_serial (MpJoinableQueue *self,
                                      guint64          serial,
                                      GError         **error)
{
  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), NULL);

  return get_dead (self, &serial, error);
}

/**
 * mp_joinable_queue_requeue_dead:
 * @self: a queue
 * @serial: the serial of a dead letter, as [method@QueueMonitor.list_tasks] tells it; -1 for the
 *   oldest one
 * @error: return location for an error
 *
 * Puts a dead letter back into the queue, ahead of the queued messages, as if it had never been
 * delivered.
 *
 * It is moved in one step: whenever this process is killed, the message is either still a dead
 * letter or queued, and never lost. It needs no room, so the queue may have more than
 * [property@Queue:max-size] messages afterwards. It is unfinished again, so
 * [method@JoinableQueue.join] waits for it.
 *
 * Fails with `MP_ERROR_CLOSED` if the queue was shut down.
 *
 * Returns: whether a message was put back; %FALSE without an error if there is no such dead letter
 *
 * Since: 1.0
 */
gboolean
mp_joinable_queue_requeue_dead (MpJoinableQueue *self,
                                gint64           serial,
                                GError         **error)
{
  const guint64 wanted = (guint64) serial;
  MpQueueCall   call = { .timeout_us = -1 };
  MpQueueStore *store;
  MpQueueStatus status;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), FALSE);
  g_return_val_if_fail (serial >= -1, FALSE);

  if (!mp_queue_check_open (MP_QUEUE (self), error))
    return FALSE;

  store = &mp_queue_get_private (MP_QUEUE (self))->store;
  status = store->backend->requeue (store->home, serial != -1 ? &wanted : NULL, &call);
  if (status != MP_QUEUE_OK && status != MP_QUEUE_EMPTY)
    mp_queue_set_error (MP_QUEUE (self), status, &call, error);
  return status == MP_QUEUE_OK;
}
