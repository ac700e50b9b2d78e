/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/queue-observer.h"

G_BEGIN_DECLS

/* Looks at queues on a server without a session: by scripts that only read, so that a user without
 * the right to write can do so. */

extern const MpQueueObserver mp_redis_observer;

/* Returns an observer of the queue that @uri and @descriptors, which may be NULL, identify; see
 * MpQueueBackend.  Does not connect. */
gpointer mp_redis_observer_new (const char  *uri,
                                GUnixFDList *descriptors,
                                GError     **error);

/* Returns an observer of each queue on the server of @uri, or of the one that it names.  They share
 * a connection, and each has a sample, or an error that its first sample gives. */
GPtrArray *mp_redis_observer_find (const char   *uri,
                                   GCancellable *cancellable,
                                   GError      **error);

G_END_DECLS
