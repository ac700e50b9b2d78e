/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "pool-state.h"

G_BEGIN_DECLS

/* Called in the thread of the pool, once, when the cancellable of @task is cancelled; the call may
 * be over by then. */
typedef void (*MpPoolCancelFunc) (MpPool *self,
                                  GTask  *task);

/* Returns the id of a handler, to be disconnected when the call is over; 0 for none. */
gulong mp_pool_watch_cancellable (MpPool          *self,
                                  GTask           *task,
                                  MpPoolCancelFunc func);

G_END_DECLS
