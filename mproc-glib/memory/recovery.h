/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "liveness.h"
#include "memory.h"

G_BEGIN_DECLS

/* How participants attach and detach, and how the state that dead ones leave behind is repaired. */

gboolean mp_recovery_attach_anew (MpMemory *self,
                                  GError  **error);
void     mp_recovery_detach (MpMemory *self);

/* For a process that is about to end while other threads may still be at work: returns the leases
 * of this handle and promises the others that its death needs no recovery, unless it is in the
 * middle of something.  The next recovery frees the slot. */
void mp_recovery_leave (MpMemory *self);

/* Called at the start of every operation: a forked child first has to attach as a participant. */
static inline gboolean
mp_recovery_attach (MpMemory *self,
                    GError  **error)
{
  return G_LIKELY (mp_load_acquire (&self->fork_count) == mp_fork_count) ||
         mp_recovery_attach_anew (self, error);
}

/* Checks for dead participants and recovers them.  Returns whether there were any. */
gboolean mp_recovery_run (MpMemory *self);

/* The same, unless it was done a moment ago: for frequent calls. */
void mp_recovery_run_at_times (MpMemory *self);
/* The same, and also wakes waiters whose condition holds: the process that was about to wake them
 * may be stopped. */
gboolean mp_recovery_look_after (MpMemory *self);

void mp_recovery_repair_head (MpMemory *self);
void mp_recovery_repair_tail (MpMemory *self);
void mp_recovery_repair_arena (MpMemory *self);

static inline guint32
mp_recovery_take_found_dead (MpMemory *self)
{
  return __atomic_exchange_n (&self->found_dead, 0, __ATOMIC_RELAXED);
}

G_END_DECLS
