/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "queue-async-call.h"

/* Asynchronous forms of ending a queue, or the messages in it. */

static void
free_call (MpQueueAsyncCall *call)
{
  g_free (call);
}

/* --- Shutting down ------------------------------------------------------------------------ */

static MpQueueStatus
try_shutdown (MpQueue          *self,
              MpQueueAsyncCall *call)
{
  MpQueueStore     *store = &mp_queue_get_private (self)->store;
  MpQueueOperation *operation = &call->request.operation;

  return store->backend->shutdown (store->home, operation->immediate, &operation->call);
}

static const MpQueueAsyncFuncs shutdown_funcs = { MP_QUEUE_OPERATION_SHUTDOWN,
                                                  MP_QUEUE_WAIT_ANSWERS, try_shutdown,
                                                  mp_queue_async_succeed, free_call };

/**
 * mp_queue_shutdown_async:
 * @self: a queue
 * @immediate: whether to drop what is queued
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable; a cancelled call may have shut the queue down
 *   nevertheless
 * @callback: (scope async): called when the queue was shut down, in the caller's thread-default
 *   main context
 * @user_data: (closure): data for @callback
 *
 * Ends the queue for all processes, as [method@Queue.shutdown] does.
 *
 * Since: 1.0
 */
void
mp_queue_shutdown_async (MpQueue            *self,
                         gboolean            immediate,
                         int                 io_priority,
                         GCancellable       *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer            user_data)
{
  MpQueueAsyncCall *call;

  g_return_if_fail (mp_queue_check_call (self, cancellable));

  call = g_new0 (MpQueueAsyncCall, 1);
  call->funcs = &shutdown_funcs;
  call->request.operation.immediate = immediate;
  mp_queue_async_start (call, self, self, mp_queue_shutdown_async, io_priority, cancellable,
                        callback, user_data);
}

/**
 * mp_queue_shutdown_finish:
 * @self: a queue
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [method@Queue.shutdown_async].
 *
 * Returns: %TRUE; %FALSE with @error set if the queue cannot be used
 *
 * Since: 1.0
 */
gboolean
mp_queue_shutdown_finish (MpQueue      *self,
                          GAsyncResult *result,
                          GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- Clearing ----------------------------------------------------------------------------- */

static MpQueueStatus
try_clear (MpQueue          *self,
           MpQueueAsyncCall *call)
{
  MpQueueStore     *store = &mp_queue_get_private (self)->store;
  MpQueueOperation *operation = &call->request.operation;

  return store->backend->clear (store->home, &operation->n_dropped, &operation->call);
}

static void
succeed_clear (MpQueue          *self,
               MpQueueAsyncCall *call,
               GTask            *task)
{
  g_task_return_int (task, (gssize) call->request.operation.n_dropped);
}

static const MpQueueAsyncFuncs clear_funcs = { MP_QUEUE_OPERATION_CLEAR, MP_QUEUE_WAIT_ANSWERS,
                                               try_clear, succeed_clear, free_call };

/**
 * mp_queue_clear_async:
 * @self: a queue
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable; a cancelled call may have dropped messages nevertheless
 * @callback: (scope async): called when the messages were dropped, in the caller's thread-default
 *   main context
 * @user_data: (closure): data for @callback
 *
 * Drops all queued messages, as [method@Queue.clear] does.
 *
 * Since: 1.0
 */
void
mp_queue_clear_async (MpQueue            *self,
                      int                 io_priority,
                      GCancellable       *cancellable,
                      GAsyncReadyCallback callback,
                      gpointer            user_data)
{
  MpQueueAsyncCall *call;
  GError           *error = NULL;

  g_return_if_fail (mp_queue_check_call (self, cancellable));

  if (!mp_queue_check_open (self, &error))
    {
      g_task_report_error (self, callback, user_data, mp_queue_clear_async, error);
      return;
    }
  call = g_new0 (MpQueueAsyncCall, 1);
  call->funcs = &clear_funcs;
  mp_queue_async_start (call, self, self, mp_queue_clear_async, io_priority, cancellable, callback,
                        user_data);
}

/**
 * mp_queue_clear_finish:
 * @self: a queue
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [method@Queue.clear_async].
 *
 * Returns: the number of dropped messages, or -1 with @error set
 *
 * Since: 1.0
 */
gint64
mp_queue_clear_finish (MpQueue      *self,
                       GAsyncResult *result,
                       GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), -1);

  return g_task_propagate_int (G_TASK (result), error);
}
