/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "base/mp-async.h"
#include "formats/gvariant.h"

/* Asynchronous puts and gets.  Each tries at once; what has to wait gets a source in the
 * caller's main context that tries again. */

/* FALSE without an error when it is not the time yet. */
typedef gboolean (*Attempt) (MpQueue *self,
                             GTask   *task,
                             GError **error);

static gboolean
attempt_cb (gpointer user_data)
{
  GTask   *task = user_data;
  MpQueue *self = g_task_get_source_object (task);
  Attempt  attempt = (Attempt) g_object_get_data (G_OBJECT (task), "mp-attempt");
  g_autoptr (GError) error = NULL;

  if (g_task_return_error_if_cancelled (task))
    return G_SOURCE_REMOVE;
  if (attempt (self, task, &error))
    return G_SOURCE_REMOVE;
  if (error == NULL)
    return G_SOURCE_CONTINUE;

  g_task_return_error (task, g_steal_pointer (&error));
  return G_SOURCE_REMOVE;
}

static void
start (MpQueue            *self,
       MpQueueCondition    condition,
       Attempt             attempt,
       gpointer            task_data,
       GDestroyNotify      destroy,
       gpointer            source_tag,
       int                 io_priority,
       GCancellable       *cancellable,
       GAsyncReadyCallback callback,
       gpointer            user_data)
{
  g_autoptr (GTask) task =
    mp_async_new_task (self, source_tag, io_priority, cancellable, callback, user_data);
  g_autoptr (GError) error = NULL;

  g_task_set_task_data (task, task_data, destroy);

  if (g_task_return_error_if_cancelled (task) || attempt (self, task, &error))
    return;
  if (error != NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  g_object_set_data (G_OBJECT (task), "mp-attempt", (gpointer) attempt);
  mp_queue_attach_task_source (self, condition, task, attempt_cb);
}

static gboolean
attempt_get (MpQueue *self,
             GTask   *task,
             GError **error)
{
  GVariant *value = mp_queue_try_get (self, error);

  if (value == NULL)
    return FALSE;
  g_task_return_pointer (task, value, (GDestroyNotify) g_variant_unref);
  return TRUE;
}

static gboolean
attempt_get_message (MpQueue *self,
                     GTask   *task,
                     GError **error)
{
  MpMessage *message = mp_queue_try_get_message (self, error);

  if (message == NULL)
    return FALSE;
  g_task_return_pointer (task, message, (GDestroyNotify) mp_message_unref);
  return TRUE;
}

static gboolean
attempt_put (MpQueue *self,
             GTask   *task,
             GError **error)
{
  if (!mp_queue_try_put (self, g_task_get_task_data (task), error))
    return FALSE;
  g_task_return_boolean (task, TRUE);
  return TRUE;
}

static gboolean
attempt_put_message (MpQueue *self,
                     GTask   *task,
                     GError **error)
{
  if (!mp_queue_try_put_message (self, g_task_get_task_data (task), error))
    return FALSE;
  g_task_return_boolean (task, TRUE);
  return TRUE;
}

/**
 * mp_queue_put_async:
 * @self: a queue
 * @value: a value; a floating reference is taken
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the value was put, in the caller's thread-default
 *   main context
 * @user_data: (closure): data for @callback
 *
 * Puts a value of any GVariant type, as soon as there is room.
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
  g_return_if_fail (MP_IS_QUEUE (self));
  g_return_if_fail (value != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  start (self, MP_QUEUE_WAIT_SPACE, attempt_put, g_variant_ref_sink (value),
         (GDestroyNotify) g_variant_unref, mp_queue_put_async, io_priority, cancellable, callback,
         user_data);
}

/**
 * mp_queue_put_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Queue.put_async].
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
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable; a cancelled call takes nothing
 * @callback: (scope async): called when there is a value, in the caller's thread-default
 *   main context
 * @user_data: (closure): data for @callback
 *
 * Gets the next message as a GVariant, as soon as there is one.
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

  start (self, MP_QUEUE_WAIT_ITEMS, attempt_get, NULL, NULL, mp_queue_get_async, io_priority,
         cancellable, callback, user_data);
}

/**
 * mp_queue_get_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Queue.get_async].
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
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
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

  start (self, MP_QUEUE_WAIT_SPACE, attempt_put_message, mp_message_ref (message),
         (GDestroyNotify) mp_message_unref, mp_queue_put_message_async, io_priority, cancellable,
         callback, user_data);
}

/**
 * mp_queue_put_message_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Queue.put_message_async].
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
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable; a cancelled call takes nothing
 * @callback: (scope async): called when there is a message, in the caller's thread-default
 *   main context
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

  start (self, MP_QUEUE_WAIT_ITEMS, attempt_get_message, NULL, NULL, mp_queue_get_message_async,
         io_priority, cancellable, callback, user_data);
}

/**
 * mp_queue_get_message_finish:
 * @self: a queue
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Queue.get_message_async].
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
