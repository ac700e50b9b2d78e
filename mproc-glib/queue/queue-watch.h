/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-bells.h"

#include "mp-waitable.h"

G_BEGIN_DECLS

/* What else one can wait for at a queue, beside something to get, which the queue itself is
 * waited for.  It holds @owner, the queue object that the bells are of. */
MpWaitable *mp_queue_watch_new (GObject         *owner,
                                MpQueueBells    *bells,
                                MpQueueCondition condition,
                                GError         **error);

G_END_DECLS
