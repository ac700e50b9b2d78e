/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* The slots of the participants.  Only one participant can hold the record lock of a slot, and only
 * recovery frees the slot of a dead one, so taking one needs no other lock. */

/* Slots from here on were never used. */
static inline guint
mp_slots_count (MpMemory *self)
{
  guint n_slots = mp_load_acquire (&self->state->n_participants);

  return MIN (n_slots, MP_N_PARTICIPANTS);
}

gboolean mp_slots_take (MpMemory *self);
/* To be called with all locks, or by the participant itself. */
void mp_slots_free (MpMemory *self,
                    guint     participant);

/* Records the death for observers.  To be called before the slot of a dead participant is freed. */
void mp_slots_note_death (MpMemory *self,
                          guint     participant);

gboolean mp_slots_is_dead (MpMemory *self,
                           guint     participant);
/* Whether it is dead and did not leave, so that it has to be recovered. */
gboolean mp_slots_is_missed (MpMemory *self,
                             guint     participant);

/* For a process that is about to end: its death needs no recovery. */
void mp_slots_leave (MpMemory *self);
/* Undoes mp_slots_leave () if the process does not end. */
void mp_slots_rejoin (MpMemory *self);

G_END_DECLS
