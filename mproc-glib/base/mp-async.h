/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Creates the task of an asynchronous call, with its source tag and priority.
 * g_task_set_check_cancellable () is off: if a result exists, it is returned even if the
 * cancellation came right after it, since a message that was taken from a queue or connection must
 * not be lost. */
GTask *mp_async_new_task (gpointer            object,
                          gpointer            source_tag,
                          int                 io_priority,
                          GCancellable       *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer            user_data);

/* Makes @source be dispatched when @child is ready.  Takes ownership of @child.
 *
 * A finished task must not keep a reference to its source: GLib keeps a destroyed source in the
 * list of its context, which is traversed in each iteration, until its last reference is dropped,
 * and a garbage collector may keep a task for long.  So attach the source and drop the reference.
 */
void mp_async_add_child (GSource *source,
                         GSource *child);

/* Makes @source be dispatched when @cancellable, which may be NULL, is cancelled. */
void mp_async_add_cancellable (GSource      *source,
                               GCancellable *cancellable);

G_END_DECLS
