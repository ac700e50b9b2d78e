/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queue-async-call.h"

/* Asynchronous calls that finish deliveries. */

typedef struct
{
  MpQueueAsyncCall base;
  gboolean         are_all; /* no others were to be finished that are not the caller's any more */
  MpQueueToken    *tokens;
  MpQueueStatus   *answers;
} FinishCall;

/* Those that were handled before another process held the lock too long are not tried again. */
static MpQueueStatus
try_finish (MpQueue          *queue,
            MpQueueAsyncCall *base)
{
  FinishCall       *call = (FinishCall *) base;
  MpQueueStore     *store = &mp_queue_get_private (queue)->store;
  MpQueueOperation *operation = &base->request.operation;
  const guint       first = operation->n_done;
  MpQueueStatus     status =
    store->backend->finish (store->home, call->tokens + first, operation->n - first, operation->how,
                            call->answers + first, &operation->call);

  while (operation->n_done < operation->n && call->answers[operation->n_done] != MP_QUEUE_BUSY)
    operation->n_done++;
  return status;
}

static void
succeed (MpQueue          *queue,
         MpQueueAsyncCall *base,
         GTask            *task)
{
  FinishCall   *call = (FinishCall *) base;
  MpQueueStatus status = call->are_all ? MP_QUEUE_OK : MP_QUEUE_STALE;
  GError       *error = NULL;

  for (guint i = 0; i < base->request.operation.n && status == MP_QUEUE_OK; i++)
    status = call->answers[i];
  if (status == MP_QUEUE_OK)
    g_task_return_boolean (task, TRUE);
  else
    {
      mp_queue_set_error (queue, status, &base->request.operation.call, &error);
      g_task_return_error (task, error);
    }
}

static void
free_finish (MpQueueAsyncCall *base)
{
  FinishCall       *call = (FinishCall *) base;
  MpQueueOperation *operation = &base->request.operation;
  const guint       n_left = operation->n - operation->n_done;
  MpQueueStore     *store = &mp_queue_get_private (base->queue)->store;

  /* The call was cancelled. */
  if (n_left > 0 && !mp_queue_request_is_needed (store) && store->home != NULL)
    store->backend->finish (store->home, call->tokens + operation->n_done, n_left, operation->how,
                            NULL, &operation->call);
  g_free (call->tokens);
  g_free (call->answers);
  g_free (call);
}

static const MpQueueAsyncFuncs finish_funcs = { MP_QUEUE_OPERATION_FINISH, MP_QUEUE_WAIT_ANSWERS,
                                                try_finish, succeed, free_finish };

void
mp_queue_finish_async (MpQueue            *queue,
                       gpointer            source_object,
                       MpQueueToken       *tokens,
                       guint               n,
                       gboolean            are_all,
                       MpQueueFinish       how,
                       gpointer            source_tag,
                       int                 io_priority,
                       GCancellable       *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer            user_data)
{
  FinishCall       *call = g_new0 (FinishCall, 1);
  MpQueueOperation *operation = &call->base.request.operation;

  call->base.funcs = &finish_funcs;
  call->are_all = are_all;
  call->tokens = tokens;
  call->answers = g_new0 (MpQueueStatus, n);
  operation->tokens = tokens;
  operation->n = n;
  operation->how = how;
  operation->answers = call->answers;
  mp_queue_async_start (&call->base, queue, source_object, source_tag, io_priority, cancellable,
                        callback, user_data);
}
