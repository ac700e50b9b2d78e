/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* Repairs the state left by a participant that died while it held a lock. */

/* These repair what each lock guards.  Run by the participant that takes the lock from a dead
 * holder, under that lock and perhaps those before it in the order.  They take no other locks.  If
 * the participant is killed meanwhile, the next one runs the repair again. */
void mp_repair_head (MpMemory *self);
void mp_repair_tail (MpMemory *self);
void mp_repair_arena (MpMemory *self);

/* Whether blocks and leases may be lost, or counts wrong, since a holder died. */
static inline gboolean
mp_repair_is_leaky (MpMemory *self)
{
  return mp_load (&self->state->is_leaky) != 0;
}

/* Frees lost blocks and leases, and corrects the counts, by scanning the whole queue.  The caller
 * holds all locks. */
void mp_repair_leaks (MpMemory *self);

G_END_DECLS
