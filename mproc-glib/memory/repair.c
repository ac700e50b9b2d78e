/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "repair.h"

#include "arena.h"
#include "lease.h"
#include "ring.h"
#include "slots.h"
#include "step.h"
#include "units.h"

/* --- What each lock guards --------------------------------------------------------------- */

/* Undoes a claim whose head word was not stored: see mp_shared_queue_claim (). */
void
mp_repair_head (MpMemory *self)
{
  MpHeadLine *head = self->head;
  guint32     claim = mp_load (&head->claim);

  if (claim != 0 && claim <= MP_N_LEASES)
    {
      MpLease *lease = mp_memory_lease (self, claim - 1);

      if (lease->position == mp_word_count (mp_load (&head->word)))
        mp_store_release (&lease->owner, 0);
    }
  mp_store (&head->claim, 0);
  mp_lease_repair_waiting (self);
  mp_store (&self->state->is_leaky, 1);
}

void
mp_repair_tail (MpMemory *self)
{
  mp_ring_repair_tail (self);
  mp_store (&self->state->is_leaky, 1);
}

void
mp_repair_arena (MpMemory *self)
{
  mp_arena_rebuild (self);
  mp_lease_repair_map (self);
  mp_lease_repair_dead (self);
  mp_store (&self->state->is_leaky, 1);
}

/* --- Leaks -------------------------------------------------------------------------------- */

typedef struct
{
  guint32 *marks; /* one word for each unit, or NULL: nothing is marked */
  guint32  n_marks;
} Marks;

/* Returns FALSE if there is no block, or it is marked already. */
static gboolean
mark (MpMemory *self,
      guint64   offset,
      gpointer  user_data)
{
  Marks *marks = user_data;

  return mp_arena_mark (self, offset, marks->marks, marks->n_marks);
}

static void
mark_lease (MpMemory *self,
            guint64   block,
            gpointer  user_data)
{
  Marks *marks = user_data;

  if (marks->marks != NULL)
    mark (self, block, marks);
}

/* Clears the intents of a dead participant.  Its blocks that were published are reachable, those
 * that were not are swept.  They must not be marked: if it died before it cleared the intent of a
 * published block, a living participant may have that block by now, and would lose it when the dead
 * one is retired. */
static void
drop_intents (MpParticipant *slot)
{
  for (guint i = 0; i < MP_N_INTENTS; i++)
    mp_store (&slot->intents[i], 0);
}

static gboolean
has_intents (MpParticipant *slot)
{
  guint64 any = 0;

  for (guint i = 0; i < MP_N_INTENTS; i++)
    any |= mp_load (&slot->intents[i]);
  return any != 0;
}

static void
mark_intents (MpMemory *self,
              Marks    *marks)
{
  guint n_participants = mp_slots_count (self);

  for (guint i = 0; i < n_participants; i++)
    {
      MpParticipant *slot = mp_memory_participant (self, i);

      if (has_intents (slot) && mp_slots_is_dead (self, i))
        drop_intents (slot);
      for (guint j = 0; j < MP_N_INTENTS; j++)
        {
          guint64 offset = mp_load (&slot->intents[j]);

          if (offset != 0 && !mark (self, offset, marks))
            mp_store (&slot->intents[j], 0);
        }
    }
}

/* Corrects the counts, which a participant that was killed may have left off by one. */
static void
recount (MpMemory      *self,
         const guint32 *n_leases)
{
  guint32 n_open = n_leases[MP_LEASE_ORPHAN] + n_leases[MP_LEASE_HELD] +
                   mp_load (&self->arena->n_consumed);

  mp_store (&self->head->n_orphans, n_leases[MP_LEASE_ORPHAN]);
  mp_store (&self->arena->n_dead, n_leases[MP_LEASE_DEAD]);
  mp_store_release (&self->arena->n_done,
                    (mp_word_count (mp_load (&self->head->word)) - n_open) & MP_COUNT_MASK);
}

/* Frees blocks that are not reachable.  The marks are in private memory: if they were in the unit
 * table, a recoverer that dies during the sweep would leave all blocks unmarked, hence free.
 * Without memory for them the blocks remain allocated until the next recovery. */
void
mp_repair_leaks (MpMemory *self)
{
  Marks               marks = { .n_marks = mp_units_count (self) };
  g_autofree guint32 *words = g_try_new0 (guint32, (gsize) marks.n_marks + 1);
  guint32             n_leases[MP_N_LEASE_STATES];
  guint64             n_bytes;

  marks.marks = words;
  if (words != NULL && !mp_ring_walk (self, mark, &marks, &n_bytes))
    {
      mp_memory_set_damaged (self);
      marks.marks = NULL;
    }
  mp_lease_take_stock (self, n_leases, mark_lease, &marks);
  if (marks.marks != NULL)
    {
      mark_intents (self, &marks);
      mp_arena_sweep (self, marks.marks, marks.n_marks);
      mp_store (&self->tail->n_bytes, self->head->n_bytes + n_bytes);
    }
  recount (self, n_leases);
  mp_store (&self->state->is_leaky, 0);
  MP_STEP ("recovery/counted");
}
