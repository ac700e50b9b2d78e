/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* A lease is a message in somebody's hands: claimed, and not yet done with.  Leases lie
 * outside the ring, so that one held for minutes blocks neither order nor memory.
 *
 * The owner word commits each change of a lease by one store: its state, who holds it, and
 * the generation of the holder.  A map says which leases are taken; the lowest free one is taken
 * next, so that the table gets shorter when few are left.  Those that wait for a new consumer
 * are in one list, those that were delivered too often in another, each in the order in which
 * they got there. */

static inline guint64
mp_lease_owner (MpLeaseState state,
                guint        participant,
                guint32      generation)
{
  return state | (guint64) participant << 3 | (guint64) generation << 32;
}

static inline MpLeaseState
mp_lease_state (guint64 owner)
{
  return (MpLeaseState) (owner & 7);
}

static inline guint
mp_lease_participant (guint64 owner)
{
  return (guint) (owner >> 3) & 0xffff;
}

/* --- With the arena lock.  A lease is an index plus one everywhere. --- */

/* A free lease, or 0 when there are too many or there is no memory. */
guint32 mp_lease_take (MpMemory *self);
/* Ends the lease and frees its block. */
void mp_lease_end (MpMemory *self,
                   guint32   lease);
/* Sets a message aside that was delivered too often; @is_new unless it was before. */
void mp_lease_bury (MpMemory *self,
                    guint32   lease,
                    gboolean  is_new);
/* The first of those, which the caller then holds, or 0. */
guint32 mp_lease_take_dead (MpMemory *self);
/* Finds those that a dead participant held among the next MP_LEASE_PORTION used ones behind
 * *@after, which is then where to go on, or 0.  Returns how many they are. */
#define MP_LEASE_PORTION 4096
guint32 mp_lease_find_held (MpMemory *self,
                            guint     participant,
                            guint32  *after,
                            guint32  *found);

/* --- With the head lock --- */

/* Makes a lease wait for a new consumer. */
void mp_lease_wait (MpMemory *self,
                    guint32   lease);
/* The one that has waited longest, or 0. */
guint32 mp_lease_find_waiting (MpMemory *self);
/* Gives it to the owner. */
void mp_lease_adopt (MpMemory *self,
                     guint32   lease,
                     guint64   owner);

/* Where every look through the leases ends.  Works without a lock. */
guint32  mp_lease_count_used (MpMemory *self);
gboolean mp_lease_is_used (MpMemory *self,
                           guint32   lease);
/* Gives the memory of what is not used any more to the system.  Takes and releases the arena
 * lock itself. */
void mp_lease_trim (MpMemory *self);

/* --- After a death --- */

/* With the head lock, and the arena lock, respectively, if it was held by the dead. */
void mp_lease_repair_waiting (MpMemory *self);
void mp_lease_repair_dead (MpMemory *self);
void mp_lease_repair_map (MpMemory *self);
/* With all locks: the map again from the leases. */
void    mp_lease_rebuild_map (MpMemory *self);
guint32 mp_lease_count (MpMemory    *self,
                        MpLeaseState state);
void    mp_lease_foreach (MpMemory *self,
                          void (*func) (MpMemory *self, MpLease *lease, gpointer user_data),
                          gpointer user_data);

static inline gboolean
mp_lease_is_own (MpMemory *self,
                 guint64   owner)
{
  return owner == mp_lease_owner (MP_LEASE_HELD, self->participant,
                                  mp_memory_participant (self, self->participant)->generation);
}

/* Whether a message that comes back is to be set aside. */
static inline gboolean
mp_lease_is_exhausted (MpMemory *self,
                       guint32   lease)
{
  return self->config.mode == MP_QUEUE_MODE_ACKNOWLEDGED && self->config.max_deliveries != 0 &&
         mp_load (&mp_memory_lease (self, lease - 1)->n_deliveries) >=
           self->config.max_deliveries;
}

G_END_DECLS
