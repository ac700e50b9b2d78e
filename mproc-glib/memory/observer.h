/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/queue-observer.h"

G_BEGIN_DECLS

/* Looks at a queue in shared memory without being a participant.  It maps the first pages
 * read-only, reads everything else with pread (), and treats all of it as untrusted. */

extern const MpQueueObserver mp_memory_observer;

/* Takes ownership of @fd, also on failure.  A read-only descriptor is enough, and the better
 * choice: closing a writable one wakes the watchers of the queue: see watcher.h.  With
 * @also_broken, a file that is not the memory of a queue is shown as a damaged queue. */
gpointer mp_memory_observer_new (int      fd,
                                 gboolean also_broken,
                                 GError **error);

/* Returns the slot of the participant whose record lock is at this position of the file, as /proc
 * shows it; -1 if it is not the lock of a participant. */
int mp_memory_observer_slot_of (guint64 lock_position);

G_END_DECLS
