/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-leave.h"

#include "arena.h"
#include "lease.h"
#include "lock.h"
#include "recovery.h"
#include "waiters.h"

/* Deferred work that an operation does at its end: leases that could not be ended, recovery of dead
 * participants that were noticed, and memory to be returned to the system. */

/* How many pieces of memory one operation returns at most. */
#define MAX_TRIMS 8

void
mp_shared_queue_end_lease (MpSharedQueue *self,
                           guint32        lease)
{
  MpMemory *memory = &self->memory;

  mp_lease_end (memory, lease);
  if (mp_shared_queue_is_acknowledged (self))
    mp_shared_queue_count_done (self);
  mp_unlock (memory, MP_LOCK_ARENA);
  __atomic_fetch_sub (&self->n_held, 1, __ATOMIC_RELAXED);
}

/* If the lock cannot be taken, the lease is recorded in @due and a later call ends it.  If @due is
 * full, the lease ends when this handle detaches.  If the process is killed before, the message is
 * delivered again. */
void
mp_shared_queue_end_lease_sometime (MpSharedQueue *self,
                                    guint32        lease)
{
  if (G_LIKELY (mp_lock_take_patiently (&self->memory, MP_LOCK_ARENA)))
    {
      mp_shared_queue_end_lease (self, lease);
      return;
    }

  for (guint i = 0; i < MP_N_DUE_LEASES; i++)
    {
      guint32 none = 0;

      if (__atomic_compare_exchange_n (&self->due[i], &none, lease, FALSE, __ATOMIC_RELEASE,
                                       __ATOMIC_RELAXED))
        break;
    }
  __atomic_fetch_add (&self->n_due, 1, __ATOMIC_RELEASE);
}

static void
end_due_leases (MpSharedQueue *self)
{
  mp_store (&self->n_due, 0);
  for (guint i = 0; i < MP_N_DUE_LEASES; i++)
    {
      guint32 lease = __atomic_exchange_n (&self->due[i], 0, __ATOMIC_ACQUIRE);

      if (lease != 0)
        mp_shared_queue_end_lease_sometime (self, lease);
    }
}

void
mp_shared_queue_clean_up (MpSharedQueue *self)
{
  if (mp_load (&self->memory.found_dead) && mp_recovery_take_found_dead (&self->memory))
    mp_recovery_run (&self->memory);
  if (mp_load (&self->n_due) != 0)
    end_due_leases (self);
  if (mp_load (&self->memory.found_damage))
    {
      mp_store (&self->memory.found_damage, 0);
      mp_waiters_wake_all (&self->memory);
    }
  if (mp_load (&self->memory.must_prepare))
    {
      mp_store (&self->memory.must_prepare, 0);
      mp_arena_prepare (&self->memory);
      mp_lease_prepare (&self->memory);
    }
  if (mp_load (&self->memory.must_trim))
    {
      for (guint i = 0; i < MAX_TRIMS && mp_load (&self->memory.must_trim); i++)
        mp_arena_trim (&self->memory);
      mp_lease_trim (&self->memory);
    }
}
