/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-bells.h"

G_BEGIN_DECLS

/* Creates a source that is dispatched when a condition of a queue may hold.  It references @owner,
 * the queue object to which the bells belong.  With a @context it shares its bell with the other
 * sources of that context. */
GSource *mp_queue_source_new (GObject         *owner,
                              MpQueueBells    *bells,
                              GMainContext    *context,
                              MpQueueCondition condition,
                              GCancellable    *cancellable);
/* The same for a task, attached to the task's context. */
void mp_queue_source_attach_task (MpQueueBells    *bells,
                                  MpQueueCondition condition,
                                  GTask           *task,
                                  GSourceFunc      callback);

/* Drops the reference to the owner, which destroys the source itself. */
void mp_queue_source_make_weak (GSource *source);
/* Does not dispatch the source for a while; a wake-up that comes meanwhile is handled afterwards.
 */
void mp_queue_source_pause (GSource *source,
                            gint64   interval_us);

G_END_DECLS
