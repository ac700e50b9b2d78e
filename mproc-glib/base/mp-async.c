/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-async.h"

GTask *
mp_async_new_task (gpointer            object,
                   gpointer            source_tag,
                   int                 io_priority,
                   GCancellable       *cancellable,
                   GAsyncReadyCallback callback,
                   gpointer            user_data)
{
  GTask *task = g_task_new (object, cancellable, callback, user_data);

  /* In parentheses, since the macro of this name would also name the task, which copies a string.
   */
  (g_task_set_source_tag) (task, source_tag);
  g_task_set_priority (task, io_priority);
  g_task_set_check_cancellable (task, FALSE);
  return task;
}

static gboolean
keep_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

void
mp_async_add_child (GSource *source,
                    GSource *child)
{
  /* Sources without a closure callback are those of this library, whose callbacks are plain
   * GSourceFuncs. */
  if (child->source_funcs->closure_callback != NULL)
    g_source_set_dummy_callback (child);
  else
    g_source_set_callback (child, keep_cb, NULL, NULL);

  /* GLib removes a source that may not recurse from the poll set while it is dispatched, which
   * costs two system calls.  It is enough if that is done for its parent. */
  g_source_set_can_recurse (child, TRUE);
  g_source_add_child_source (source, child);
  g_source_unref (child);
}

void
mp_async_add_cancellable (GSource      *source,
                          GCancellable *cancellable)
{
  if (cancellable != NULL)
    mp_async_add_child (source, g_cancellable_source_new (cancellable));
}
