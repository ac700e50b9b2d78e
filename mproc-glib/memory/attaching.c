/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "attaching.h"

#include "held.h"
#include "liveness.h"
#include "recovery.h"
#include "slots.h"
#include "waiters.h"
#include "watcher.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <gio/gio.h>

/* How long a handle waits for another recoverer: not for long if it already has a slot. */
#define PATIENCE_US         20000
#define PATIENCE_WITHOUT_US G_USEC_PER_SEC

static gboolean
fail_to_attach (MpMemory *self,
                gboolean  recovered,
                GError  **error)
{
  mp_liveness_close (self);
  if (recovered)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                 _ ("The queue is in use by %u others, which is the most it can have"),
                 MP_N_PARTICIPANTS);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                 _ ("The queue is locked by process %" PRId64 ", which does not continue"),
                 mp_load (&self->state->recoverer_pid));
  return FALSE;
}

/* A participant that gets a slot checks for dead ones only if none did so lately: a thousand
 * processes that attach at once would otherwise make a million system calls. */
static gboolean
attach (MpMemory *self,
        GError  **error)
{
  gboolean attached, recovered, found;

  self->participant = G_MAXUINT32;
  if (!mp_liveness_open (self, error))
    return FALSE;

  attached = mp_slots_take (self);
  if (attached && mp_recovery_was_run (self))
    return TRUE;

  mp_store (&self->state->looked_at, mp_coarse_now ());
  recovered = mp_recovery_run_as_recoverer (self, attached ? PATIENCE_US : PATIENCE_WITHOUT_US,
                                            &found);
  return attached || mp_slots_take (self) || fail_to_attach (self, recovered, error);
}

/* Makes this handle a participant, unless another thread has just done so: when it is opened, and
 * again in a forked child. */
gboolean
mp_attach_anew (MpMemory *self,
                GError  **error)
{
  gboolean attached = TRUE;

  if (!mp_liveness_check (self, error))
    return FALSE;

  g_mutex_lock (&self->attach_mutex);
  if (!mp_load (&self->is_attached))
    {
      attached = attach (self, error);
      if (attached)
        {
          if (self->renew != NULL)
            self->renew (self);
          mp_store_release (&self->fork_count, mp_fork_count);
        }
    }
  else
    {
      /* It left in mp_detach_at_exit (), but the process goes on. */
      mp_slots_rejoin (self);
      mp_store_release (&self->fork_count, mp_fork_count);
    }
  g_mutex_unlock (&self->attach_mutex);
  return attached;
}

/* Returns the leases of this handle and frees its slot. */
static void
leave (MpMemory *self)
{
  guint8 own[MP_N_PARTICIPANTS] = { 0 };
  guint  n_returned = 0;

  if (!mp_held_return_own (self, &n_returned))
    return;
  if (n_returned > 0)
    mp_recovery_wake_concerned (self, TRUE);
  own[self->participant] = 1;
  mp_waiters_forget (self, own);
  mp_slots_free (self, self->participant);
}

/* If the locks cannot be taken in time, the slot stays used, and others recover this participant as
 * if it had died. */
void
mp_detach (MpMemory *self)
{
  if (!mp_load (&self->is_attached))
    return;

  g_mutex_lock (&self->attach_mutex);
  leave (self);
  g_mutex_unlock (&self->attach_mutex);
  mp_liveness_close (self);
}

/* Sleeping threads do not count: a waker whose wake-up reaches no thread wakes the next one. */
static gboolean
is_idle (MpMemory *self)
{
  MpParticipant *slot = mp_memory_participant (self, self->participant);
  guint32        held = mp_load (&slot->n_waking);

  for (guint i = 0; i < MP_N_LOCKS; i++)
    held |= mp_load (&slot->holds[i]);
  return held == 0 && mp_load (&self->intents_used) == 0;
}

void
mp_detach_at_exit (MpMemory *self)
{
  guint n_returned = 0;

  /* If another thread is just attaching, this handle is not idle. */
  if (!g_mutex_trylock (&self->attach_mutex))
    return;
  if (mp_load (&self->is_attached) && mp_load (&self->fork_count) == mp_fork_count &&
      mp_memory_owns_descriptors (self) && mp_held_return_own (self, &n_returned))
    {
      if (n_returned > 0)
        mp_recovery_wake_concerned (self, TRUE);
      mp_watcher_end_all (self);
      if (is_idle (self))
        {
          mp_store (&self->fork_count, 0);
          mp_slots_leave (self);
        }
    }
  g_mutex_unlock (&self->attach_mutex);
}
