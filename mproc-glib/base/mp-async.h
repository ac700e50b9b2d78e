/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What every asynchronous call begins with: a task that knows which call it is of and at which
 * priority it runs.  A result that is there is given, also when its cancellation came right
 * after it: what was taken from a queue or a connection must not be lost. */
GTask *mp_async_new_task (gpointer            object,
                          gpointer            source_tag,
                          int                 io_priority,
                          GCancellable       *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer            user_data);

/* Has @source dispatched when @child is ready, and takes @child.
 *
 * A finished task must not keep a reference to its source: GLib leaves a destroyed source in
 * the list of its context, which is walked in each turn, until its last reference is gone, and
 * a result may be kept for long (by a garbage collector).  So attach a source, and give the
 * reference away. */
void mp_async_add_child (GSource *source,
                         GSource *child);

/* Has @source dispatched when @cancellable, which may be NULL, is cancelled. */
void mp_async_add_cancellable (GSource      *source,
                               GCancellable *cancellable);

G_END_DECLS
