/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-monitor-private.h"

#include "base/mp-async.h"

#include <glib-unix.h>
#include <glib/gi18n-lib.h>

/* The calls that let the main loop run while a server answers. */

/* A source that is ready when the observer has an answer.  It lets the observer work. */
typedef struct
{
  GSource         source;
  MpQueueMonitor *monitor; /* owned by the task, which is the data of the callback */
  gpointer        tag;     /* of @fd, or NULL */
  int             fd;
  GIOCondition    condition;
} AskSource;

static void
watch (AskSource   *self,
       int          fd,
       GIOCondition condition)
{
  if (self->tag != NULL && fd == self->fd)
    {
      if (condition != self->condition)
        g_source_modify_unix_fd (&self->source, self->tag, condition);
    }
  else
    {
      if (self->tag != NULL)
        g_source_remove_unix_fd (&self->source, self->tag);
      self->tag = fd != -1 ? g_source_add_unix_fd (&self->source, fd, condition) : NULL;
    }
  self->fd = fd;
  self->condition = condition;
}

static gboolean
prepare (GSource *source,
         int     *timeout)
{
  AskSource             *self = (AskSource *) source;
  const MpQueueObserver *observer = self->monitor->observer;
  gpointer               observed = self->monitor->observed;
  GIOCondition           condition;
  gint64                 time;
  int                    fd;

  *timeout = -1;
  if (observer->begin == NULL ||
      observer->step (observed, NULL) != MP_QUEUE_ANSWER_WAITING)
    return TRUE;
  observer->get_wait (observed, &fd, &condition, &time);
  watch (self, fd, condition);
  g_source_set_ready_time (source, time);
  return FALSE;
}

static gboolean
check (GSource *source)
{
  AskSource *self = (AskSource *) source;

  return self->tag != NULL && g_source_query_unix_fd (source, self->tag) != 0;
}

static gboolean
dispatch (GSource    *source,
          GSourceFunc callback,
          gpointer    user_data)
{
  return callback (user_data);
}

static GSourceFuncs ask_funcs = { .prepare = prepare, .check = check, .dispatch = dispatch };

/* What a task wants, as its data, and what it has got. */
typedef struct
{
  MpQueueQuestion question;
  guint64         next; /* PEEK */
} Call;

static void
return_result (GTask          *task,
               MpQueueMonitor *self,
               Call           *call)
{
  GError    *error = NULL;
  GPtrArray *messages;

  if (call->question.kind == MP_QUEUE_QUESTION_SAMPLE)
    {
      if (mp_queue_monitor_take_sample (self, &error))
        g_task_return_boolean (task, TRUE);
      else
        g_task_return_error (task, error);
      return;
    }
  messages = mp_queue_monitor_take_messages (self, &call->question, &call->next, &error);
  if (messages != NULL)
    g_task_return_pointer (task, messages, (GDestroyNotify) g_ptr_array_unref);
  else
    g_task_return_error (task, error);
}

static gboolean
answered_cb (gpointer user_data)
{
  GTask          *task = user_data;
  MpQueueMonitor *self = g_task_get_source_object (task);
  GError         *error = NULL;
  MpQueueAnswer   answer = MP_QUEUE_ANSWER_READY;

  if (g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &error))
    answer = MP_QUEUE_ANSWER_FAILED;
  else if (self->observer->begin != NULL)
    answer = self->observer->step (self->observed, &error);
  if (answer == MP_QUEUE_ANSWER_WAITING)
    return G_SOURCE_CONTINUE;

  self->is_asking = FALSE;
  if (answer == MP_QUEUE_ANSWER_READY)
    return_result (task, self, g_task_get_task_data (task));
  else
    g_task_return_error (task, error);
  return G_SOURCE_REMOVE;
}

static void
begin (MpQueueMonitor     *self,
       gpointer            source_tag,
       MpQueueQuestion     question,
       int                 io_priority,
       GCancellable       *cancellable,
       GAsyncReadyCallback callback,
       gpointer            user_data)
{
  g_autoptr (GTask) task =
    mp_async_new_task (self, source_tag, io_priority, cancellable, callback, user_data);
  g_autoptr (GSource) source = NULL;
  Call *call = g_new0 (Call, 1);

  call->question = question;
  call->next = question.from;
  g_task_set_task_data (task, call, g_free);
  if (self->is_asking)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_PENDING, "%s",
                               _ ("The monitor waits for the server already"));
      return;
    }
  self->is_asking = TRUE;
  if (self->observer->begin != NULL)
    self->observer->begin (self->observed, &question);

  source = g_source_new (&ask_funcs, sizeof (AskSource));
  ((AskSource *) source)->monitor = self;
  g_source_set_priority (source, io_priority);
  g_source_set_callback (source, answered_cb, g_object_ref (task), g_object_unref);
  mp_async_add_cancellable (source, cancellable);
  g_source_attach (source, g_task_get_context (task));
}

/**
 * mp_queue_monitor_refresh_async:
 * @self: a monitor
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when there is a new sample, in the caller's thread-default main
 *   context
 * @user_data: (closure): data for @callback
 *
 * Takes a new sample of the queue, as [method@QueueMonitor.refresh] does, and lets the main loop
 * run meanwhile: a server may be far away, or not answer.
 *
 * A monitor has one asynchronous call under way at a time: another one fails with
 * `G_IO_ERROR_PENDING`.
 *
 * Since: 1.0
 */
void
mp_queue_monitor_refresh_async (MpQueueMonitor     *self,
                                int                 io_priority,
                                GCancellable       *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer            user_data)
{
  g_return_if_fail (MP_IS_QUEUE_MONITOR (self));
  g_return_if_fail (self->observed != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  begin (self, mp_queue_monitor_refresh_async,
         (MpQueueQuestion){ .kind = MP_QUEUE_QUESTION_SAMPLE }, io_priority, cancellable, callback,
         user_data);
}

/**
 * mp_queue_monitor_refresh_finish:
 * @self: a monitor
 * @result: the result passed to the callback
 * @error: return location for an error
 *
 * Finishes a call of [method@QueueMonitor.refresh_async].
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_queue_monitor_refresh_finish (MpQueueMonitor *self,
                                 GAsyncResult   *result,
                                 GError        **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * mp_queue_monitor_peek_async:
 * @self: a monitor
 * @start: which message to begin with, as for [method@QueueMonitor.peek]
 * @max: the most messages to return
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when there are messages, or none, in the caller's thread-default
 *   main context
 * @user_data: (closure): data for @callback
 *
 * Looks at messages that are queued, as [method@QueueMonitor.peek] does, and lets the main loop run
 * meanwhile.
 *
 * Since: 1.0
 */
void
mp_queue_monitor_peek_async (MpQueueMonitor     *self,
                             guint64             start,
                             guint               max,
                             int                 io_priority,
                             GCancellable       *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer            user_data)
{
  g_return_if_fail (MP_IS_QUEUE_MONITOR (self));
  g_return_if_fail (self->observed != NULL);
  g_return_if_fail (max > 0);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  begin (self, mp_queue_monitor_peek_async, mp_queue_monitor_ask_for_messages (start, max),
         io_priority, cancellable, callback, user_data);
}

/**
 * mp_queue_monitor_peek_finish:
 * @self: a monitor
 * @result: the result passed to the callback
 * @next: (out) (optional): where to go on, as for [method@QueueMonitor.peek]; also set on failure
 * @error: return location for an error
 *
 * Finishes a call of [method@QueueMonitor.peek_async].
 *
 * Returns: (transfer container) (element-type MpMessage): messages in their order, perhaps none;
 *   %NULL with @error set
 *
 * Since: 1.0
 */
GPtrArray *
mp_queue_monitor_peek_finish (MpQueueMonitor *self,
                              GAsyncResult   *result,
                              guint64        *next,
                              GError        **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  if (next != NULL)
    *next = ((Call *) g_task_get_task_data (G_TASK (result)))->next;
  return g_task_propagate_pointer (G_TASK (result), error);
}
