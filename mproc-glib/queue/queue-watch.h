/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-bells.h"

#include "mp-waitable.h"

G_BEGIN_DECLS

/* Creates an object to wait for another condition of a queue than messages, for which the queue
 * itself is waited for.  It references @owner, the queue object to which the bells belong. */
MpWaitable *mp_queue_watch_new (GObject         *owner,
                                MpQueueBells    *bells,
                                MpQueueCondition condition,
                                GError         **error);

G_END_DECLS
