/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"

#include "base/mp-async.h"
#include "mp-error.h"

/* Calls made by this end. */

/* Takes ownership of @task. */
static void
begin_call (MpConnection *self,
            MpMessage    *value,
            gint64        timeout_us,
            GTask        *task)
{
  GError  *error = NULL;
  MpCalls *calls = NULL;

  if (!g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &error))
    calls = mp_connection_get_calls (self, &error);
  if (calls != NULL)
    {
      mp_calls_begin (calls, value, timeout_us, task);
      return;
    }

  g_task_return_error (task, error);
  g_object_unref (task);
}

/**
 * mp_connection_call_async:
 * @self: a connection
 * @value: the argument of the call; a floating reference is taken
 * @timeout_us: how long to wait for the answer, in microseconds; -1 for ever
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when there is an answer or an error
 * @user_data: data for @callback
 *
 * Calls the peer asynchronously.
 *
 * The peer gets the call by its [signal@Connection::called], and can answer at any time later. Any
 * number of calls may be in progress, in both directions. The format of calls on the wire is
 * documented, so that other programs can take part. [property@Connection:format] has to be
 * GVariant, JSON or pickle, and must not be changed afterwards.
 *
 * Other messages may be sent in between: those that arrive while a call waits for its answer are
 * kept for [method@Connection.recv] and [signal@Connection::message].
 *
 * If the call is cancelled or times out, the peer is notified.
 *
 * Since: 1.0
 */
void
mp_connection_call_async (MpConnection       *self,
                          GVariant           *value,
                          gint64              timeout_us,
                          int                 io_priority,
                          GCancellable       *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer            user_data)
{
  g_autoptr (MpMessage) message = NULL;

  g_return_if_fail (MP_IS_CONNECTION (self));
  g_return_if_fail (value != NULL);

  message = mp_message_new_variant (value);
  begin_call (self, message, timeout_us,
              mp_async_new_task (self, mp_connection_call_async, io_priority, cancellable, callback,
                                 user_data));
}

/**
 * mp_connection_call_finish:
 * @self: a connection
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes [method@Connection.call_async].
 *
 * Fails with the error with which the peer answered, or `MP_ERROR_REMOTE` if its domain is unknown
 * in this process; with `G_IO_ERROR_TIMED_OUT` if no answer came in time; with
 * `G_IO_ERROR_BROKEN_PIPE` if the peer was gone when the call was sent, and with
 * `MP_ERROR_END_OF_STREAM` if it went before it answered; and with `MP_ERROR_CLOSED` if this end is
 * closed.
 *
 * Returns: (transfer full): the answer
 *
 * Since: 1.0
 */
GVariant *
mp_connection_call_finish (MpConnection *self,
                           GAsyncResult *result,
                           GError      **error)
{
  g_autoptr (MpMessage) message = NULL;

  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  message = g_task_propagate_pointer (G_TASK (result), error);
  return message != NULL ? mp_message_get_variant (message, error) : NULL;
}

/**
 * mp_connection_call_message_async:
 * @self: a connection
 * @message: the argument of the call; its descriptors are not sent
 * @timeout_us: how long to wait for the answer, in microseconds; -1 for ever
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when there is an answer or an error
 * @user_data: data for @callback
 *
 * Calls the peer with a value in any format; see [method@Connection.call_async].
 *
 * Since: 1.0
 */
void
mp_connection_call_message_async (MpConnection       *self,
                                  MpMessage          *message,
                                  gint64              timeout_us,
                                  int                 io_priority,
                                  GCancellable       *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer            user_data)
{
  g_return_if_fail (MP_IS_CONNECTION (self));
  g_return_if_fail (message != NULL);

  begin_call (self, message, timeout_us,
              mp_async_new_task (self, mp_connection_call_message_async, io_priority, cancellable,
                                 callback, user_data));
}

/**
 * mp_connection_call_message_finish:
 * @self: a connection
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes [method@Connection.call_message_async]; fails as [method@Connection.call_finish] does.
 *
 * Returns: (transfer full): the answer, in the format of the connection
 *
 * Since: 1.0
 */
MpMessage *
mp_connection_call_message_finish (MpConnection *self,
                                   GAsyncResult *result,
                                   GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
result_cb (GObject      *object,
           GAsyncResult *result,
           gpointer      user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

/**
 * mp_connection_call:
 * @self: a connection
 * @value: the argument of the call; a floating reference is taken
 * @timeout_us: how long to wait for the answer, in microseconds; -1 for ever
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Calls the peer and waits for its answer.
 *
 * The caller's main context is not iterated meanwhile, so calls of the peer are handled afterwards.
 * See [method@Connection.call_async] and [method@Connection.call_finish].
 *
 * Returns: (transfer full): the answer
 *
 * Since: 1.0
 */
GVariant *
mp_connection_call (MpConnection *self,
                    GVariant     *value,
                    gint64        timeout_us,
                    GCancellable *cancellable,
                    GError      **error)
{
  g_autoptr (GMainContext) context = NULL;
  g_autoptr (GAsyncResult) result = NULL;

  g_return_val_if_fail (MP_IS_CONNECTION (self), NULL);
  g_return_val_if_fail (value != NULL, NULL);

  /* Use a private main context, so that no other sources are dispatched. */
  context = g_main_context_new ();
  g_main_context_push_thread_default (context);
  mp_connection_call_async (self, value, timeout_us, G_PRIORITY_DEFAULT, cancellable, result_cb,
                            &result);
  while (result == NULL)
    g_main_context_iteration (context, TRUE);

  /* Send the notification of a call that was cancelled or timed out. */
  while (g_main_context_iteration (context, FALSE))
    continue;
  g_main_context_pop_thread_default (context);
  return mp_connection_call_finish (self, result, error);
}
