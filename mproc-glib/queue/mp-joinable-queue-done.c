/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-joinable-queue-private.h"

#include "mp-error.h"
#include "queue-async-call.h"
#include "task-limit.h"

#include <glib/gi18n-lib.h>

/* Marking messages as done that were got by the functions of MpQueue. */

int mp_joinable_queue_private_offset;

static MpQueueKept *
get_kept (MpJoinableQueue *self)
{
  return &mp_joinable_queue_get_private (self)->kept;
}

void
mp_joinable_queue_keep (MpQueue            *self,
                        const MpQueueToken *token)
{
  mp_queue_kept_push (get_kept (MP_JOINABLE_QUEUE (self)), token);
  mp_task_limit_count (MP_JOINABLE_QUEUE (self));
}

static gboolean
set_error (MpJoinableQueue *self,
           MpQueueStatus    status,
           MpQueueCall     *call,
           GError         **error)
{
  if (status != MP_QUEUE_EMPTY)
    return mp_queue_set_error (MP_QUEUE (self), status, call, error);

  g_set_error_literal (error, MP_ERROR, MP_ERROR_TOO_MANY_DONE,
                       _ ("task_done() called too many times"));
  return FALSE;
}

/* Marks the oldest delivery of this object as done; EMPTY if there is none. */
static MpQueueStatus
finish_oldest (MpJoinableQueue *self,
               MpQueueCall     *call)
{
  g_autofree MpQueueToken *token = mp_queue_kept_pop (get_kept (self));
  MpQueueStore            *store = &mp_queue_get_private (MP_QUEUE (self))->store;
  MpQueueStatus            status;

  if (token == NULL)
    return MP_QUEUE_EMPTY;

  status = mp_queue_store_finish (store, token, MP_QUEUE_FINISH_DONE, call);
  if (status == MP_QUEUE_BUSY)
    mp_queue_kept_unpop (get_kept (self), token);
  return status;
}

/**
 * mp_joinable_queue_task_done:
 * @self: a queue
 * @error: return location for an error
 *
 * Marks the oldest message that was got through this object and is not yet marked as done.
 *
 * Messages got as [class@Task] do not count. Fails with `MP_ERROR_TOO_MANY_DONE` if there is no
 * such message, with `MP_ERROR_STALE` if the message was redelivered to another consumer meanwhile,
 * and with `G_IO_ERROR_BUSY` if another process holds a lock of the queue and does not continue;
 * then the message is not marked, and the call can be repeated.
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_joinable_queue_task_done (MpJoinableQueue *self,
                             GError         **error)
{
  MpQueueCall   call = { .timeout_us = -1 };
  MpQueueStatus status;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), FALSE);

  if (!mp_queue_check (MP_QUEUE (self), error))
    return FALSE;

  status = finish_oldest (self, &call);
  return status == MP_QUEUE_OK || set_error (self, status, &call, error);
}

/**
 * mp_joinable_queue_task_done_async:
 * @self: a queue
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable; the message counts as marked also after a cancelled call
 * @callback: (scope async): called when the queue knows it, in the caller's thread-default main
 *   context
 * @user_data: (closure): data for @callback
 *
 * Marks the oldest message that was got through this object and is not yet marked as done, as
 * [method@JoinableQueue.task_done] does.
 *
 * Since: 1.0
 */
void
mp_joinable_queue_task_done_async (MpJoinableQueue    *self,
                                   int                 io_priority,
                                   GCancellable       *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer            user_data)
{
  MpQueueToken *token;
  MpQueueCall   call = { 0 };
  GError       *error = NULL;

  g_return_if_fail (MP_IS_JOINABLE_QUEUE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  token = mp_queue_kept_pop (get_kept (self));
  if (token == NULL)
    {
      set_error (self, MP_QUEUE_EMPTY, &call, &error);
      g_task_report_error (self, callback, user_data, mp_joinable_queue_task_done_async, error);
      return;
    }
  mp_queue_finish_async (MP_QUEUE (self), self, token, 1, TRUE, MP_QUEUE_FINISH_DONE,
                         mp_joinable_queue_task_done_async, io_priority, cancellable, callback,
                         user_data);
}

/**
 * mp_joinable_queue_task_done_finish:
 * @self: a queue
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [method@JoinableQueue.task_done_async].
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_joinable_queue_task_done_finish (MpJoinableQueue *self,
                                    GAsyncResult    *result,
                                    GError         **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * mp_joinable_queue_task_done_for_any:
 * @self: a queue
 * @error: return location for an error
 *
 * Marks one message as done, whichever process got it.
 *
 * This is like `task_done ()` of Python's multiprocessing, which only counts: there a process may
 * mark a message as done that another one got. The message is the oldest one got through this
 * object; if there is none, a message that was consumed by [method@JoinableQueue.consume], or else
 * the oldest one held by any consumer, including those got as [class@Task], but not one whose get
 * has not returned yet. If consumers hold more than 4,096 messages, it is one of the oldest. Its
 * holder can no longer finish it: an attempt fails with `MP_ERROR_STALE`, or is skipped by this
 * function.
 *
 * Fails with `MP_ERROR_TOO_MANY_DONE` if there is no such message.
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_joinable_queue_task_done_for_any (MpJoinableQueue *self,
                                     GError         **error)
{
  MpQueueCall   call = { .timeout_us = -1 };
  MpQueueStore *store;
  MpQueueStatus status;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), FALSE);

  if (!mp_queue_check (MP_QUEUE (self), error))
    return FALSE;

  do
    status = finish_oldest (self, &call);
  while (status == MP_QUEUE_STALE);

  store = &mp_queue_get_private (MP_QUEUE (self))->store;
  if (status == MP_QUEUE_EMPTY)
    status = mp_queue_store_finish (store, NULL, MP_QUEUE_FINISH_DONE, &call);
  return status == MP_QUEUE_OK || set_error (self, status, &call, error);
}

/**
 * mp_joinable_queue_consume:
 * @self: a queue
 * @error: return location for an error
 *
 * Makes all messages that were got through this object and are not yet marked as done count as
 * consumed.
 *
 * They are not redelivered when this process ends. They stay unfinished until
 * [method@JoinableQueue.task_done_for_any] is called for each, by any process. Messages got as
 * [class@Task] are not affected.
 *
 * Returns: %TRUE; %FALSE with @error set if the queue cannot be used
 *
 * Since: 1.0
 */
gboolean
mp_joinable_queue_consume (MpJoinableQueue *self,
                           GError         **error)
{
  MpQueueCall               call = { .timeout_us = -1 };
  g_autofree MpQueueToken  *tokens = NULL;
  g_autofree MpQueueStatus *answers = NULL;
  MpQueueStore             *store;
  MpQueueStatus             status;
  guint                     n;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), FALSE);

  if (!mp_queue_check (MP_QUEUE (self), error))
    return FALSE;

  tokens = mp_queue_kept_pop_all (get_kept (self), &n);
  answers = g_new (MpQueueStatus, n);
  store = &mp_queue_get_private (MP_QUEUE (self))->store;
  status = store->backend->finish (store->home, tokens, n, MP_QUEUE_FINISH_CONSUME, answers, &call);
  for (guint i = n; i-- > 0;)
    if (answers[i] == MP_QUEUE_BUSY)
      mp_queue_kept_unpop (get_kept (self), &tokens[i]);
  return status == MP_QUEUE_OK || mp_queue_set_error (MP_QUEUE (self), status, &call, error);
}
