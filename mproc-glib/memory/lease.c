/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "lease.h"

#include "arena.h"
#include "lock.h"
#include "step.h"

#include <fcntl.h>
#include <string.h>

/* Memory is allocated for this many leases beyond the used ones, and for a quarter as many as are
 * used. */
#define SPARE 64

/* Memory of unused leases is returned only above KEEP leases, and at most TRIM_STEP at a time,
 * since punching a hole is done under the lock. */
#define KEEP      4096u
#define TRIM_STEP 8192u

/* A search through a list ends after so many leases: a hostile process could make it a cycle. */
#define MAX_STEPS (2 * MP_N_LEASES)

/* --- The map ------------------------------------------------------------------------------ */

static guint64 *
used_word (MpMemory *self,
           guint32   lease)
{
  return &self->lease_map->used[(lease - 1) / 64];
}

static guint64
used_bit (guint32 lease)
{
  return G_GUINT64_CONSTANT (1) << ((lease - 1) % 64);
}

gboolean
mp_lease_is_used (MpMemory *self,
                  guint32   lease)
{
  return lease != 0 && lease <= mp_lease_count_used (self) &&
         (mp_load (used_word (self, lease)) & used_bit (lease)) != 0;
}

static MpLeaseState
state_of (MpMemory *self,
          guint32   lease)
{
  return mp_lease_state (mp_load (&mp_memory_lease (self, lease - 1)->owner));
}

static guint32
find_free (MpMemory *self)
{
  const guint64 *full = self->lease_map->full;

  for (guint i = 0; i < MP_N_LEASES / 4096; i++)
    if (mp_load (&full[i]) != G_MAXUINT64)
      {
        guint   word = i * 64 + (guint) __builtin_ctzll (~mp_load (&full[i]));
        guint64 used = mp_load (&self->lease_map->used[word]);

        if (used == G_MAXUINT64)
          mp_memory_set_damaged (self);
        return used == G_MAXUINT64 ? 0 : word * 64 + (guint) __builtin_ctzll (~used) + 1;
      }
  return 0;
}

/* Allocates the memory of the leases from @n_backed on; returns how many have memory then. */
static guint32
back_more (MpMemory *self,
           guint32   n_backed,
           guint32   lease)
{
  guint32 wanted = MIN ((lease + lease / 4 + SPARE - 1) / SPARE * SPARE, MP_N_LEASES);

  if (wanted > n_backed &&
      mp_memory_back (self, mp_memory_offset_of (self, mp_memory_lease (self, n_backed)),
                      (guint64) (wanted - n_backed) * sizeof (MpLease)) &&
      mp_memory_back (self, mp_memory_offset_of (self, &self->lease_map->used[n_backed / 64]),
                      (wanted - n_backed) / 8))
    return wanted;
  return n_backed;
}

static gboolean
is_nearly_used_up (MpMemory *self,
                   guint32   lease)
{
  return lease + SPARE / 2 > mp_load (&self->arena->n_leases_backed) && lease < MP_N_LEASES;
}

static gboolean
back (MpMemory *self,
      guint32   lease)
{
  guint32 n_backed = mp_load (&self->arena->n_leases_backed);

  if (G_UNLIKELY (n_backed > MP_N_LEASES))
    {
      mp_memory_set_damaged (self);
      return FALSE;
    }
  if (G_UNLIKELY (lease > n_backed))
    {
      n_backed = back_more (self, n_backed, lease);
      mp_store (&self->arena->n_leases_backed, n_backed);
    }
  if (G_UNLIKELY (lease >= SPARE / 2 &&
                  (is_nearly_used_up (self, lease) || mp_arena_is_low (self))))
    mp_store (&self->must_prepare, 1);
  return lease <= n_backed;
}

/* The memory is allocated without the lock, and then it counts only if meanwhile nobody else has
 * allocated or returned any. */
void
mp_lease_prepare (MpMemory *self)
{
  guint32 n_used = mp_lease_count_used (self);
  guint32 n_backed = mp_load (&self->arena->n_leases_backed);
  guint32 n_more;

  if (n_backed > MP_N_LEASES || n_used < SPARE / 2 || !is_nearly_used_up (self, n_used))
    return;
  n_more = back_more (self, n_backed, n_used + SPARE);
  if (n_more == n_backed || !mp_lock_take (self, MP_LOCK_ARENA))
    return;
  if (mp_load (&self->arena->n_leases_backed) == n_backed)
    mp_store (&self->arena->n_leases_backed, n_more);
  mp_unlock (self, MP_LOCK_ARENA);
}

static void
note_full (MpMemory *self,
           guint32   word)
{
  guint64 *full = &self->lease_map->full[word / 64];
  guint64  bit = G_GUINT64_CONSTANT (1) << (word % 64);
  gboolean is_full = mp_load (&self->lease_map->used[word]) == G_MAXUINT64;

  if (is_full != ((mp_load (full) & bit) != 0))
    mp_store (full, *full ^ bit);
}

guint32
mp_lease_take (MpMemory *self)
{
  guint32  lease = find_free (self);
  guint64 *word;

  if (lease == 0 || lease > MP_N_LEASES || !back (self, lease))
    return 0;
  if (state_of (self, lease) != MP_LEASE_FREE)
    {
      mp_memory_set_damaged (self);
      return 0;
    }

  word = used_word (self, lease);
  if (lease > mp_lease_count_used (self))
    mp_store_release (&self->arena->n_leases_used, lease);
  mp_store_release (word, *word | used_bit (lease));
  MP_STEP ("lease/taken");
  note_full (self, (lease - 1) / 64);
  return lease;
}

static void
release (MpMemory *self,
         guint32   lease)
{
  guint64 *word = used_word (self, lease);

  mp_store (word, *word & ~used_bit (lease));
  MP_STEP ("lease/released");
  note_full (self, (lease - 1) / 64);
}

/* The first used lease behind @after, or 0. */
static guint32
next_used (MpMemory *self,
           guint32   after)
{
  guint32 n_words = (mp_lease_count_used (self) + 63) / 64;
  guint32 word = after / 64;
  guint64 bits;

  if (word >= n_words)
    return 0;
  bits = mp_load (&self->lease_map->used[word]) & (G_MAXUINT64 << (after % 64));
  while (bits == 0)
    {
      if (++word >= n_words)
        return 0;
      bits = mp_load (&self->lease_map->used[word]);
    }
  return word * 64 + (guint32) __builtin_ctzll (bits) + 1;
}

gboolean
mp_lease_holds_any (MpMemory *self)
{
  guint32 lease = next_used (self, 0);

  while (lease != 0 &&
         !mp_lease_is_own (self, mp_load_acquire (&mp_memory_lease (self, lease - 1)->owner)))
    lease = next_used (self, lease);
  return lease != 0;
}

/* Lowers the end of the table to the last used lease. */
static void
shorten (MpMemory *self)
{
  guint32 word = (mp_lease_count_used (self) + 63) / 64;
  guint64 used = 0;

  while (word > 0 && (used = mp_load (&self->lease_map->used[word - 1])) == 0)
    word--;
  mp_store (&self->arena->n_leases_used,
            word == 0 ? 0 : word * 64 - (guint32) __builtin_clzll (used));
}

static gboolean
needs_trim (MpMemory *self)
{
  guint32 n_backed = mp_load (&self->arena->n_leases_backed);

  return n_backed > KEEP && mp_lease_count_used (self) < n_backed / 4;
}

void
mp_lease_end (MpMemory *self,
              guint32   lease)
{
  MpLease *slot = mp_memory_lease (self, lease - 1);
  guint64  block = mp_load (&slot->block);

  mp_store_release (&slot->owner, 0);
  MP_STEP ("lease/ended");
  if (block != 0)
    mp_arena_free (self, block);
  release (self, lease);
  if (lease == mp_lease_count_used (self))
    shorten (self);
  if (G_UNLIKELY (needs_trim (self)))
    mp_store (&self->must_trim, 1);
}

void
mp_lease_trim (MpMemory *self)
{
  gboolean again = TRUE;

  while (again)
    {
      guint32 n_backed, n_used, n_left;

      /* Without our descriptors, a hole would be made in another file. */
      if (!mp_memory_owns_descriptors (self) || !mp_lock_take (self, MP_LOCK_ARENA))
        return;
      n_backed = mp_load_bounded (&self->arena->n_leases_backed, MP_N_LEASES);
      n_used = mp_lease_count_used (self);
      n_left = MAX (n_backed - MIN (n_backed, TRIM_STEP), n_used * 2);
      n_left = MAX (n_left, KEEP);
      again = needs_trim (self) && n_left < n_backed;
      n_left = n_left / SPARE * SPARE;
      if (again)
        {
          mp_store (&self->arena->n_leases_backed, n_left);
          fallocate (self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                     (off_t) mp_memory_offset_of (self, mp_memory_lease (self, n_left)),
                     (off_t) (n_backed - n_left) * (off_t) sizeof (MpLease));
        }
      mp_unlock (self, MP_LOCK_ARENA);
    }
}

/* --- The lists ---------------------------------------------------------------------------- */

/* `is_changing` is set while a list is changed.  If the process is killed meanwhile, the list is
 * rebuilt by the repair of the lock. */
static void
append (MpMemory *self,
        guint32  *first,
        guint32  *last,
        guint32   lease)
{
  guint32 previous = mp_load (last);

  mp_store (&mp_memory_lease (self, lease - 1)->next, 0);
  if (mp_lease_is_used (self, previous))
    mp_store (&mp_memory_lease (self, previous - 1)->next, lease);
  else
    mp_store (first, lease);
  mp_store (last, lease);
}

static void
unlink_first (MpMemory *self,
              guint32  *first,
              guint32  *last)
{
  guint32 next = mp_load (&mp_memory_lease (self, mp_load (first) - 1)->next);

  mp_store (first, next);
  if (next == 0)
    mp_store (last, 0);
}

static guint32
find_first (MpMemory    *self,
            guint32     *first,
            MpLeaseState state)
{
  guint32 lease = mp_load (first);

  if (lease == 0)
    return 0;
  if (mp_lease_is_used (self, lease) &&
      state_of (self, lease) == state)
    return lease;
  mp_memory_set_damaged (self);
  return 0;
}

void
mp_lease_wait (MpMemory *self,
               guint32   lease)
{
  MpHeadLine *head = self->head;

  mp_store_release (&head->is_changing, 1);
  mp_store_release (&mp_memory_lease (self, lease - 1)->owner,
                    mp_lease_owner (MP_LEASE_ORPHAN, 0, 0));
  MP_STEP ("retry/orphaned");
  append (self, &head->first_waiting, &head->last_waiting, lease);
  MP_STEP ("retry/listed");
  mp_store (&head->n_orphans, head->n_orphans + 1);
  mp_store_release (&head->is_changing, 0);
}

guint32
mp_lease_find_waiting (MpMemory *self)
{
  return find_first (self, &self->head->first_waiting, MP_LEASE_ORPHAN);
}

/* @lease is the one that mp_lease_find_waiting () returned. */
void
mp_lease_adopt (MpMemory *self,
                guint32   lease,
                guint64   owner)
{
  MpHeadLine *head = self->head;

  mp_store_release (&head->is_changing, 1);
  mp_store_release (&mp_memory_lease (self, lease - 1)->owner, owner);
  MP_STEP ("get/adopted");
  unlink_first (self, &head->first_waiting, &head->last_waiting);
  mp_store (&head->n_orphans, head->n_orphans - 1);
  mp_store_release (&head->is_changing, 0);
}

static gboolean
is_delivered (MpMemory *self,
              guint32   lease)
{
  MpLease *slot = mp_memory_lease (self, lease - 1);

  return mp_lease_state (mp_load_acquire (&slot->owner)) == MP_LEASE_HELD &&
         mp_load_acquire (&slot->is_delivered) != 0;
}

guint32
mp_lease_find_oldest_delivered (MpMemory *self)
{
  guint32 oldest = 0;
  guint32 lease = next_used (self, 0);
  guint64 least = G_MAXUINT64;

  for (guint32 n_seen = 0; lease != 0 && n_seen < MP_LEASE_PORTION; n_seen++)
    {
      guint64 serial = mp_load (&mp_memory_lease (self, lease - 1)->serial);

      if (serial < least && is_delivered (self, lease))
        {
          least = serial;
          oldest = lease;
        }
      lease = next_used (self, lease);
    }
  return oldest;
}

void
mp_lease_bury (MpMemory *self,
               guint32   lease,
               gboolean  is_new)
{
  MpArenaLine *arena = self->arena;

  mp_store_release (&arena->is_changing, 1);
  mp_store_release (&mp_memory_lease (self, lease - 1)->owner,
                    mp_lease_owner (MP_LEASE_DEAD, 0, 0));
  MP_STEP ("lease/buried");
  append (self, &arena->first_dead, &arena->last_dead, lease);
  mp_store (&arena->n_dead, arena->n_dead + 1);
  if (is_new)
    mp_store_release (&arena->n_done, (arena->n_done + 1) & MP_COUNT_MASK);
  mp_store_release (&arena->is_changing, 0);
}

static gboolean
is_dead_letter (MpMemory *self,
                guint32   lease)
{
  return mp_lease_is_used (self, lease) && state_of (self, lease) == MP_LEASE_DEAD;
}

static guint64
serial_of (MpMemory *self,
           guint32   lease)
{
  return mp_load (&mp_memory_lease (self, lease - 1)->serial);
}

/* Removes @lease, which follows @previous in the list of dead letters, or is the first if that is
 * 0.  The caller has set is_changing. */
static void
unlink_dead (MpMemory *self,
             guint32   previous,
             guint32   lease)
{
  MpArenaLine *arena = self->arena;

  if (previous == 0)
    {
      unlink_first (self, &arena->first_dead, &arena->last_dead);
    }
  else
    {
      mp_store (&mp_memory_lease (self, previous - 1)->next,
                mp_load (&mp_memory_lease (self, lease - 1)->next));
      if (mp_load (&arena->last_dead) == lease)
        mp_store (&arena->last_dead, previous);
    }
  mp_store (&arena->n_dead, arena->n_dead - 1);
}

void
mp_lease_unbury (MpMemory *self,
                 MpDead    dead)
{
  MpArenaLine  *arena = self->arena;
  const guint32 generation = mp_memory_participant (self, self->participant)->generation;

  mp_store_release (&arena->is_changing, 1);
  mp_store_release (&mp_memory_lease (self, dead.lease - 1)->owner,
                    mp_lease_owner (MP_LEASE_DEAD_HELD, self->participant, generation));
  MP_STEP ("lease/unburied");
  unlink_dead (self, dead.previous, dead.lease);
  mp_store_release (&arena->is_changing, 0);
}

/* mp_lease_wait () commits: if the process is killed before, the repair of the arena lock restores
 * the list of dead letters, and if it is killed later, the repairs of both locks move the message
 * from one list to the other. */
void
mp_lease_revive (MpMemory *self,
                 MpDead    dead)
{
  MpArenaLine *arena = self->arena;
  MpHeadLine  *head = self->head;
  MpLease     *slot = mp_memory_lease (self, dead.lease - 1);

  mp_store_release (&arena->is_changing, 1);
  mp_store (&slot->n_deliveries, 0);
  slot->progress = -1;
  slot->progress_text[0] = '\0';
  unlink_dead (self, dead.previous, dead.lease);
  MP_STEP ("revive/unlinked");
  mp_lease_wait (self, dead.lease);
  MP_STEP ("revive/waiting");
  mp_store_release (&arena->n_done, (arena->n_done - 1) & MP_COUNT_MASK);
  MP_STEP ("revive/counted");
  if (mp_load (&head->n_before) > 0)
    mp_store (&head->n_before, head->n_before - 1);
  mp_store_release (&arena->is_changing, 0);
}

MpDead
mp_lease_find_dead (MpMemory *self)
{
  return (MpDead){ .lease = find_first (self, &self->arena->first_dead, MP_LEASE_DEAD) };
}

/* If the lease where the last portion ended has left the list, the search begins again. */
MpDead
mp_lease_find_dead_of (MpMemory      *self,
                       guint64        serial,
                       MpLeaseSearch *search)
{
  MpDead dead = { .previous = search->after };

  if (dead.previous != 0 && (!is_dead_letter (self, dead.previous) ||
                             serial_of (self, dead.previous) != search->after_serial))
    dead.previous = 0;
  dead.lease = dead.previous != 0 ? mp_load (&mp_memory_lease (self, dead.previous - 1)->next)
                                  : mp_load (&self->arena->first_dead);

  search->goes_on = FALSE;
  for (guint i = 0; dead.lease != 0 && ++search->n_seen <= MAX_STEPS; i++)
    {
      if (!is_dead_letter (self, dead.lease))
        {
          mp_memory_set_damaged (self);
          break;
        }
      if (serial_of (self, dead.lease) == serial)
        return dead;
      dead.previous = dead.lease;
      dead.lease = mp_load (&mp_memory_lease (self, dead.lease - 1)->next);
      if (i + 1 == MP_LEASE_PORTION && dead.lease != 0)
        {
          search->goes_on = TRUE;
          search->after = dead.previous;
          search->after_serial = serial_of (self, dead.previous);
          break;
        }
    }
  return (MpDead){ 0, 0 };
}

/* --- After a death ------------------------------------------------------------------------- */

void
mp_lease_repair_map (MpMemory *self)
{
  guint32 n_words = (mp_lease_count_used (self) + 63) / 64;

  for (guint32 word = 0; word < n_words; word++)
    note_full (self, word);
}

guint32
mp_lease_find_held (MpMemory     *self,
                    const guint8 *whose,
                    guint32      *after,
                    MpHeld       *found)
{
  guint32 n_found = 0;

  for (guint32 n_seen = 0; n_seen < MP_LEASE_PORTION; n_seen++)
    {
      MpLease     *lease;
      guint64      owner;
      MpLeaseState state;
      guint        participant;

      *after = next_used (self, *after);
      if (*after == 0)
        break;
      lease = mp_memory_lease (self, *after - 1);
      owner = mp_load (&lease->owner);
      state = mp_lease_state (owner);
      participant = mp_lease_participant (owner);
      if ((state == MP_LEASE_HELD || state == MP_LEASE_DEAD_HELD) &&
          participant < MP_N_PARTICIPANTS && whose[participant])
        found[n_found++] = (MpHeld){ lease->serial, *after, participant };
    }
  return n_found;
}

/* Does all of this in one pass, since the table may be long, and the caller holds all locks and may
 * be killed. */
void
mp_lease_take_stock (MpMemory *self,
                     guint32   counts[MP_N_LEASE_STATES],
                     void (*visit) (MpMemory *self, guint64 block, gpointer user_data),
                     gpointer user_data)
{
  memset (counts, 0, MP_N_LEASE_STATES * sizeof *counts);
  for (guint32 lease = next_used (self, 0); lease != 0; lease = next_used (self, lease))
    {
      MpLeaseState state = state_of (self, lease);

      if (state == MP_LEASE_FREE)
        {
          release (self, lease);
          continue;
        }
      if (state < MP_N_LEASE_STATES)
        counts[state]++;
      visit (self, mp_load (&mp_memory_lease (self, lease - 1)->block), user_data);
    }
  shorten (self);
}

/* Rebuilds a list in the order of the table.  Returns its length. */
static guint32
relink (MpMemory    *self,
        guint32     *first,
        guint32     *last,
        MpLeaseState state)
{
  guint32 count = 0;

  mp_store (first, 0);
  mp_store (last, 0);
  for (guint32 lease = next_used (self, 0); lease != 0; lease = next_used (self, lease))
    if (state_of (self, lease) == state)
      {
        append (self, first, last, lease);
        count++;
      }
  return count;
}

void
mp_lease_repair_waiting (MpMemory *self)
{
  MpHeadLine *head = self->head;

  if (!mp_load (&head->is_changing))
    return;
  mp_store (&head->n_orphans,
            relink (self, &head->first_waiting, &head->last_waiting, MP_LEASE_ORPHAN));
  mp_store_release (&head->is_changing, 0);
}

void
mp_lease_repair_dead (MpMemory *self)
{
  MpArenaLine *arena = self->arena;

  if (!mp_load (&arena->is_changing))
    return;
  mp_store (&arena->n_dead, relink (self, &arena->first_dead, &arena->last_dead, MP_LEASE_DEAD));
  mp_store_release (&arena->is_changing, 0);
}
