/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "shared-queue-private.h"

G_BEGIN_DECLS

/* The caller holds the arena lock. */
static inline void
mp_shared_queue_count_done (MpSharedQueue *self)
{
  MpArenaLine *arena = self->memory.arena;

  mp_store_release (&arena->n_done, (arena->n_done + 1) & MP_COUNT_MASK);
}

/* Whether the delivery still belongs to this handle. */
gboolean mp_shared_queue_is_current (MpSharedQueue      *self,
                                     const MpQueueToken *token);

/* Ends a lease.  The caller holds the arena lock, which is released. */
void mp_shared_queue_end_lease (MpSharedQueue *self,
                                guint32        lease);

/* Finishes a delivery.  Returns STALE if it is no longer this handle's, and BUSY if a lock cannot
 * be taken. */
MpQueueStatus mp_shared_queue_try_finish (MpSharedQueue      *self,
                                          const MpQueueToken *token,
                                          MpQueueFinish       how);
/* Wakes the waiters whose condition the end of @n deliveries may have changed. */
void mp_shared_queue_wake_after_finish (MpSharedQueue *self,
                                        MpQueueFinish  how,
                                        guint          n);

/* What this handle does with a lease that it holds.  Nobody else can have ended it, except with the
 * last one. */
typedef enum
{
  MP_DUE_END,
  MP_DUE_RETURN, /* without counting the delivery */
  MP_DUE_END_LETTER,
  MP_DUE_BURY_LETTER, /* makes it a dead letter again */
  MP_DUE_FINISH,
} MpDueWork;

/* Does it now, or in a later call or before this handle waits if a lock cannot be taken now. */
void mp_shared_queue_do_sometime (MpSharedQueue *self,
                                  guint32        lease,
                                  MpDueWork      work);
/* Finishes these deliveries likewise. */
void mp_shared_queue_finish_later (MpSharedQueue      *self,
                                   const MpQueueToken *tokens,
                                   guint               n,
                                   MpQueueFinish       how);
/* Forgets what is due. */
void mp_shared_queue_drop_due (MpSharedQueue *self);
void mp_shared_queue_do_all_due (MpSharedQueue *self);
void mp_shared_queue_clean_up (MpSharedQueue *self);

static inline void
mp_shared_queue_do_due (MpSharedQueue *self)
{
  if (G_UNLIKELY (mp_load (&self->due) != NULL))
    mp_shared_queue_do_all_due (self);
}

/* Called at the end of every operation, without holding a lock: does what could not be done under
 * a lock, or for want of one. */
static inline void
mp_shared_queue_leave (MpSharedQueue *self)
{
  if (G_UNLIKELY (mp_load (&self->memory.found_dead) || mp_load (&self->memory.found_damage) ||
                  mp_load (&self->memory.must_trim) || mp_load (&self->memory.must_prepare) ||
                  mp_load (&self->due) != NULL))
    mp_shared_queue_clean_up (self);
}

G_END_DECLS
