/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* A lease is a message that a consumer has got and not yet finished.  Leases are stored outside the
 * ring, so that a message that is processed for minutes blocks neither the order nor the memory of
 * the ring.
 *
 * Each change of a lease is committed by one store to its owner word: the state, the participant
 * that holds it, and the generation of that participant.  A bitmap records which leases are used;
 * the lowest free one is taken, so that the table shrinks when few are left.  Returned messages
 * that wait for a new consumer form one list, dead letters (delivered too often) another, each in
 * the order of arrival. */

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

/* --- Under the arena lock.  A lease is passed as its index plus one everywhere. --- */

/* Takes a free lease.  Returns 0 if all are used or there is no memory. */
guint32 mp_lease_take (MpMemory *self);
/* Ends the lease and frees its block. */
void mp_lease_end (MpMemory *self,
                   guint32   lease);
/* Makes the message a dead letter, since it was delivered too often.  @is_new is FALSE if it was
 * one before, so that it is not counted again. */
void mp_lease_bury (MpMemory *self,
                    guint32   lease,
                    gboolean  is_new);
/* A dead letter and the one before it in their list. */
typedef struct
{
  guint32 lease;    /* 0: there is none */
  guint32 previous; /* 0: it is the first */
} MpDead;

/* A search through the dead letters, at most MP_LEASE_PORTION in a call. */
typedef struct
{
  gboolean goes_on; /* the next call continues */
  guint32  after;   /* the last one that was looked at; 0 begins with the first */
  guint64  after_serial;
  guint32  n_seen;
} MpLeaseSearch;

/* Finds the oldest dead letter. */
MpDead mp_lease_find_dead (MpMemory *self);
/* Finds the dead letter with this serial. */
MpDead mp_lease_find_dead_of (MpMemory      *self,
                              guint64        serial,
                              MpLeaseSearch *search);
/* Takes that dead letter for this handle, which copies it. */
void mp_lease_unbury (MpMemory *self,
                      MpDead    dead);
/* Moves that dead letter to the returned messages, as if it had never been delivered.  The caller
 * holds the head lock as well. */
void mp_lease_revive (MpMemory *self,
                      MpDead    dead);
/* A message that a participant holds. */
typedef struct
{
  guint64 serial;
  guint32 lease;
  guint32 participant;
} MpHeld;

/* Finds the leases held by the participants that are marked in @whose, among the next
 * MP_LEASE_PORTION used ones behind *@after, which is set to where the next call continues, or to 0
 * at the end.  Returns how many were found. */
#define MP_LEASE_PORTION 4096
guint32 mp_lease_find_held (MpMemory     *self,
                            const guint8 *whose,
                            guint32      *after,
                            MpHeld       *found);
/* The oldest delivered message that any consumer holds, among the first MP_LEASE_PORTION used
 * leases, or 0. */
guint32 mp_lease_find_oldest_delivered (MpMemory *self);

/* --- Under the head lock --- */

/* Appends the lease to the list of returned messages, which wait for a new consumer. */
void mp_lease_wait (MpMemory *self,
                    guint32   lease);
/* The first returned message, or 0. */
guint32 mp_lease_find_waiting (MpMemory *self);
/* Takes that message out of the list and stores its new owner word. */
void mp_lease_adopt (MpMemory *self,
                     guint32   lease,
                     guint64   owner);

/* The end of the used part of the table, where scans end.  Needs no lock. */
static inline guint32
mp_lease_count_used (MpMemory *self)
{
  return mp_load_bounded (&self->arena->n_leases_used, MP_N_LEASES);
}

gboolean mp_lease_is_used (MpMemory *self,
                           guint32   lease);
/* Whether this participant holds any message.  Needs no lock. */
gboolean mp_lease_holds_any (MpMemory *self);

/* Called by the holder when it has copied the message and will not refuse it: from now on, others
 * may end the lease. */
static inline void
mp_lease_deliver (MpMemory *self,
                  guint32   lease)
{
  mp_store_release (&mp_memory_lease (self, lease - 1)->is_delivered, 1);
}

/* Requests memory for the leases that are taken next.  To be called when the handle's must_prepare
 * is set.  Takes and releases the arena lock itself. */
void mp_lease_prepare (MpMemory *self);
/* Returns memory behind the used part of the table to the system.  Takes and releases the arena
 * lock itself. */
void mp_lease_trim (MpMemory *self);

/* --- After a death --- */

/* Called by the new holder of the head lock and of the arena lock, respectively, after the former
 * holder died. */
void mp_lease_repair_waiting (MpMemory *self);
void mp_lease_repair_dead (MpMemory *self);
void mp_lease_repair_map (MpMemory *self);
/* Under all locks: rebuilds the bitmap from the leases, counts those in each state, and calls
 * @visit for the block of each. */
void mp_lease_take_stock (MpMemory *self,
                          guint32   counts[MP_N_LEASE_STATES],
                          void (*visit) (MpMemory *self, guint64 block, gpointer user_data),
                          gpointer user_data);

static inline gboolean
mp_lease_is_own (MpMemory *self,
                 guint64   owner)
{
  return owner == mp_lease_owner (MP_LEASE_HELD, self->participant,
                                  mp_memory_participant (self, self->participant)->generation);
}

/* Whether a returned message has used up its deliveries and becomes a dead letter. */
static inline gboolean
mp_lease_is_exhausted (MpMemory *self,
                       guint32   lease)
{
  return self->config.mode == MP_QUEUE_MODE_ACKNOWLEDGED && self->config.max_deliveries != 0 &&
         mp_load (&mp_memory_lease (self, lease - 1)->n_deliveries) >=
           self->config.max_deliveries;
}

G_END_DECLS
