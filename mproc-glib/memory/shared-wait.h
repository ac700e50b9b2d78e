/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "shared-queue-private.h"
#include "waiters.h"

G_BEGIN_DECLS

/* An operation that can be tried repeatedly.  FULL, EMPTY and TIMED_OUT mean "not now".  @passes_on
 * is TRUE unless the operation sets it to FALSE, to delay waking the next waiter. */
typedef MpQueueStatus (*MpAttempt) (MpSharedQueue *self,
                                    gpointer       data,
                                    gboolean      *passes_on);

/* For operations that wait only for locks.  BUSY if the holder does not release it in time. */
MpQueueStatus mp_shared_queue_insist (MpSharedQueue *self,
                                      MpQueueCall   *call,
                                      MpAttempt      attempt,
                                      gpointer       data);

/* Lets sleeping threads go first, after this one has had its turn. */
void mp_shared_queue_give_way (MpSharedQueue     *self,
                               MpQueueCondition   condition,
                               const MpQueueCall *call);
/* Continues after a first attempt that ended with @status. */
MpQueueStatus mp_shared_queue_wait_and_try (MpSharedQueue   *self,
                                            MpQueueCondition condition,
                                            MpQueueCall     *call,
                                            MpQueueStatus    status,
                                            MpAttempt        attempt,
                                            gpointer         data);

/* The number of calls between two readings of the clock. */
#define MP_TURN_CALLS 16

/* Inline, so that the compiler can inline the first attempt. */
static inline MpQueueStatus
mp_shared_queue_try_and_wait (MpSharedQueue   *self,
                              MpQueueCondition condition,
                              MpQueueCall     *call,
                              MpAttempt        attempt,
                              gpointer         data)
{
  guint32      *n_calls = &self->turns[condition].n_calls;
  gboolean      ignored = TRUE;
  MpQueueStatus status;

  if (G_UNLIKELY (mp_waits_has_sleeping (self->memory.waits[condition])) && call->timeout_us != 0 &&
      __atomic_fetch_add (n_calls, 1, __ATOMIC_RELAXED) % MP_TURN_CALLS == 0)
    mp_shared_queue_give_way (self, condition, call);

  status = attempt (self, data, &ignored);
  return G_LIKELY (status == MP_QUEUE_OK)
           ? status
           : mp_shared_queue_wait_and_try (self, condition, call, status, attempt, data);
}

G_END_DECLS
