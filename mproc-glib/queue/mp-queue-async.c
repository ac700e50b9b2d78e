/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "queue-async-call.h"

/* Asynchronous puts and gets of one message. */

/* --- Getting ------------------------------------------------------------------------------ */

typedef struct
{
  MpQueueAsyncCall base;
  MpQueueWrapFunc  wrap;
  GDestroyNotify   free_result;
  MpQueueDelivery  delivery;
} GetCall;

static MpQueueStatus
try_get (MpQueue          *self,
         MpQueueAsyncCall *base)
{
  GetCall        *call = (GetCall *) base;
  MpQueuePrivate *priv = mp_queue_get_private (self);
  MpQueueRequest *request = &base->request;
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

static void
succeed_get (MpQueue          *self,
             MpQueueAsyncCall *base,
             GTask            *task)
{
  GetCall            *call = (GetCall *) base;
  const MpQueueToken *token = &call->delivery.token;
  gpointer            value = g_steal_pointer (&base->request.value);

  if (call->wrap != NULL)
    value = call->wrap (self, value, token);
  else if (token->lease != 0)
    mp_queue_get_private (self)->keep (self, token);
  g_task_return_pointer (task, value, call->free_result);
}

static void
free_get (MpQueueAsyncCall *base)
{
  GetCall *call = (GetCall *) base;

  mp_queue_delivery_clear (&call->delivery);
  g_free (call);
}

static const MpQueueAsyncFuncs get_funcs = { MP_QUEUE_OPERATION_GET, MP_QUEUE_WAIT_ITEMS, try_get,
                                             succeed_get, free_get };

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
  GetCall          *call = g_new0 (GetCall, 1);
  MpQueueOperation *operation = &call->base.request.operation;

  call->base.funcs = &get_funcs;
  call->base.request.reader = reader;
  operation->accepted = &reader->accepted;
  operation->deliveries = &call->delivery;
  operation->n = 1;
  call->wrap = wrap;
  call->free_result = free_result;
  mp_queue_async_start (&call->base, self, self, source_tag, io_priority, cancellable, callback,
                        user_data);
}

/* --- Waiting ------------------------------------------------------------------------------ */

static MpQueueStatus
try_wait (MpQueue          *self,
          MpQueueAsyncCall *call)
{
  MpQueueStore *store = &mp_queue_get_private (self)->store;

  return store->backend->wait (store->home, call->funcs->condition, &call->request.operation.call);
}

static const MpQueueAsyncFuncs join_funcs = { MP_QUEUE_OPERATION_WAIT, MP_QUEUE_WAIT_DONE, try_wait,
                                              mp_queue_async_succeed,
                                              (void (*) (MpQueueAsyncCall *)) g_free };

void
mp_queue_wait_done_async (MpQueue            *self,
                          gpointer            source_tag,
                          int                 io_priority,
                          GCancellable       *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer            user_data)
{
  MpQueueAsyncCall *call = g_new0 (MpQueueAsyncCall, 1);

  call->funcs = &join_funcs;
  mp_queue_async_start (call, self, self, source_tag, io_priority, cancellable, callback,
                        user_data);
}

/* --- Putting ------------------------------------------------------------------------------ */

typedef struct
{
  MpQueueAsyncCall base;
  MpMessage       *message;
  MpQueueItem      item;
} PutCall;

static MpQueueStatus
try_put (MpQueue          *self,
         MpQueueAsyncCall *base)
{
  PutCall *call = (PutCall *) base;
  guint    n_put;

  return mp_queue_store_put (&mp_queue_get_private (self)->store, &call->item, 1,
                             &base->request.operation.call, &n_put);
}

static void
free_put (MpQueueAsyncCall *base)
{
  PutCall *call = (PutCall *) base;

  mp_message_unref (call->message);
  g_free (call);
}

static const MpQueueAsyncFuncs put_funcs = { MP_QUEUE_OPERATION_PUT, MP_QUEUE_WAIT_SPACE, try_put,
                                             mp_queue_async_succeed, free_put };

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
  PutCall    *call;

  if (!mp_queue_peek_item (message, &item, &error))
    {
      g_task_report_error (self, callback, user_data, source_tag, error);
      return;
    }

  call = g_new0 (PutCall, 1);
  call->base.funcs = &put_funcs;
  call->base.request.operation.items = &call->item;
  call->base.request.operation.n = 1;
  call->item = item;
  call->message = mp_message_ref (message);
  mp_queue_async_start (&call->base, self, self, source_tag, io_priority, cancellable, callback,
                        user_data);
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
