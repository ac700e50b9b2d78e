/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-leave.h"

#include "arena.h"
#include "lease.h"
#include "lock.h"
#include "recovery.h"
#include "waiters.h"

/* Deferred work that an operation does at its end: leases that could not be ended or returned,
 * recovery of dead participants that were noticed, and memory to be returned to the system. */

/* How many pieces of memory one operation returns at most. */
#define MAX_TRIMS 8

void
mp_shared_queue_end_lease (MpSharedQueue *self,
                           guint32        lease)
{
  MpMemory *memory = &self->memory;

  mp_shared_queue_count_held (self, -1);
  mp_lease_end (memory, lease);
  if (mp_shared_queue_is_acknowledged (self))
    mp_shared_queue_count_done (self);
  mp_unlock (memory, MP_LOCK_ARENA);
}

gboolean
mp_shared_queue_is_current (MpSharedQueue      *self,
                            const MpQueueToken *token)
{
  MpLease *slot;

  if (!mp_lease_is_used (&self->memory, token->lease))
    return FALSE;

  slot = mp_memory_lease (&self->memory, token->lease - 1);
  return mp_lease_is_own (&self->memory, mp_load_acquire (&slot->owner)) &&
         slot->serial == token->serial && slot->n_deliveries == token->n_deliveries;
}

/* Locks the list of returned messages, and what leases end under. */
static gboolean
lock_lists (MpMemory *memory)
{
  if (!mp_lock_take (memory, MP_LOCK_HEAD))
    return FALSE;
  if (mp_lock_take (memory, MP_LOCK_ARENA))
    return TRUE;
  mp_unlock (memory, MP_LOCK_HEAD);
  return FALSE;
}

static void
unlock_lists (MpMemory *memory)
{
  mp_unlock (memory, MP_LOCK_ARENA);
  mp_unlock (memory, MP_LOCK_HEAD);
}

/* Returns whether the message can be delivered again. */
static gboolean
put_back (MpSharedQueue *self,
          guint32        lease,
          gboolean       counted)
{
  MpMemory *memory = &self->memory;
  MpLease  *slot = mp_memory_lease (memory, lease - 1);

  mp_shared_queue_count_held (self, -1);
  if (counted && mp_lease_is_exhausted (memory, lease))
    {
      mp_lease_bury (memory, lease, TRUE);
      return FALSE;
    }
  if (!counted)
    mp_store (&slot->n_deliveries, slot->n_deliveries - 1);
  mp_lease_wait (memory, lease);
  return TRUE;
}

MpQueueStatus
mp_shared_queue_return_lease (MpSharedQueue      *self,
                              guint32             lease,
                              const MpQueueToken *token)
{
  MpMemory *memory = &self->memory;
  gboolean  is_stale, is_back = FALSE;

  if (!lock_lists (memory))
    return MP_QUEUE_BUSY;
  /* Another process may have finished it meanwhile. */
  is_stale = token != NULL && !mp_shared_queue_is_current (self, token);
  if (!is_stale)
    is_back = put_back (self, lease, token != NULL);
  unlock_lists (memory);

  if (is_back)
    mp_waiters_wake (memory, MP_QUEUE_WAIT_ITEMS, 1);
  return is_stale ? MP_QUEUE_STALE : MP_QUEUE_OK;
}

/* --- Finishing ---------------------------------------------------------------------------- */

/* The caller holds the arena lock, which is released. */
static void
consume_lease (MpSharedQueue *self,
               guint32        lease)
{
  MpArenaLine *arena = self->memory.arena;

  mp_shared_queue_count_held (self, -1);
  mp_lease_end (&self->memory, lease);
  mp_store (&arena->n_consumed, arena->n_consumed + 1);
  mp_unlock (&self->memory, MP_LOCK_ARENA);
}

MpQueueStatus
mp_shared_queue_try_finish (MpSharedQueue      *self,
                            const MpQueueToken *token,
                            MpQueueFinish       how)
{
  if (!mp_shared_queue_is_current (self, token))
    return MP_QUEUE_STALE;

  if (how == MP_QUEUE_FINISH_RETRY)
    return mp_shared_queue_return_lease (self, token->lease, token);
  if (!mp_lock_take (&self->memory, MP_LOCK_ARENA))
    return MP_QUEUE_BUSY;
  /* Another process may have finished it meanwhile. */
  if (!mp_shared_queue_is_current (self, token))
    {
      mp_unlock (&self->memory, MP_LOCK_ARENA);
      return MP_QUEUE_STALE;
    }
  if (how == MP_QUEUE_FINISH_CONSUME)
    consume_lease (self, token->lease);
  else
    mp_shared_queue_end_lease (self, token->lease);
  return MP_QUEUE_OK;
}

void
mp_shared_queue_wake_after_finish (MpSharedQueue *self,
                                   MpQueueFinish  how,
                                   guint          n)
{
  MpMemory *memory = &self->memory;

  if (how != MP_QUEUE_FINISH_RETRY)
    mp_waiters_wake (memory, MP_QUEUE_WAIT_SPACE, n);

  mp_waiters_wake (memory, MP_QUEUE_WAIT_NEWS, 0);
  if (mp_shared_queue_check (self, MP_QUEUE_WAIT_DONE))
    mp_waiters_wake (memory, MP_QUEUE_WAIT_DONE, G_MAXUINT);
  /* After a shutdown, consumers wait for messages that may be returned; this may have been the
   * last. */
  if (mp_load (&memory->state->shutdown))
    mp_waiters_wake (memory, MP_QUEUE_WAIT_ITEMS, G_MAXUINT);
}

/* --- What is due ------------------------------------------------------------------------- */

struct _MpDue
{
  MpDue        *next;
  MpDueWork     work;
  MpQueueFinish how;   /* with FINISH */
  MpQueueToken  token; /* only the lease, except with FINISH */
};

/* The caller holds the arena lock, which is released. */
static void
end_locked (MpSharedQueue *self,
            guint32        lease,
            MpDueWork      work)
{
  MpMemory *memory = &self->memory;

  if (work == MP_DUE_END)
    {
      mp_shared_queue_end_lease (self, lease);
      return;
    }
  if (work == MP_DUE_END_LETTER)
    mp_lease_end (memory, lease);
  else
    mp_lease_bury (memory, lease, FALSE);
  mp_unlock (memory, MP_LOCK_ARENA);
}

/* Returns FALSE if a lock cannot be taken. */
static gboolean
do_now (MpSharedQueue *self,
        const MpDue   *due)
{
  MpQueueStatus status;

  if (due->work == MP_DUE_RETURN)
    return mp_shared_queue_return_lease (self, due->token.lease, NULL) == MP_QUEUE_OK;
  if (due->work == MP_DUE_FINISH)
    {
      status = mp_shared_queue_try_finish (self, &due->token, due->how);
      if (status == MP_QUEUE_OK)
        mp_shared_queue_wake_after_finish (self, due->how, 1);
      return status != MP_QUEUE_BUSY;
    }
  if (G_UNLIKELY (!mp_lock_take_patiently (&self->memory, MP_LOCK_ARENA)))
    return FALSE;
  end_locked (self, due->token.lease, due->work);
  return TRUE;
}

static void
push_due (MpSharedQueue *self,
          MpDue         *due)
{
  due->next = mp_load (&self->due);
  while (!__atomic_compare_exchange_n (&self->due, &due->next, due, FALSE, __ATOMIC_RELEASE,
                                       __ATOMIC_RELAXED))
    ;
}

/* Returns the oldest, which leads to the others. */
static MpDue *
take_all_due (MpSharedQueue *self)
{
  MpDue *newest = __atomic_exchange_n (&self->due, NULL, __ATOMIC_ACQUIRE);
  MpDue *oldest = NULL;

  while (newest != NULL)
    {
      MpDue *next = newest->next;

      newest->next = oldest;
      oldest = newest;
      newest = next;
    }
  return oldest;
}

/* Without memory for the note, the lease is ended or returned when this handle detaches, or its
 * process ends.  If the process is killed before, the message is delivered again. */
static void
note_due (MpSharedQueue *self,
          const MpDue   *due)
{
  MpDue *note = g_try_new (MpDue, 1);

  if (note != NULL)
    {
      *note = *due;
      push_due (self, note);
    }
  /* The release of the lock wakes this handle, if it waits by then. */
  mp_lock_is_stuck (&self->memory, MP_LOCK_HEAD);
  mp_lock_is_stuck (&self->memory, MP_LOCK_ARENA);
}

void
mp_shared_queue_do_sometime (MpSharedQueue *self,
                             guint32        lease,
                             MpDueWork      work)
{
  const MpDue due = { .work = work, .token.lease = lease };

  if (G_UNLIKELY (!do_now (self, &due)))
    note_due (self, &due);
}

void
mp_shared_queue_finish_later (MpSharedQueue      *self,
                              const MpQueueToken *tokens,
                              guint               n,
                              MpQueueFinish       how)
{
  for (guint i = 0; i < n; i++)
    note_due (self, &(MpDue){ .work = MP_DUE_FINISH, .how = how, .token = tokens[i] });
}

void
mp_shared_queue_drop_due (MpSharedQueue *self)
{
  MpDue *due = take_all_due (self);

  while (due != NULL)
    {
      g_autofree MpDue *done = due;

      due = due->next;
    }
}

/* Ends with the first for which a lock cannot be taken: the others would wait for it, too. */
void
mp_shared_queue_do_all_due (MpSharedQueue *self)
{
  MpDue *due = take_all_due (self);
  guint  n_ended = 0;

  while (due != NULL && do_now (self, due))
    {
      g_autofree MpDue *done = due;

      due = due->next;
      n_ended += done->work != MP_DUE_RETURN && done->work != MP_DUE_FINISH;
    }
  while (due != NULL)
    {
      MpDue *next = due->next;

      push_due (self, due);
      due = next;
    }
  if (n_ended > 0)
    mp_waiters_wake (&self->memory, MP_QUEUE_WAIT_SPACE, n_ended);
}

void
mp_shared_queue_clean_up (MpSharedQueue *self)
{
  if (mp_load (&self->memory.found_dead) && mp_recovery_take_found_dead (&self->memory))
    mp_recovery_run (&self->memory);
  mp_shared_queue_do_due (self);
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
