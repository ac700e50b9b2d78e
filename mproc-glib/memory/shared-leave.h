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

/* Ends a lease.  The caller holds the arena lock, which is released. */
void mp_shared_queue_end_lease (MpSharedQueue *self,
                                guint32        lease);
/* Ends the lease now, or in a later call if the lock cannot be taken now. */
void mp_shared_queue_end_lease_sometime (MpSharedQueue *self,
                                         guint32        lease);

void mp_shared_queue_clean_up (MpSharedQueue *self);

/* Called at the end of every operation, without holding a lock: recovers dead participants that
 * were noticed and returns memory to the system. */
static inline void
mp_shared_queue_leave (MpSharedQueue *self)
{
  if (G_UNLIKELY (mp_load (&self->memory.found_dead) || mp_load (&self->memory.found_damage) ||
                  mp_load (&self->memory.must_trim) || mp_load (&self->memory.must_prepare) ||
                  mp_load (&self->n_due)))
    mp_shared_queue_clean_up (self);
}

G_END_DECLS
