/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "base/mp-async.h"
#include "queue-request.h"
#include "queue-source.h"

/* Asynchronous calls.  With a backend whose operations end at once, a call tries, and if it has to
 * wait it attaches a source to the caller's main context that tries again.  With other backends, it
 * begins an operation, and its source waits for the operation to end. */

typedef struct
{
  MpQueueRequest   request;
  MpQueueCondition condition; /* what to wait for, if operations end at once */

  /* PUT */
  MpMessage  *message;
  MpQueueItem item;

  /* GET */
  MpQueueWrapFunc wrap;
  GDestroyNotify  free_result;
  MpQueueDelivery delivery;
} AsyncCall;

static void
free_call (gpointer data)
{
  AsyncCall *call = data;

  mp_queue_request_clear (&call->request);
  g_clear_pointer (&call->message, mp_message_unref);
  mp_queue_delivery_clear (&call->delivery);
  g_free (call);
}

static gpointer
steal_result (MpQueue   *self,
              AsyncCall *call)
{
  MpQueuePrivate     *priv = mp_queue_get_private (self);
  const MpQueueToken *token = &call->delivery.token;
  gpointer            value = g_steal_pointer (&call->request.value);

  if (call->wrap != NULL)
    return call->wrap (self, value, token);
  if (token->lease != 0)
    priv->keep (self, token);
  return value;
}

static void
finish (GTask        *task,
        MpQueueStatus status)
{
  MpQueue   *self = g_task_get_source_object (task);
  AsyncCall *call = g_task_get_task_data (task);
  GError    *error = NULL;

  if (status != MP_QUEUE_OK)
    {
      mp_queue_store_set_error (&mp_queue_get_private (self)->store, status,
                                &call->request.operation.call, &call->delivery, &error);
      g_task_return_error (task, error);
    }
  else if (call->request.reader != NULL)
    g_task_return_pointer (task, steal_result (self, call), call->free_result);
  else
    g_task_return_boolean (task, TRUE);
}

/* --- Trying ------------------------------------------------------------------------------- */

static MpQueueStatus
try_get (MpQueue   *self,
         AsyncCall *call)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);
  MpQueueRequest *request = &call->request;
  guint8          stack[2048];
  MpQueueStatus   status;

  call->delivery = (MpQueueDelivery){ .buffer = stack, .capacity = sizeof stack };
  status = mp_queue_store_get (&priv->store, request->reader, NULL, &call->delivery,
                               &request->operation.call, &request->value);
  call->delivery.data = call->delivery.buffer = NULL;
  if (G_UNLIKELY (priv->bells.fd_bell != NULL))
    mp_queue_bells_refresh (&priv->bells);
  return status;
}

static MpQueueStatus
try_call (MpQueue   *self,
          AsyncCall *call)
{
  MpQueueStore *store = &mp_queue_get_private (self)->store;
  MpQueueCall  *backend_call = &call->request.operation.call;
  guint         n_put;

  if (G_UNLIKELY (store->home == NULL))
    return MP_QUEUE_DETACHED;

  switch (call->request.operation.kind)
    {
    case MP_QUEUE_OPERATION_PUT:
      return mp_queue_store_put (store, &call->item, 1, backend_call, &n_put);
    case MP_QUEUE_OPERATION_GET:
      return try_get (self, call);
    case MP_QUEUE_OPERATION_WAIT:
    case MP_QUEUE_OPERATION_SETTLE:
    default:
      return store->backend->wait (store->home, call->condition, backend_call);
    }
}

static gboolean
try_cb (gpointer user_data)
{
  GTask        *task = user_data;
  MpQueueStatus status;

  if (g_task_return_error_if_cancelled (task))
    return G_SOURCE_REMOVE;

  status = try_call (g_task_get_source_object (task), g_task_get_task_data (task));
  /* BUSY: another process holds a lock, and may well release it. */
  if (status == MP_QUEUE_EMPTY || status == MP_QUEUE_FULL || status == MP_QUEUE_TIMED_OUT ||
      status == MP_QUEUE_BUSY)
    return G_SOURCE_CONTINUE;

  finish (task, status);
  return G_SOURCE_REMOVE;
}

/* --- Operations --------------------------------------------------------------------------- */

/* Reads a message that was delivered for good. */
static void
read_answer (AsyncCall *call)
{
  MpQueueOperation *operation = &call->request.operation;

  if (operation->kind != MP_QUEUE_OPERATION_GET || operation->status != MP_QUEUE_OK)
    return;

  call->request.value = call->request.reader->read (&call->delivery, NULL,
                                                    &operation->call.error);
  if (call->request.value == NULL)
    operation->status = MP_QUEUE_FAILED;
}

static gboolean
answer_cb (gpointer user_data)
{
  GTask        *task = user_data;
  AsyncCall    *call = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);

  if (mp_queue_request_step (&call->request))
    {
      read_answer (call);
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

/* --- Starting ------------------------------------------------------------------------------ */

static void
begin_call (MpQueue   *self,
            GTask     *task,
            AsyncCall *call)
{
  MpQueuePrivate   *priv = mp_queue_get_private (self);
  MpQueueOperation *operation = &call->request.operation;
  GSource          *source;

  source = mp_queue_source_new (G_OBJECT (self), &priv->bells, g_task_get_context (task),
                                MP_QUEUE_WAIT_ANSWERS, g_task_get_cancellable (task));
  call->request.store = &priv->store;
  call->request.source = source;
  operation->items = &call->item;
  operation->deliveries = &call->delivery;
  operation->n = 1;
  operation->condition = call->condition;
  mp_queue_request_begin (&call->request, operation->kind);
  g_task_attach_source (task, source, answer_cb);
  g_source_unref (source);
}

/* Takes ownership of @call. */
static void
start (MpQueue            *self,
       AsyncCall          *call,
       gpointer            source_tag,
       int                 io_priority,
       GCancellable       *cancellable,
       GAsyncReadyCallback callback,
       gpointer            user_data)
{
  g_autoptr (GTask) task =
    mp_async_new_task (self, source_tag, io_priority, cancellable, callback, user_data);
  MpQueuePrivate *priv = mp_queue_get_private (self);
  GError         *error = NULL;

  g_task_set_task_data (task, call, free_call);

  if (mp_queue_request_is_needed (&priv->store))
    {
      if (g_task_return_error_if_cancelled (task))
        return;
      if (call->request.reader != NULL && !mp_queue_check_gets (self, &error))
        g_task_return_error (task, error);
      else
        begin_call (self, task, call);
    }
  else if (try_cb (task) == G_SOURCE_CONTINUE)
    mp_queue_source_attach_task (&priv->bells, call->condition, task, try_cb);
}

void
mp_queue_get_value_async (MpQueue             *self,
                          const MpQueueReader *reader,
                          MpQueueWrapFunc      wrap,
                          GDestroyNotify       free_result,
                          gpointer             source_tag,
                          int                  io_priority,
                          GCancellable        *cancellable,
                          GAsyncReadyCallback  callback,
                          gpointer             user_data)
{
  AsyncCall *call = g_new0 (AsyncCall, 1);

  call->request.operation.kind = MP_QUEUE_OPERATION_GET;
  call->request.operation.accepted = &reader->accepted;
  call->request.reader = reader;
  call->condition = MP_QUEUE_WAIT_ITEMS;
  call->wrap = wrap;
  call->free_result = free_result;
  start (self, call, source_tag, io_priority, cancellable, callback, user_data);
}

void
mp_queue_wait_async (MpQueue            *self,
                     MpQueueCondition    condition,
                     gpointer            source_tag,
                     int                 io_priority,
                     GCancellable       *cancellable,
                     GAsyncReadyCallback callback,
                     gpointer            user_data)
{
  AsyncCall *call = g_new0 (AsyncCall, 1);

  call->request.operation.kind = MP_QUEUE_OPERATION_WAIT;
  call->condition = condition;
  start (self, call, source_tag, io_priority, cancellable, callback, user_data);
}

static void
put_async (MpQueue            *self,
           MpMessage          *message,
           gpointer            source_tag,
           int                 io_priority,
           GCancellable       *cancellable,
           GAsyncReadyCallback callback,
           gpointer            user_data)
{
  GError     *error = NULL;
  MpQueueItem item;
  AsyncCall  *call;

  if (!mp_queue_peek_item (message, &item, &error))
    {
      g_task_report_error (self, callback, user_data, source_tag, error);
      return;
    }

  call = g_new0 (AsyncCall, 1);
  call->request.operation.kind = MP_QUEUE_OPERATION_PUT;
  call->condition = MP_QUEUE_WAIT_SPACE;
  call->item = item;
  call->message = mp_message_ref (message);
  start (self, call, source_tag, io_priority, cancellable, callback, user_data);
}

/**
 * mp_queue_put_async:
 * @self: a queue
 * @value: a value; a floating reference is taken
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT_IDLE, at which a full queue leaves a
 *   window time to draw
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the value was put, in the caller's thread-default
 *   main context
 * @user_data: (closure): data for @callback
 *
 * Puts a value of any GVariant type as soon as there is room.
 *
 * Since: 1.0
 */
void
mp_queue_put_async (MpQueue            *self,
                    GVariant           *value,
                    int                 io_priority,
                    GCancellable       *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer            user_data)
{
  g_autoptr (MpMessage) message = NULL;

  g_return_if_fail (MP_IS_QUEUE (self));
  g_return_if_fail (value != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  message = mp_message_new_variant (value);
  put_async (self, message, mp_queue_put_async, io_priority, cancellable, callback, user_data);
}

/**
 * mp_queue_put_finish:
 * @self: a queue
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [method@Queue.put_async].
 *
 * Returns: whether the value was put; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_queue_put_finish (MpQueue      *self,
                     GAsyncResult *result,
                     GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * mp_queue_get_async:
 * @self: a queue
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT_IDLE, at which a full queue leaves a
 *   window time to draw
 * @cancellable: (nullable): a cancellable; a cancelled call takes no message
 * @callback: (scope async): called when a value is available, in the caller's thread-default main
 *   context
 * @user_data: (closure): data for @callback
 *
 * Gets the next message as a GVariant as soon as there is one.
 *
 * Since: 1.0
 */
void
mp_queue_get_async (MpQueue            *self,
                    int                 io_priority,
                    GCancellable       *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer            user_data)
{
  g_return_if_fail (MP_IS_QUEUE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  mp_queue_get_value_async (self, &mp_queue_variant_reader, NULL, (GDestroyNotify) g_variant_unref,
                            mp_queue_get_async, io_priority, cancellable, callback, user_data);
}

/**
 * mp_queue_get_finish:
 * @self: a queue
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [method@Queue.get_async].
 *
 * Returns: (transfer full): the value; %NULL with @error set
 *
 * Since: 1.0
 */
GVariant *
mp_queue_get_finish (MpQueue      *self,
                     GAsyncResult *result,
                     GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * mp_queue_put_message_async:
 * @self: a queue
 * @message: a message, without descriptors
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT_IDLE, at which a full queue leaves a
 *   window time to draw
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the message was put, in the caller's thread-default
 *   main context
 * @user_data: (closure): data for @callback
 *
 * Puts a message, as soon as there is room.
 *
 * Since: 1.0
 */
void
mp_queue_put_message_async (MpQueue            *self,
                            MpMessage          *message,
                            int                 io_priority,
                            GCancellable       *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer            user_data)
{
  g_return_if_fail (MP_IS_QUEUE (self));
  g_return_if_fail (message != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  put_async (self, message, mp_queue_put_message_async, io_priority, cancellable, callback,
             user_data);
}

/**
 * mp_queue_put_message_finish:
 * @self: a queue
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [method@Queue.put_message_async].
 *
 * Returns: whether the message was put; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_queue_put_message_finish (MpQueue      *self,
                             GAsyncResult *result,
                             GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * mp_queue_get_message_async:
 * @self: a queue
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT_IDLE, at which a full queue leaves a
 *   window time to draw
 * @cancellable: (nullable): a cancellable; a cancelled call takes no message
 * @callback: (scope async): called when a message is available, in the caller's thread-default main
 *   context
 * @user_data: (closure): data for @callback
 *
 * Gets the next message, as soon as there is one.
 *
 * Since: 1.0
 */
void
mp_queue_get_message_async (MpQueue            *self,
                            int                 io_priority,
                            GCancellable       *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer            user_data)
{
  g_return_if_fail (MP_IS_QUEUE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  mp_queue_get_value_async (self, &mp_queue_message_reader, NULL,
                            (GDestroyNotify) mp_message_unref, mp_queue_get_message_async,
                            io_priority, cancellable, callback, user_data);
}

/**
 * mp_queue_get_message_finish:
 * @self: a queue
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [method@Queue.get_message_async].
 *
 * Returns: (transfer full): the message; %NULL with @error set
 *
 * Since: 1.0
 */
MpMessage *
mp_queue_get_message_finish (MpQueue      *self,
                             GAsyncResult *result,
                             GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
