/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "shared-queue-private.h"

G_BEGIN_DECLS

/* With the arena lock, which it releases. */
void mp_shared_queue_end_lease (MpSharedQueue *self,
                                guint32        lease);
/* Ends the lease now, or later when the lock is not to be had: nobody waits for that. */
void mp_shared_queue_end_lease_sometime (MpSharedQueue *self,
                                         guint32        lease);

void mp_shared_queue_clean_up (MpSharedQueue *self);

/* What every operation does last, without a lock: cleans up after the dead that it met, and
 * gives memory back. */
static inline void
mp_shared_queue_leave (MpSharedQueue *self)
{
  if (G_UNLIKELY (mp_load (&self->memory.found_dead) || mp_load (&self->memory.must_trim) ||
                  mp_load (&self->n_due)))
    mp_shared_queue_clean_up (self);
}

G_END_DECLS
