/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-connection-private.h"

#include "base/mp-async.h"
#include "mp-error.h"

/* Calls of this end. */

/* Takes @task. */
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
 * @value: what to call the peer with; a floating reference is taken
 * @timeout_us: how long to wait for the answer, in microseconds; -1 for ever
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when there is an answer, or an error
 * @user_data: data for @callback
 *
 * Calls the peer, and waits for its answer in the main context.
 *
 * The peer gets it by its [signal@Connection::called], and answers when it likes: any number of
 * calls may be under way, in both directions. What a call is on the wire is documented, so that
 * other programs can take part. The connection's [property@Connection:format] is GVariant, JSON
 * or pickle, and stays so.
 *
 * Other messages may be sent beside calls: those that come while an answer is waited for are kept
 * for [method@Connection.recv] and [signal@Connection::message].
 *
 * A call that is cancelled, or whose time is over, tells the peer so.
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
 * @result: what the callback got
 * @error: return location for an error
 *
 * Finishes [method@Connection.call_async].
 *
 * Fails with the error that the peer answered, `MP_ERROR_REMOTE` if its domain is not known here;
 * with `G_IO_ERROR_TIMED_OUT` when no answer came in time; and as a receive does when the peer is
 * gone.
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
 * @message: what to call the peer with; its descriptors do not travel
 * @timeout_us: how long to wait for the answer, in microseconds; -1 for ever
 * @io_priority: the priority of the request
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when there is an answer, or an error
 * @user_data: data for @callback
 *
 * Calls the peer with a value in any form; see [method@Connection.call_async].
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
 * @result: what the callback got
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
 * @value: what to call the peer with; a floating reference is taken
 * @timeout_us: how long to wait for the answer, in microseconds; -1 for ever
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Calls the peer, and waits for its answer.
 *
 * The main context of the caller does not run meanwhile: calls of the peer are answered
 * afterwards. See [method@Connection.call_async] and [method@Connection.call_finish].
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

  /* A context of its own: it runs nobody else's sources. */
  context = g_main_context_new ();
  g_main_context_push_thread_default (context);
  mp_connection_call_async (self, value, timeout_us, G_PRIORITY_DEFAULT, cancellable, result_cb,
                            &result);
  while (result == NULL)
    g_main_context_iteration (context, TRUE);

  /* The peer is told of a call that was given up. */
  while (g_main_context_iteration (context, FALSE))
    continue;
  g_main_context_pop_thread_default (context);
  return mp_connection_call_finish (self, result, error);
}
