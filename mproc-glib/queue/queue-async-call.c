/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queue-async-call.h"

#include "base/mp-async.h"
#include "queue-source.h"

/* How soon to try again what waits for no condition, but for a lock. */
#define BUSY_MS 20

static void
free_call (gpointer data)
{
  MpQueueAsyncCall *call = data;
  g_autoptr (MpQueue) queue = call->queue;

  mp_queue_request_clear (&call->request);
  call->funcs->free (call);
}

static void
finish (GTask        *task,
        MpQueueStatus status)
{
  MpQueueAsyncCall *call = g_task_get_task_data (task);
  MpQueueOperation *operation = &call->request.operation;
  GError           *error = NULL;

  if (status == MP_QUEUE_OK)
    {
      call->funcs->succeed (call->queue, call, task);
      return;
    }
  mp_queue_store_set_error (&mp_queue_get_private (call->queue)->store, status, &operation->call,
                            operation->deliveries, &error);
  g_task_return_error (task, error);
}

void
mp_queue_async_succeed (MpQueue          *queue,
                        MpQueueAsyncCall *self,
                        GTask            *task)
{
  g_task_return_boolean (task, TRUE);
}

/* --- Trying ------------------------------------------------------------------------------- */

static gboolean
try_cb (gpointer user_data)
{
  GTask            *task = user_data;
  MpQueueAsyncCall *call = g_task_get_task_data (task);
  MpQueueStatus     status = MP_QUEUE_DETACHED;

  if (g_task_return_error_if_cancelled (task))
    return G_SOURCE_REMOVE;

  if (G_LIKELY (mp_queue_get_private (call->queue)->store.home != NULL))
    status = call->funcs->try_now (call->queue, call);
  /* BUSY: another process holds a lock, and may well release it. */
  if (status == MP_QUEUE_EMPTY || status == MP_QUEUE_FULL || status == MP_QUEUE_TIMED_OUT ||
      status == MP_QUEUE_BUSY)
    return G_SOURCE_CONTINUE;

  finish (task, status);
  return G_SOURCE_REMOVE;
}

static void
try_later (MpQueueAsyncCall *call,
           GTask            *task)
{
  MpQueueBells *bells = &mp_queue_get_private (call->queue)->bells;
  g_autoptr (GSource) source = NULL;

  if (call->funcs->condition != MP_QUEUE_WAIT_ANSWERS)
    {
      mp_queue_source_attach_task (bells, call->funcs->condition, task, try_cb);
      return;
    }
  source = g_timeout_source_new (BUSY_MS);
  g_task_attach_source (task, source, try_cb);
}

/* --- Operations --------------------------------------------------------------------------- */

/* Reads a message that was delivered for good. */
static void
read_answer (MpQueueRequest *request)
{
  MpQueueOperation *operation = &request->operation;

  if (request->reader == NULL || request->value != NULL ||
      operation->kind != MP_QUEUE_OPERATION_GET || operation->n > 1 ||
      operation->status != MP_QUEUE_OK)
    return;

  request->value = request->reader->read (operation->deliveries, NULL, &operation->call.error);
  if (request->value == NULL)
    operation->status = MP_QUEUE_FAILED;
}

static gboolean
answer_cb (gpointer user_data)
{
  GTask            *task = user_data;
  MpQueueAsyncCall *call = g_task_get_task_data (task);
  GCancellable     *cancellable = g_task_get_cancellable (task);

  if (mp_queue_request_step (&call->request))
    {
      read_answer (&call->request);
      finish (task, call->request.operation.status);
      return G_SOURCE_REMOVE;
    }

  /* A settle operation is not cancelled, since its message is already delivered. */
  if (call->request.operation.kind == MP_QUEUE_OPERATION_SETTLE ||
      !g_cancellable_is_cancelled (cancellable) || !mp_queue_request_cancel (&call->request))
    return G_SOURCE_CONTINUE;
  g_task_return_error_if_cancelled (task);
  return G_SOURCE_REMOVE;
}

static void
begin_operation (MpQueueAsyncCall *call,
                 GTask            *task)
{
  MpQueuePrivate   *priv = mp_queue_get_private (call->queue);
  MpQueueOperation *operation = &call->request.operation;
  g_autoptr (GSource) source =
    mp_queue_source_new (G_OBJECT (call->queue), &priv->bells, g_task_get_context (task),
                         MP_QUEUE_WAIT_ANSWERS, g_task_get_cancellable (task));

  call->request.store = &priv->store;
  call->request.source = source;
  operation->condition = call->funcs->condition;
  mp_queue_request_begin (&call->request, call->funcs->kind);
  g_task_attach_source (task, source, answer_cb);
}

void
mp_queue_async_start (MpQueueAsyncCall   *call,
                      MpQueue            *queue,
                      gpointer            source_object,
                      gpointer            source_tag,
                      int                 io_priority,
                      GCancellable       *cancellable,
                      GAsyncReadyCallback callback,
                      gpointer            user_data)
{
  g_autoptr (GTask) task =
    mp_async_new_task (source_object, source_tag, io_priority, cancellable, callback, user_data);
  GError *error = NULL;

  call->queue = g_object_ref (queue);
  g_task_set_task_data (task, call, free_call);

  if (mp_queue_request_is_needed (&mp_queue_get_private (queue)->store))
    {
      if (g_task_return_error_if_cancelled (task))
        return;
      if (call->funcs->kind == MP_QUEUE_OPERATION_GET && !mp_queue_check_gets (queue, &error))
        g_task_return_error (task, error);
      else
        begin_operation (call, task);
    }
  else if (try_cb (task) == G_SOURCE_CONTINUE)
    {
      try_later (call, task);
    }
}
