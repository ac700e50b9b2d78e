/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-bells.h"

G_BEGIN_DECLS

/* A source that is dispatched when a condition of a queue may hold.  It holds @owner, the queue
 * object that the bells are of.  With a @context it shares its bell with the other sources of
 * that context. */
GSource *mp_queue_source_new (GObject         *owner,
                              MpQueueBells    *bells,
                              GMainContext    *context,
                              MpQueueCondition condition,
                              GCancellable    *cancellable);
/* The same for what a task waits for, attached to the task's context. */
void mp_queue_source_attach_task (MpQueueBells    *bells,
                                  MpQueueCondition condition,
                                  GTask           *task,
                                  GSourceFunc      callback);

/* For a source that its owner itself destroys, and that shall not keep it alive. */
void mp_queue_source_make_weak (GSource *source);
/* Leaves the source in peace for a while; a ring that comes meanwhile is heard after it. */
void mp_queue_source_pause (GSource *source,
                            gint64   interval_us);

G_END_DECLS
