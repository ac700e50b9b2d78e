/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"
#include "recovery.h"
#include "ring.h"
#include "shared-queue.h"

#include "base/mp-spin.h"

G_BEGIN_DECLS

typedef struct
{
  MpMemory memory;
  MpSpin   spin[MP_N_CONDITIONS];
  guint32  spin_ns;

  /* Deliveries that this handle has in hand: how many, and in the order in which they came
   * those that are finished by their age. */
  guint32 n_held;
  GMutex  held_mutex;
  GQueue  held;
} MpSharedQueue;

static inline gboolean
mp_shared_queue_is_acknowledged (MpSharedQueue *self)
{
  return self->memory.config.mode == MP_QUEUE_MODE_ACKNOWLEDGED;
}

static inline MpQueueStatus
mp_shared_queue_ring_status (MpSharedQueue *self,
                             MpRingStatus   status,
                             MpQueueStatus  busy)
{
  if (G_LIKELY (status == MP_RING_OK))
    return MP_QUEUE_OK;
  if (status != MP_RING_DAMAGED)
    return busy;
  mp_memory_set_damaged (&self->memory);
  return MP_QUEUE_DAMAGED;
}

/* What every operation asks first. */
static inline MpQueueStatus
mp_shared_queue_enter (MpSharedQueue *self)
{
  if (G_UNLIKELY (!mp_recovery_attach (&self->memory, NULL)))
    return MP_QUEUE_DETACHED;
  if (G_UNLIKELY (mp_load (&self->memory.state->damaged)))
    return MP_QUEUE_DAMAGED;
  return MP_QUEUE_OK;
}

/* What every operation does last: cleans up after the dead that it met. */
static inline void
mp_shared_queue_leave (MpSharedQueue *self)
{
  if (G_UNLIKELY (mp_load (&self->memory.found_dead)) &&
      mp_recovery_take_found_dead (&self->memory))
    mp_recovery_run (&self->memory);
}

/* Whether nothing more can come out. */
gboolean mp_shared_queue_is_drained (MpSharedQueue *self);
gboolean mp_shared_queue_check (gpointer         self,
                                MpQueueCondition condition);

/* An operation as the waiting loop sees it: FULL, EMPTY or TIMED_OUT mean "not now". */
typedef MpQueueStatus (*MpAttempt) (MpSharedQueue *self, gpointer data);

/* After a first attempt that ended with @status. */
MpQueueStatus mp_shared_queue_wait_and_try (MpSharedQueue     *self,
                                            MpWaitsKind        condition,
                                            const MpQueueWait *wait,
                                            MpQueueStatus      status,
                                            MpAttempt          attempt,
                                            gpointer           data);

static inline MpQueueStatus
mp_shared_queue_try_and_wait (MpSharedQueue     *self,
                              MpWaitsKind        condition,
                              const MpQueueWait *wait,
                              MpAttempt          attempt,
                              gpointer           data)
{
  MpQueueStatus status = attempt (self, data);

  return G_LIKELY (status == MP_QUEUE_OK)
           ? status
           : mp_shared_queue_wait_and_try (self, condition, wait, status, attempt, data);
}

/* Rows of the backend's table. */
MpQueueStatus mp_shared_queue_put (gpointer           self,
                                   const MpQueueItem *items,
                                   guint              n_items,
                                   const MpQueueWait *wait,
                                   guint             *n_put);
MpQueueStatus mp_shared_queue_get (gpointer           self,
                                   MpQueueDelivery   *delivery,
                                   const MpQueueWait *wait);
MpQueueStatus mp_shared_queue_get_many (gpointer         self,
                                        MpQueueDelivery *deliveries,
                                        guint            n,
                                        guint           *n_got);
MpQueueStatus mp_shared_queue_wait (gpointer           self,
                                    MpQueueCondition   condition,
                                    const MpQueueWait *wait);
void          mp_shared_queue_keep (gpointer            self,
                                    const MpQueueToken *token);
MpQueueStatus mp_shared_queue_finish (gpointer            self,
                                      const MpQueueToken *token,
                                      MpQueueFinish       how);
MpQueueStatus mp_shared_queue_give_back (gpointer           self,
                                         const MpQueueItem *item);
MpQueueStatus mp_shared_queue_set_progress (gpointer            self,
                                            const MpQueueToken *token,
                                            double              fraction,
                                            const char         *text);
void          mp_shared_queue_list (gpointer self,
                                    void (*func) (const MpQueueProgress *progress,
                                         gpointer               user_data),
                                    gpointer user_data);
MpQueueStatus mp_shared_queue_get_dead (gpointer         self,
                                        MpQueueDelivery *delivery);

G_END_DECLS
