/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* A lease is a message in somebody's hands: claimed, and not yet done with.  Leases lie
 * outside the ring, so that one held for minutes blocks neither order nor memory.
 *
 * The owner word commits each change of a lease by one store: its state, who holds it, and
 * the generation of the holder. */

static inline guint64
mp_lease_owner (MpLeaseState state,
                guint        participant,
                guint32      generation)
{
  return state | (guint64) participant << 2 | (guint64) generation << 32;
}

static inline MpLeaseState
mp_lease_state (guint64 owner)
{
  return (MpLeaseState) (owner & 3);
}

static inline guint
mp_lease_participant (guint64 owner)
{
  return (guint) (owner >> 2) & 0xffff;
}

/* Index plus one of a free lease, or 0 when there are too many.  With the arena lock. */
guint32 mp_lease_take (MpMemory *self);
/* Ends the lease and frees its block.  With the arena lock. */
void    mp_lease_end (MpMemory *self,
                      guint32   lease);
void    mp_lease_rebuild_free (MpMemory *self);
guint32 mp_lease_count_used (MpMemory *self);

/* The oldest orphan, plus one, or 0.  With the head lock. */
guint32 mp_lease_find_orphan (MpMemory *self);
guint32 mp_lease_find_dead (MpMemory *self);
guint32 mp_lease_count (MpMemory    *self,
                        MpLeaseState state);

static inline gboolean
mp_lease_is_own (MpMemory *self,
                 guint64   owner)
{
  return owner == mp_lease_owner (MP_LEASE_HELD, self->participant,
                                  mp_memory_participant (self, self->participant)->generation);
}

G_END_DECLS
