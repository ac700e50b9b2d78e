/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "shared-queue-private.h"
#include "waiters.h"

G_BEGIN_DECLS

/* A thread that never sleeps is always faster than one that has to be woken first, and would get
 * all the messages.  So each handle counts how often it is served while others wait, and a handle
 * that is ahead of a waiter pauses until the waiter has caught up. */

/* The number of calls between two readings of the clock. */
#define MP_TURN_CALLS 16

void mp_shared_queue_give_way (MpSharedQueue     *self,
                               MpQueueCondition   condition,
                               const MpQueueCall *call);

/* To be called before each operation.  If there are no waiters, it only reads the bits. */
static inline void
mp_shared_queue_take_turn (MpSharedQueue     *self,
                           MpQueueCondition   condition,
                           const MpQueueCall *call)
{
  if (G_UNLIKELY (mp_waits_has_waiting (self->memory.waits[condition])))
    {
      /* Threads that share a handle may lose a count: an atomic addition costs more than the count
       * is worth. */
      guint32 n_served = mp_load (&self->turns[condition].n_served) + 1;

      mp_store (&self->turns[condition].n_served, n_served);
      if (n_served % MP_TURN_CALLS == 0 && call->timeout_us != 0)
        mp_shared_queue_give_way (self, condition, call);
    }
}

/* Returns the count of a handle, which a thread that is about to sleep stores in its slot. */
guint32 mp_shared_queue_count_served (MpSharedQueue   *self,
                                      MpQueueCondition condition);

G_END_DECLS
