/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "shared-queue-private.h"
#include "waiters.h"

G_BEGIN_DECLS

/* Who never sleeps is always faster than who has to be woken first, and would be served alone.  So
 * each handle counts how often it is served while others wait, and who is ahead of one that
 * waits pauses until that has caught up. */

/* How many calls between two looks at the clock. */
#define MP_TURN_CALLS 16

void mp_shared_queue_give_way (MpSharedQueue     *self,
                               MpQueueCondition   condition,
                               const MpQueueCall *call);

/* Before each call.  Where nobody waits it costs a look at the bits. */
static inline void
mp_shared_queue_take_turn (MpSharedQueue     *self,
                           MpQueueCondition   condition,
                           const MpQueueCall *call)
{
  if (G_UNLIKELY (mp_waits_has_waiting (self->memory.waits[condition])) &&
      (__atomic_add_fetch (&self->turns[condition].n_served, 1, __ATOMIC_RELAXED) &
       (MP_TURN_CALLS - 1)) == 0 &&
      call->timeout_us != 0)
    mp_shared_queue_give_way (self, condition, call);
}

/* What a thread that is about to sleep says of how often its handle was served. */
guint32 mp_shared_queue_count_served (MpSharedQueue   *self,
                                      MpQueueCondition condition);

G_END_DECLS
