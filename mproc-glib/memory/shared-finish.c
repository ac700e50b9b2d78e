/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-leave.h"
#include "shared-payload.h"
#include "shared-queue-private.h"
#include "shared-wait.h"

#include "arena.h"
#include "lease.h"
#include "lock.h"
#include "recovery.h"
#include "waiters.h"

#include <string.h>

/* What happens to a message after a get: finishing and returning leases, and their progress. */

typedef struct
{
  const MpQueueToken *tokens; /* NULL: any message held by a consumer */
  guint               n;
  MpQueueFinish       how;
  MpQueueStatus      *answers;
  guint               n_answered;
  guint               n_finished; /* of the answered ones */
} Finish;

/* The caller holds the arena lock. n_consumed changes first: if the process dies between the two
 * stores, recovery counts the message as done, and not as unfinished for ever. */
static MpQueueStatus
finish_any (MpSharedQueue *self)
{
  MpMemory *memory = &self->memory;
  guint32   n_consumed = mp_load (&memory->arena->n_consumed);
  guint32   lease;

  if (n_consumed != 0)
    {
      mp_store (&memory->arena->n_consumed, n_consumed - 1);
      mp_shared_queue_count_done (self);
      return MP_QUEUE_OK;
    }

  lease = mp_lease_find_oldest_delivered (memory);
  if (lease == 0)
    return MP_QUEUE_EMPTY;
  mp_lease_end (memory, lease);
  mp_shared_queue_count_done (self);
  return MP_QUEUE_OK;
}

static MpQueueStatus
try_finish_any (MpSharedQueue *self)
{
  MpQueueStatus status;

  if (!mp_lock_take (&self->memory, MP_LOCK_ARENA))
    return MP_QUEUE_BUSY;
  status = finish_any (self);
  mp_unlock (&self->memory, MP_LOCK_ARENA);
  return status;
}

static MpQueueStatus
try_finish (MpSharedQueue *self,
            gpointer       data,
            MpAttemptNote *note)
{
  Finish *finish = data;

  while (finish->n_answered < finish->n)
    {
      const MpQueueToken *token = finish->tokens;
      MpQueueStatus       answer =
        token == NULL
                ? try_finish_any (self)
                : mp_shared_queue_try_finish (self, token + finish->n_answered, finish->how);

      if (answer == MP_QUEUE_BUSY)
        return MP_QUEUE_BUSY;
      if (finish->answers != NULL)
        finish->answers[finish->n_answered] = answer;
      finish->n_answered++;
      finish->n_finished += answer == MP_QUEUE_OK;
    }
  return MP_QUEUE_OK;
}

/* The caller does not want to know when they are finished, so it does not wait for the lock either
 * if earlier ones wait for it. */
static void
finish_unseen (MpSharedQueue *self,
               Finish        *finish,
               MpQueueCall   *call)
{
  if (mp_load (&self->due) != NULL)
    try_finish (self, finish, NULL);
  else
    mp_shared_queue_insist (self, call, try_finish, finish);
  mp_shared_queue_finish_later (self, finish->tokens + finish->n_answered,
                                finish->n - finish->n_answered, finish->how);
}

MpQueueStatus
mp_shared_queue_finish (gpointer            user_data,
                        const MpQueueToken *tokens,
                        guint               n,
                        MpQueueFinish       how,
                        MpQueueStatus      *answers,
                        MpQueueCall        *call)
{
  MpSharedQueue *self = user_data;
  Finish         finish = { tokens, n, how, answers, 0, 0 };
  MpQueueStatus  status = mp_shared_queue_enter (self);

  if (status == MP_QUEUE_OK && answers == NULL)
    finish_unseen (self, &finish, call);
  else if (status == MP_QUEUE_OK)
    status = mp_shared_queue_insist (self, call, try_finish, &finish);
  for (guint i = finish.n_answered; i < n && answers != NULL; i++)
    answers[i] = status;
  if (finish.n_finished == 0)
    return status;

  mp_shared_queue_wake_after_finish (self, how, finish.n_finished);
  mp_shared_queue_leave (self);
  return status;
}

static void
write_progress (MpLease    *slot,
                double      fraction,
                const char *text)
{
  slot->progress = fraction;
  g_strlcpy (slot->progress_text, text != NULL ? text : "", sizeof slot->progress_text);
}

typedef struct
{
  const MpQueueToken *token;
  double              fraction;
  const char         *text;
} Progress;

/* Runs under the lock under which leases end, so that the lease does not end while it is accessed.
 */
static MpQueueStatus
try_set_progress (MpSharedQueue *self,
                  gpointer       data,
                  MpAttemptNote *note)
{
  const Progress *progress = data;
  MpMemory       *memory = &self->memory;
  gboolean        current;

  if (!mp_lock_take (memory, MP_LOCK_ARENA))
    return MP_QUEUE_BUSY;
  current = mp_shared_queue_is_current (self, progress->token);
  if (current)
    write_progress (mp_memory_lease (memory, progress->token->lease - 1), progress->fraction,
                    progress->text);
  mp_unlock (memory, MP_LOCK_ARENA);
  return current ? MP_QUEUE_OK : MP_QUEUE_STALE;
}

MpQueueStatus
mp_shared_queue_set_progress (gpointer            user_data,
                              const MpQueueToken *token,
                              double              fraction,
                              const char         *text,
                              MpQueueCall        *call)
{
  MpSharedQueue *self = user_data;
  Progress       progress = { token, fraction, text };
  MpQueueStatus  status = mp_shared_queue_enter (self);

  if (status == MP_QUEUE_OK)
    status = mp_shared_queue_insist (self, call, try_set_progress, &progress);
  mp_shared_queue_leave (self);
  return status;
}

static gboolean
read_progress (MpSharedQueue   *self,
               MpLease         *slot,
               MpQueueProgress *progress)
{
  MpMemory *memory = &self->memory;
  guint64   owner = mp_load_acquire (&slot->owner);
  guint     participant = mp_lease_participant (owner);

  if (mp_lease_state (owner) != MP_LEASE_HELD || participant >= MP_N_PARTICIPANTS)
    return FALSE;

  progress->serial = slot->serial;
  progress->n_deliveries = mp_load (&slot->n_deliveries);
  progress->pid = mp_load (&mp_memory_participant (memory, participant)->pid);
  progress->fraction = slot->progress;
  memcpy (progress->text, slot->progress_text, sizeof progress->text);
  progress->text[sizeof progress->text - 1] = '\0';
  return TRUE;
}

typedef struct
{
  guint32         lease; /* index */
  MpQueueProgress progress;
  gboolean        held;
} Listed;

static MpQueueStatus
try_read_progress (MpSharedQueue *self,
                   gpointer       data,
                   MpAttemptNote *note)
{
  Listed *listed = data;

  if (!mp_lock_take (&self->memory, MP_LOCK_ARENA))
    return MP_QUEUE_BUSY;
  listed->held = read_progress (self, mp_memory_lease (&self->memory, listed->lease),
                                &listed->progress);
  mp_unlock (&self->memory, MP_LOCK_ARENA);
  return MP_QUEUE_OK;
}

MpQueueStatus
mp_shared_queue_list (gpointer        user_data,
                      MpQueueListFunc func,
                      gpointer        func_data,
                      MpQueueCall    *call)
{
  MpSharedQueue *self = user_data;
  MpMemory      *memory = &self->memory;
  MpQueueStatus  status = mp_shared_queue_enter (self);
  MpQueueCall    now = { .timeout_us = 0 };
  guint32        n_used;

  if (status != MP_QUEUE_OK)
    return status;

  n_used = mp_lease_count_used (memory);
  for (guint32 i = 0; i < n_used; i++)
    {
      Listed listed = { .lease = i };

      if (!mp_lease_is_used (memory, i + 1))
        continue;
      /* While a process is stopped with the lock, nobody else changes what is read. */
      if (status == MP_QUEUE_OK)
        status = mp_shared_queue_insist (self, &now, try_read_progress, &listed);
      if (status != MP_QUEUE_OK)
        listed.held = read_progress (self, mp_memory_lease (memory, i), &listed.progress);
      if (listed.held)
        func (&listed.progress, func_data);
    }
  mp_shared_queue_leave (self);
  return MP_QUEUE_OK;
}
