/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "liveness.h"
#include "memory.h"

G_BEGIN_DECLS

/* What a death leaves behind, and how a participant comes and goes. */

gboolean mp_recovery_attach_anew (MpMemory *self,
                                  GError  **error);
void     mp_recovery_detach (MpMemory *self);

/* Every operation begins with it: in a forked child the handle is nobody's yet. */
static inline gboolean
mp_recovery_attach (MpMemory *self,
                    GError  **error)
{
  return G_LIKELY (mp_load_acquire (&self->fork_count) == mp_fork_count) ||
         mp_recovery_attach_anew (self, error);
}

/* Looks who died, and cleans up after them.  Returns whether anybody had. */
gboolean mp_recovery_run (MpMemory *self);

/* The same, unless somebody did so a moment ago: for calls that come often. */
void mp_recovery_run_at_times (MpMemory *self);
/* The same, and wakes who should not be asleep: whoever was about to wake them may be stopped. */
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
