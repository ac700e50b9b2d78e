/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "attaching.h"
#include "memory.h"
#include "queue-backend.h"
#include "ring.h"

#include "base/mp-spin.h"

G_BEGIN_DECLS

/* How often a handle was served at one end of the queue: see shared-turn.h. */
typedef struct
{
  gint64  begun_ns;     /* begin of the turn; 0: not measured yet */
  gint64  looked_ns;    /* time of the last look at the waiters */
  gint64  pace;         /* messages of all handles in a second */
  gint64  paced_ns;     /* since when it is measured */
  guint32 paced_count;  /* how many messages had passed then */
  guint32 n_served;     /* operations while others waited */
  guint32 begun_served; /* at the begin of the turn */
  guint32 n_others;     /* how many waited at once lately */
  guint32 n_futile;     /* pauses after which another waiter was still behind */
} MpTurn;

/* What could not be done with a lease for want of a lock: see shared-leave.c. */
typedef struct _MpDue MpDue;

typedef struct
{
  MpMemory memory;
  MpSpin   spin[MP_N_CONDITIONS];
  MpTurn   turns[MP_N_CONDITIONS];
  guint32  spin_ns; /* the longest time to spin; 0: never */

  /* The message that was refused last, until one is put again: to wait for room means to wait for
   * room for it. */
  guint64 refused_size;
  guint64 refused_free; /* if the arena had no units for it: how many were free, plus one */

  gint64  checked_at; /* when head and tail were last compared, in coarse monotonic nanoseconds */
  guint32 n_held;     /* messages that this handle has got and not finished or returned */
  guint32 is_closed;  /* this handle was closed */

  MpDue *due; /* a stack, which any thread may add to or take as a whole */
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
  if (status == MP_RING_NO_MEMORY)
    return MP_QUEUE_NO_SPACE;
  if (status == MP_RING_BUSY)
    return MP_QUEUE_BUSY;
  if (status != MP_RING_DAMAGED)
    return busy;
  mp_memory_set_damaged (&self->memory);
  return MP_QUEUE_DAMAGED;
}

/* Called at the start of every operation: checks that this process can use the queue. */
static inline MpQueueStatus
mp_shared_queue_enter (MpSharedQueue *self)
{
  if (G_UNLIKELY (!mp_attach (&self->memory, NULL)))
    return MP_QUEUE_DETACHED;
  if (G_UNLIKELY (mp_load (&self->memory.state->damaged)))
    return MP_QUEUE_DAMAGED;
  return MP_QUEUE_OK;
}

/* Returns the number of unfinished messages and, in @n_total, of those ever put. */
guint32 mp_shared_queue_count_tasks (MpSharedQueue *self,
                                     guint64       *n_total);

/* Notes that a message of that size found no room, since the queue was full or the arena had no
 * units for it, or that something was put. */
void mp_shared_queue_note_refused (MpSharedQueue *self,
                                   gsize          size,
                                   gboolean       lacks_units);
void mp_shared_queue_forget_refused (MpSharedQueue *self);

/* Whether a get can never return a message again. */
gboolean mp_shared_queue_is_drained (MpSharedQueue *self);

/* Under the head lock. */
void          mp_shared_queue_adopt (MpSharedQueue   *self,
                                     guint32          lease,
                                     MpQueueDelivery *delivery);
MpQueueStatus mp_shared_queue_claim (MpSharedQueue   *self,
                                     const MpRecord  *record,
                                     MpQueueDelivery *delivery);

/* The number of messages that this handle holds is increased after the lease has its owner, and
 * decreased before it loses it: so a handle that holds none according to the table of leases, and
 * whose number has not changed meanwhile, has lost the rest to others. */
static inline void
mp_shared_queue_count_held (MpSharedQueue *self,
                            gint           change)
{
  __atomic_fetch_add (&self->n_held, (guint32) change, __ATOMIC_RELEASE);
}

/* Returns the message to the queue, ahead of all queued ones, or makes it a dead letter if it was
 * delivered too often.  Without @token, the delivery does not count, and nobody else can have ended
 * it.  Having done nothing, returns BUSY if a lock could not be taken, and STALE if the delivery is
 * no longer that of @token. */
MpQueueStatus mp_shared_queue_return_lease (MpSharedQueue      *self,
                                            guint32             lease,
                                            const MpQueueToken *token);

/* Slots of the backend table. */
MpQueueStatus mp_shared_queue_put (gpointer           self,
                                   const MpQueueItem *items,
                                   guint              n_items,
                                   MpQueueCall       *call,
                                   guint             *n_put);
MpQueueStatus mp_shared_queue_get (gpointer               self,
                                   MpQueueDelivery       *deliveries,
                                   guint                  n,
                                   const MpQueueAccepted *accepted,
                                   MpQueueCall           *call,
                                   guint                 *n_got);
MpQueueStatus mp_shared_queue_settle (gpointer         self,
                                      MpQueueDelivery *delivery,
                                      gboolean         take,
                                      MpQueueCall     *call);
MpQueueStatus mp_shared_queue_wait (gpointer         self,
                                    MpQueueCondition condition,
                                    MpQueueCall     *call);
MpQueueStatus mp_shared_queue_finish (gpointer            self,
                                      const MpQueueToken *tokens,
                                      guint               n,
                                      MpQueueFinish       how,
                                      MpQueueStatus      *answers,
                                      MpQueueCall        *call);
MpQueueStatus mp_shared_queue_set_progress (gpointer            self,
                                            const MpQueueToken *token,
                                            double              fraction,
                                            const char         *text,
                                            MpQueueCall        *call);
MpQueueStatus mp_shared_queue_list (gpointer        self,
                                    MpQueueListFunc func,
                                    gpointer        user_data,
                                    MpQueueCall    *call);
MpQueueStatus mp_shared_queue_get_dead (gpointer         self,
                                        const guint64   *serial,
                                        MpQueueDelivery *delivery,
                                        MpQueueCall     *call);
MpQueueStatus mp_shared_queue_requeue (gpointer       self,
                                       const guint64 *serial,
                                       MpQueueCall   *call);
MpQueueStatus mp_shared_queue_clear (gpointer     self,
                                     guint64     *n_dropped,
                                     MpQueueCall *call);
MpQueueStatus mp_shared_queue_shutdown (gpointer     self,
                                        gboolean     immediate,
                                        MpQueueCall *call);
MpQueueStatus mp_shared_queue_count (gpointer       self,
                                     MpQueueCounts *counts,
                                     MpQueueCall   *call);
gboolean      mp_shared_queue_check (gpointer         self,
                                     MpQueueCondition condition);

G_END_DECLS
