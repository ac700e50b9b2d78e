/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "lease.h"

#include "arena.h"
#include "step.h"

guint32
mp_lease_count_used (MpMemory *self)
{
  return MIN (mp_load (&self->arena->n_leases_used), MP_N_LEASES);
}

guint32
mp_lease_take (MpMemory *self)
{
  guint32 lease = mp_load (&self->arena->free_lease);

  if (lease != 0 && lease <= mp_lease_count_used (self))
    {
      MpLease *slot = mp_memory_lease (self, lease - 1);

      mp_store (&self->arena->free_lease, slot->next_free);
      if (mp_lease_state (mp_load (&slot->owner)) != MP_LEASE_FREE)
        {
          mp_memory_set_damaged (self);
          return 0;
        }
      return lease;
    }

  lease = mp_lease_count_used (self) + 1;
  if (lease > MP_N_LEASES)
    return 0;
  mp_store (&self->arena->n_leases_used, lease);
  return lease;
}

static void
push_free (MpMemory *self,
           guint32   lease)
{
  mp_memory_lease (self, lease - 1)->next_free = mp_load (&self->arena->free_lease);
  mp_store (&self->arena->free_lease, lease);
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
  push_free (self, lease);
}

/* Makes the list of free leases again from the leases. */
void
mp_lease_rebuild_free (MpMemory *self)
{
  guint32 n_used = mp_lease_count_used (self);

  mp_store (&self->arena->free_lease, 0);
  for (guint32 i = 0; i < n_used; i++)
    if (mp_lease_state (mp_load (&mp_memory_lease (self, i)->owner)) == MP_LEASE_FREE)
      push_free (self, i + 1);
}

static guint32
find_oldest (MpMemory    *self,
             MpLeaseState state)
{
  guint32 n_used = mp_lease_count_used (self);
  guint32 oldest = 0;
  guint64 oldest_serial = G_MAXUINT64;

  for (guint32 i = 0; i < n_used; i++)
    {
      MpLease *slot = mp_memory_lease (self, i);

      if (mp_lease_state (mp_load (&slot->owner)) == state && slot->serial < oldest_serial)
        {
          oldest = i + 1;
          oldest_serial = slot->serial;
        }
    }
  return oldest;
}

guint32
mp_lease_find_orphan (MpMemory *self)
{
  return find_oldest (self, MP_LEASE_ORPHAN);
}

guint32
mp_lease_find_dead (MpMemory *self)
{
  return find_oldest (self, MP_LEASE_DEAD);
}

guint32
mp_lease_count (MpMemory    *self,
                MpLeaseState state)
{
  guint32 n_used = mp_lease_count_used (self);
  guint32 count = 0;

  for (guint32 i = 0; i < n_used; i++)
    count += mp_lease_state (mp_load (&mp_memory_lease (self, i)->owner)) == state;
  return count;
}
