/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "slots.h"

#include "liveness.h"
#include "lock.h"
#include "step.h"

#include <unistd.h>

static gboolean
take (MpMemory *self,
      guint     participant)
{
  MpParticipant *slot = mp_memory_participant (self, participant);

  if (mp_load_acquire (&slot->state) != MP_SLOT_FREE || !mp_liveness_claim (self, participant))
    return FALSE;
  if (mp_load_acquire (&slot->state) != MP_SLOT_FREE)
    {
      mp_liveness_unclaim (self, participant);
      return FALSE;
    }

  mp_cover (&self->state->n_participants, participant + 1);
  mp_store (&slot->pid, getpid ());
  mp_store (&slot->n_waking, 0);
  mp_store (&slot->n_put, 0);
  mp_store (&slot->n_got, 0);
  mp_store (&slot->attached_at, g_get_real_time ());
  self->participant = participant;
  self->lock_word = mp_lock_word (participant, slot->generation);
  mp_store (&self->intents_used, 0);
  mp_store (&self->intents_due, 0);
  mp_store_release (&slot->state, MP_SLOT_USED);
  return TRUE;
}

gboolean
mp_slots_take (MpMemory *self)
{
  for (guint i = 0; i < MP_N_PARTICIPANTS; i++)
    if (take (self, i))
      return TRUE;
  return FALSE;
}

void
mp_slots_free (MpMemory *self,
               guint     participant)
{
  MpParticipant *slot = mp_memory_participant (self, participant);

  for (guint i = 0; i < MP_N_INTENTS; i++)
    mp_store (&slot->intents[i], 0);
  for (guint i = 0; i < MP_N_LOCKS; i++)
    mp_store (&slot->holds[i], 0);
  mp_store (&slot->n_waking, 0);
  mp_store (&slot->generation, slot->generation + 1);
  mp_store_release (&slot->state, MP_SLOT_FREE);
}

void
mp_slots_note_death (MpMemory *self,
                     guint     participant)
{
  MpParticipant *slot = mp_memory_participant (self, participant);

  if (mp_load (&slot->state) == MP_SLOT_USED)
    mp_store (&slot->died, slot->generation + 1);
}

/* The participant may leave, and another one may take its slot, while this looks: then the
 * generation of the slot is a new one. */
gboolean
mp_slots_is_dead (MpMemory *self,
                  guint     participant)
{
  MpParticipant *slot = mp_memory_participant (self, participant);
  guint32        generation = mp_load_acquire (&slot->generation);

  if (mp_load_acquire (&slot->state) == MP_SLOT_FREE)
    return FALSE;
  MP_STEP ("slots/used");
  if (mp_liveness_is_alive (self, participant))
    return FALSE;
  MP_STEP ("slots/missing");
  return mp_load_acquire (&slot->state) != MP_SLOT_FREE &&
         mp_load_acquire (&slot->generation) == generation;
}

gboolean
mp_slots_is_missed (MpMemory *self,
                    guint     participant)
{
  return mp_load (&mp_memory_participant (self, participant)->state) == MP_SLOT_USED &&
         !mp_liveness_is_alive (self, participant);
}

void
mp_slots_leave (MpMemory *self)
{
  mp_store_release (&mp_memory_participant (self, self->participant)->state, MP_SLOT_LEFT);
}

/* The slot is still ours, as long as this process lives. */
void
mp_slots_rejoin (MpMemory *self)
{
  mp_store_release (&mp_memory_participant (self, self->participant)->state, MP_SLOT_USED);
}
