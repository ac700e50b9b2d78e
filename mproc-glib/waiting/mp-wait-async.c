/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-waitable.h"

#include "base/mp-async.h"
#include "base/mp-deadline.h"
#include "wait-run.h"

/* An asynchronous wait: the data of its task. */
typedef struct
{
  MpWaitRun wait;
  gint64    deadline;

  /* One epoll descriptor instead of many: a main context wakes up for each descriptor that is added
   * or removed, and iterates over all of them in each turn. */
  MpPollSet *set;

  GSource *source;
} AsyncWait;

typedef struct
{
  MpWaitable **objects;
  gsize        n_objects;
} Ready;

static void
async_wait_free (gpointer data)
{
  AsyncWait *async = data;

  mp_closing_watch_end (&async->wait.closing);
  g_clear_pointer (&async->source, g_source_unref);
  if (async->set != NULL)
    mp_poll_set_free (async->set);
  for (gsize i = 0; i < async->wait.n_objects; i++)
    g_object_unref (async->wait.objects[i]);
  g_free (async->wait.objects);
  g_free (async->wait.fds);
  g_free (async);
}

static void
ready_free (gpointer data)
{
  Ready *ready = data;

  g_free (ready->objects);
  g_free (ready);
}

static void
return_ready (GTask *task)
{
  AsyncWait *async = g_task_get_task_data (task);
  Ready     *ready = g_new0 (Ready, 1);

  mp_closing_watch_end (&async->wait.closing);
  g_clear_pointer (&async->source, g_source_unref);
  mp_poll_set_keep (g_steal_pointer (&async->set));
  ready->objects = mp_wait_run_collect (&async->wait, &ready->n_objects);
  g_task_return_pointer (task, ready, ready_free);
}

/* Takes ownership of @error.  The descriptors of the wait are closed now, not when the result is
 * freed. */
static void
return_failure (GTask  *task,
                GError *error)
{
  g_task_return_error (task, error);
  g_task_set_task_data (task, NULL, NULL);
}

static gboolean
wait_source_dispatch (GSource    *source,
                      GSourceFunc callback,
                      gpointer    user_data)
{
  return callback (user_data);
}

static GSourceFuncs wait_source_funcs = { .dispatch = wait_source_dispatch };

static gboolean
wait_fired_cb (gpointer user_data)
{
  GTask     *task = user_data;
  AsyncWait *async = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;

  /* Before the check whether an object was closed: one that is closed later makes the source ready
   * again, which this must not undo. */
  g_source_set_ready_time (async->source, async->deadline);
  if (g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &error) ||
      !mp_wait_run_poll (&async->wait, 0, MP_WAIT_FLAGS_NONE, NULL, &error))
    {
      return_failure (task, g_steal_pointer (&error));
      return G_SOURCE_REMOVE;
    }

  if (async->wait.n_ready == 0 && !mp_deadline_has_passed (async->deadline))
    return G_SOURCE_CONTINUE;

  return_ready (task);
  return G_SOURCE_REMOVE;
}

static gboolean
fill_set (AsyncWait *async,
          GError   **error)
{
  int code = 0;

  if (async->wait.set == NULL)
    code = mp_poll_set_update (async->set, async->wait.fds);
  if (code != 0)
    return mp_wait_run_set_errno_error (&async->wait, code, error);

  async->wait.set = async->set;
  return TRUE;
}

/* Begins to watch the objects for being closed, before they are looked at. */
static void
create_wait_source (GTask *task)
{
  AsyncWait *async = g_task_get_task_data (task);

  async->source = g_source_new (&wait_source_funcs, sizeof (GSource));
  g_source_set_static_name (async->source, "mp_wait_async");
  g_source_set_ready_time (async->source, async->deadline);
  mp_wait_run_watch_closing (&async->wait, async->source);
}

static void
attach_wait_source (GTask *task)
{
  AsyncWait *async = g_task_get_task_data (task);

  g_source_add_unix_fd (async->source, mp_poll_set_get_fd (async->set), G_IO_IN);
  mp_async_add_cancellable (async->source, g_task_get_cancellable (task));
  g_task_attach_source (task, async->source, wait_fired_cb);
}

/**
 * mp_wait_async:
 * @objects: (array length=n_objects) (nullable): what to wait for
 * @n_objects: how many
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @io_priority: the priority of the wait in the main context
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the wait is over
 * @user_data: data for @callback
 *
 * Asynchronous form of [func@wait].
 *
 * Holds a reference to each of @objects until the wait is over. @callback is called in the main
 * context that was the thread-default one at the time of the call.
 *
 * Since: 1.0
 */
void
mp_wait_async (MpWaitable        **objects,
               gsize               n_objects,
               gint64              timeout_us,
               int                 io_priority,
               GCancellable       *cancellable,
               GAsyncReadyCallback callback,
               gpointer            user_data)
{
  g_autoptr (GTask) task = NULL;
  g_autoptr (GError) error = NULL;
  AsyncWait *async;

  g_return_if_fail (objects != NULL || n_objects == 0);

  task = mp_async_new_task (NULL, mp_wait_async, io_priority, cancellable, callback, user_data);

  async = g_new0 (AsyncWait, 1);
  async->deadline = mp_deadline_for_timeout (timeout_us);
  async->wait.n_objects = n_objects;
  async->wait.fds = g_new (struct pollfd, n_objects + MP_WAIT_RUN_N_OTHERS);
  for (gsize i = 0; i < MP_WAIT_RUN_N_OTHERS; i++)
    async->wait.fds[n_objects + i] = (struct pollfd){ .fd = -1 };
  async->wait.objects = g_new (MpWaitable *, n_objects);
  for (gsize i = 0; i < n_objects; i++)
    async->wait.objects[i] = g_object_ref (objects[i]);
  async->set = mp_poll_set_take (async->wait.objects, n_objects);
  g_task_set_task_data (task, async, async_wait_free);
  create_wait_source (task);

  if (g_cancellable_set_error_if_cancelled (cancellable, &error) ||
      !mp_wait_run_until_ready (&async->wait, async->set, 0, MP_WAIT_FLAGS_NONE, NULL, &error))
    return_failure (task, g_steal_pointer (&error));
  else if (async->wait.n_ready > 0 || timeout_us == 0)
    return_ready (task);
  else if (!fill_set (async, &error))
    return_failure (task, g_steal_pointer (&error));
  else
    attach_wait_source (task);
}

/**
 * mp_wait_finish:
 * @result: the result that the callback was given
 * @n_ready: (out) (optional): how many objects are ready
 * @error: return location for an error
 *
 * Finishes a wait begun with [func@wait_async].
 *
 * The objects stay alive at least as long as @result; take references to keep them longer.
 *
 * Returns: (transfer container) (array length=n_ready): the objects that are ready, in the
 *   order in which they were given, followed by a %NULL that does not count. %NULL in C
 *   when @error is set
 *
 * Since: 1.0
 */
MpWaitable **
mp_wait_finish (GAsyncResult *result,
                gsize        *n_ready,
                GError      **error)
{
  MpWaitable **objects;
  Ready       *ready;

  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, mp_wait_async), NULL);

  ready = g_task_propagate_pointer (G_TASK (result), error);
  if (ready == NULL)
    return NULL;

  if (n_ready != NULL)
    *n_ready = ready->n_objects;
  objects = g_steal_pointer (&ready->objects);
  ready_free (ready);
  return objects;
}
