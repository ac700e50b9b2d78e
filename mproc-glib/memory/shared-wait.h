/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "shared-queue-private.h"
#include "shared-turn.h"

G_BEGIN_DECLS

/* Additional results of an attempt. */
typedef struct
{
  gboolean keeps_wakeup; /* do not pass the wake-up on, even if the condition still holds */
  guint64  n_wanted;     /* bytes of the message for which there was no room */
} MpAttemptNote;

/* An operation that can be tried repeatedly: FULL, EMPTY or TIMED_OUT mean "not now". */
typedef MpQueueStatus (*MpAttempt) (MpSharedQueue *self,
                                    gpointer       data,
                                    MpAttemptNote *note);

/* For operations that wait only for locks.  BUSY if the holder does not release it in time. */
MpQueueStatus mp_shared_queue_insist (MpSharedQueue *self,
                                      MpQueueCall   *call,
                                      MpAttempt      attempt,
                                      gpointer       data);

/* Continues after a first attempt that ended with @status. */
MpQueueStatus mp_shared_queue_wait_and_try (MpSharedQueue   *self,
                                            MpQueueCondition condition,
                                            MpQueueCall     *call,
                                            MpQueueStatus    status,
                                            MpAttempt        attempt,
                                            gpointer         data,
                                            MpAttemptNote   *note);

/* Inline, so that the compiler can inline the first attempt. */
static inline MpQueueStatus
mp_shared_queue_try_and_wait (MpSharedQueue   *self,
                              MpQueueCondition condition,
                              MpQueueCall     *call,
                              MpAttempt        attempt,
                              gpointer         data)
{
  MpAttemptNote note = { 0 };
  MpQueueStatus status;

  mp_shared_queue_take_turn (self, condition, call);
  status = attempt (self, data, &note);
  return G_LIKELY (status == MP_QUEUE_OK)
           ? status
           : mp_shared_queue_wait_and_try (self, condition, call, status, attempt, data,
                                           &note);
}

G_END_DECLS
