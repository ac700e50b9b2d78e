/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* How the state that dead participants leave behind is recovered. */

/* Checks for dead participants and recovers them.  Returns whether there were any. */
gboolean mp_recovery_run (MpMemory *self);

/* Like mp_recovery_run (), unless that was done a moment ago: for frequent calls. */
void mp_recovery_run_at_times (MpMemory *self);
/* Like mp_recovery_run (), but if no participant is dead, wakes waiters whose condition holds: the
 * process that was about to wake them may be stopped. */
gboolean mp_recovery_look_after (MpMemory *self);
/* Whether a participant has just checked for dead ones on behalf of all, as is done if there are
 * many participants. */
gboolean mp_recovery_was_run (MpMemory *self);

/* Becomes the recoverer, and recovers all dead participants.  The caller holds the attach mutex.
 * Returns FALSE if another process remains the recoverer for @patience_us. */
gboolean mp_recovery_run_as_recoverer (MpMemory *self,
                                       gint64    patience_us,
                                       gboolean *found);

/* Wakes waiters whose condition holds, main loops among them if @loops. */
void mp_recovery_wake_concerned (MpMemory *self,
                                 gboolean  loops);

static inline guint32
mp_recovery_take_found_dead (MpMemory *self)
{
  return __atomic_exchange_n (&self->found_dead, 0, __ATOMIC_RELAXED);
}

G_END_DECLS
