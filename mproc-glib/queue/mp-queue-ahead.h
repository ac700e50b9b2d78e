/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-queue-private.h"

G_BEGIN_DECLS

/* Messages that are got ahead for the signal "message", if the backend's operations are
 * asynchronous: whenever none is left, an operation that gets several is started. */

/* Starts in the main context of @stream, and sets the `ahead` of @queue.  Returns a source for that
 * context that is ready while there are messages; freeing the source stops the getting. */
GSource *mp_queue_ahead_start (MpQueue *queue,
                               GSource *stream);
/* Gives the messages that were not popped back to the queue: now or, if it is too late to cancel
 * the get, when it ends.  To be called in the thread of the context. */
void mp_queue_ahead_stop (MpQueueAhead *self);
/* Returns the next message, or NULL if there is none now; sets @error if there will be none. */
MpMessage *mp_queue_ahead_pop (MpQueueAhead *self,
                               GError      **error);

G_END_DECLS
