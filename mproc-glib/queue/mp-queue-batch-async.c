/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "queue-async-call.h"

/* Asynchronous puts and gets of many messages. */

/* --- Putting ------------------------------------------------------------------------------ */

typedef struct
{
  MpQueueAsyncCall base;
  GPtrArray       *messages;
  MpQueueItem     *items;
} PutManyCall;

static MpQueueStatus
try_put_many (MpQueue          *self,
              MpQueueAsyncCall *base)
{
  PutManyCall      *call = (PutManyCall *) base;
  MpQueueOperation *operation = &base->request.operation;
  guint             n_put;
  MpQueueStatus     status = mp_queue_store_put (
        &mp_queue_get_private (self)->store, call->items + operation->n_done,
        operation->n - operation->n_done, &operation->call, &n_put);

  operation->n_done += n_put;
  return status;
}

static void
free_put_many (MpQueueAsyncCall *base)
{
  PutManyCall *call = (PutManyCall *) base;

  g_ptr_array_unref (call->messages);
  g_free (call->items);
  g_free (call);
}

static const MpQueueAsyncFuncs put_many_funcs = { MP_QUEUE_OPERATION_PUT, MP_QUEUE_WAIT_SPACE,
                                                  try_put_many, mp_queue_async_succeed,
                                                  free_put_many };

/* Returns NULL with @error set if a queue cannot carry one of them. */
static PutManyCall *
make_put_many (GPtrArray *messages,
               GError   **error)
{
  PutManyCall      *call = g_new0 (PutManyCall, 1);
  MpQueueOperation *operation = &call->base.request.operation;

  call->base.funcs = &put_many_funcs;
  call->messages = g_ptr_array_new_full (messages->len, (GDestroyNotify) mp_message_unref);
  for (guint i = 0; i < messages->len; i++)
    g_ptr_array_add (call->messages, mp_message_ref (g_ptr_array_index (messages, i)));
  call->items = g_new (MpQueueItem, messages->len);
  operation->items = call->items;
  operation->n = messages->len;
  for (guint i = 0; i < messages->len; i++)
    if (!mp_queue_peek_item (g_ptr_array_index (messages, i), &call->items[i], error))
      {
        free_put_many (&call->base);
        return NULL;
      }
  return call;
}

/**
 * mp_queue_put_many_async:
 * @self: a queue
 * @messages: (element-type MpMessage): messages, without descriptors
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT_IDLE, at which a full queue leaves a
 *   window time to draw
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when all messages were put, in the caller's thread-default main
 *   context
 * @user_data: (closure): data for @callback
 *
 * Puts messages in their order, as soon as there is room.
 *
 * Since: 1.0
 */
void
mp_queue_put_many_async (MpQueue            *self,
                         GPtrArray          *messages,
                         int                 io_priority,
                         GCancellable       *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer            user_data)
{
  GError      *error = NULL;
  PutManyCall *call;

  g_return_if_fail (mp_queue_check_call (self, cancellable));
  g_return_if_fail (messages != NULL);

  call = make_put_many (messages, &error);
  if (call == NULL)
    g_task_report_error (self, callback, user_data, mp_queue_put_many_async, error);
  else
    mp_queue_async_start (&call->base, self, self, mp_queue_put_many_async, io_priority,
                          cancellable, callback, user_data);
}

/**
 * mp_queue_put_many_finish:
 * @self: a queue
 * @result: the result passed to the callback
 * @n_put: (out) (optional): how many were put, counted from the first; set also on failure
 * @error: return location for an error
 *
 * Finishes a call of [method@Queue.put_many_async].
 *
 * Returns: whether all were put; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_queue_put_many_finish (MpQueue      *self,
                          GAsyncResult *result,
                          guint        *n_put,
                          GError      **error)
{
  const MpQueueOperation *operation;

  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  operation = mp_queue_async_get_operation (result);
  if (n_put != NULL)
    *n_put = operation != NULL ? operation->n_done : 0;
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- Getting ------------------------------------------------------------------------------ */

typedef struct
{
  MpQueueAsyncCall base;
  MpQueueWrapFunc  wrap;
  GPtrArray       *results;
  MpQueueDelivery  deliveries[MP_QUEUE_MAX_BATCH];
} GetManyCall;

static MpQueueStatus
try_get_many (MpQueue          *self,
              MpQueueAsyncCall *base)
{
  GetManyCall      *call = (GetManyCall *) base;
  MpQueuePrivate   *priv = mp_queue_get_private (self);
  MpQueueOperation *operation = &base->request.operation;
  MpQueueStatus     status = mp_queue_check_gets (self, &operation->call.error)
                               ? mp_queue_get_messages (self, call->deliveries, operation->n,
                                                        &operation->call, call->wrap, call->results)
                               : MP_QUEUE_FAILED;

  /* Their buffer was on the stack, and what was allocated is in the results. */
  for (guint i = 0; i < operation->n; i++)
    call->deliveries[i].data = call->deliveries[i].buffer = NULL;
  if (G_UNLIKELY (priv->bells.fd_bell != NULL))
    mp_queue_bells_refresh (&priv->bells);
  return call->results->len > 0 ? MP_QUEUE_OK : status;
}

static void
succeed_get_many (MpQueue          *self,
                  MpQueueAsyncCall *base,
                  GTask            *task)
{
  GetManyCall    *call = (GetManyCall *) base;
  MpQueueRequest *request = &base->request;

  if (request->value != NULL)
    mp_queue_add_message (self, g_steal_pointer (&request->value), &call->deliveries[0].token,
                          call->wrap, call->results);
  else if (call->results->len == 0)
    mp_queue_take_messages (self, call->deliveries, request->operation.n_done, call->wrap,
                            call->results);
  g_task_return_pointer (task, g_steal_pointer (&call->results),
                         (GDestroyNotify) g_ptr_array_unref);
}

static void
free_get_many (MpQueueAsyncCall *base)
{
  GetManyCall *call = (GetManyCall *) base;

  for (guint i = 0; i < base->request.operation.n; i++)
    mp_queue_delivery_clear (&call->deliveries[i]);
  g_clear_pointer (&call->results, g_ptr_array_unref);
  g_free (call);
}

static const MpQueueAsyncFuncs get_many_funcs = { MP_QUEUE_OPERATION_GET, MP_QUEUE_WAIT_ITEMS,
                                                  try_get_many, succeed_get_many, free_get_many };

void
mp_queue_get_batch_async (MpQueue            *self,
                          guint               max,
                          MpQueueWrapFunc     wrap,
                          GDestroyNotify      free_result,
                          gpointer            source_tag,
                          int                 io_priority,
                          GCancellable       *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer            user_data)
{
  GetManyCall      *call = g_new0 (GetManyCall, 1);
  MpQueueOperation *operation = &call->base.request.operation;

  call->base.funcs = &get_many_funcs;
  call->base.request.reader = &mp_queue_message_reader;
  call->wrap = wrap;
  operation->accepted = &mp_queue_message_reader.accepted;
  operation->deliveries = call->deliveries;
  operation->n = MIN (max, MP_QUEUE_MAX_BATCH);
  call->results = g_ptr_array_new_full (operation->n, free_result);
  mp_queue_async_start (&call->base, self, self, source_tag, io_priority, cancellable, callback,
                        user_data);
}

/**
 * mp_queue_get_many_async:
 * @self: a queue
 * @max: the most messages to get, at least 1; at most 64 are got in one call
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT_IDLE, at which a full queue leaves a
 *   window time to draw
 * @cancellable: (nullable): a cancellable; a cancelled call takes no message
 * @callback: (scope async): called when there are messages, in the caller's thread-default main
 *   context
 * @user_data: (closure): data for @callback
 *
 * Gets the next message as soon as there is one, and with it those behind it that are available.
 *
 * Since: 1.0
 */
void
mp_queue_get_many_async (MpQueue            *self,
                         guint               max,
                         int                 io_priority,
                         GCancellable       *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer            user_data)
{
  g_return_if_fail (mp_queue_check_call (self, cancellable));
  g_return_if_fail (max > 0);

  mp_queue_get_batch_async (self, max, NULL, (GDestroyNotify) mp_message_unref,
                            mp_queue_get_many_async, io_priority, cancellable, callback, user_data);
}

/**
 * mp_queue_get_many_finish:
 * @self: a queue
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [method@Queue.get_many_async].
 *
 * Returns: (transfer full) (element-type MpMessage): at least one message; %NULL with @error set
 *
 * Since: 1.0
 */
GPtrArray *
mp_queue_get_many_finish (MpQueue      *self,
                          GAsyncResult *result,
                          GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
