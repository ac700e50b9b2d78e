/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queue-bells.h"

/* The maximum number of unused bells that are kept. */
#define MAX_IDLE_BELLS 4

/* If another thread of the parent was changing the list during the fork, the child abandons it:
 * sources refer to their bells directly, and the list only serves to find one for a new source. */
static void
reset_after_fork (MpForkHook *hook)
{
  MpQueueBells *self = MP_FORK_HOOK_OWNER (hook, MpQueueBells);

  self->unsound |= mp_fork_reset_mutex (&self->mutex);
}

void
mp_queue_bells_init (MpQueueBells *self,
                     MpQueueStore *store)
{
  self->store = store;
  self->shared = g_ptr_array_new ();
  g_mutex_init (&self->mutex);
  mp_fork_hook_add (&self->fork_hook, reset_after_fork);
}

void
mp_queue_bells_clear (MpQueueBells *self)
{
  mp_fork_hook_remove (&self->fork_hook);
  if (!self->unsound)
    g_ptr_array_unref (self->shared);
  g_mutex_clear (&self->mutex);
}

void
mp_queue_bells_lock (MpQueueBells *self)
{
  g_mutex_lock (&self->mutex);
  if (G_UNLIKELY (self->unsound))
    {
      self->shared = g_ptr_array_new ();
      self->unsound = FALSE;
    }
}

/* --- Shared bells ---------------------------------------------------------------------- */

static MpSharedBell *
find_bell (MpQueueBells    *self,
           GMainContext    *context,
           MpQueueCondition condition)
{
  for (guint i = 0; i < self->shared->len; i++)
    {
      MpSharedBell *shared = g_ptr_array_index (self->shared, i);

      if (shared->context == context && shared->condition == condition)
        return shared;
    }
  return NULL;
}

MpSharedBell *
mp_queue_bells_ref (MpQueueBells    *self,
                    GMainContext    *context,
                    MpQueueCondition condition)
{
  MpSharedBell *shared = NULL;

  mp_queue_bells_lock (self);
  if (context != NULL)
    shared = find_bell (self, context, condition);
  if (shared == NULL)
    {
      shared = g_new0 (MpSharedBell, 1);
      shared->context = context;
      shared->condition = condition;
      if (self->store->home != NULL)
        shared->bell = self->store->backend->bell_new (self->store->home, condition, NULL);
      g_ptr_array_add (self->shared, shared);
    }
  shared->n_users++;
  g_mutex_unlock (&self->mutex);
  return shared;
}

static void
drop_bell (MpQueueBells *self,
           MpSharedBell *shared)
{
  g_ptr_array_remove_fast (self->shared, shared);
  if (shared->bell != NULL)
    self->store->backend->bell_free (self->store->home, shared->bell);
  g_free (shared);
}

static guint
count_idle_bells (MpQueueBells *self)
{
  guint n_idle = 0;

  for (guint i = 0; i < self->shared->len; i++)
    n_idle += ((MpSharedBell *) g_ptr_array_index (self->shared, i))->n_users == 0;
  return n_idle;
}

void
mp_queue_bells_unref (MpQueueBells *self,
                      MpSharedBell *shared)
{
  mp_queue_bells_lock (self);
  if (--shared->n_users == 0 && (shared->context == NULL || shared->bell == NULL ||
                                 count_idle_bells (self) > MAX_IDLE_BELLS))
    drop_bell (self, shared);
  g_mutex_unlock (&self->mutex);
}

/* Sources hold references to the queue, so when it is disposed only unused bells are left. */
void
mp_queue_bells_drop (MpQueueBells *self)
{
  for (guint i = self->shared->len; i > 0; i--)
    {
      MpSharedBell *shared = g_ptr_array_index (self->shared, i - 1);

      if (shared->n_users == 0)
        drop_bell (self, shared);
    }
  if (self->fd_bell != NULL)
    self->store->backend->bell_free (self->store->home, g_steal_pointer (&self->fd_bell));
}

/* --- The descriptor -------------------------------------------------------------------- */

static gboolean
has_items (MpQueueBells *self)
{
  return self->store->backend->check (self->store->home, MP_QUEUE_WAIT_ITEMS);
}

/* Makes the descriptor level-triggered: readable as long as there are messages.  Returns whether
 * there are.  Unless @rang, a descriptor that is still armed is not touched, which saves system
 * calls; it may then be readable spuriously. */
static gboolean
refresh_locked (MpQueueBells *self,
                gboolean      rang)
{
  const MpQueueBackend *backend = self->store->backend;
  gboolean              ready = has_items (self);

  if (!ready)
    {
      backend->bell_hold (self->fd_bell, FALSE);
      backend->bell_arm (self->store->home, self->fd_bell, rang);
      ready = has_items (self);
    }
  if (ready)
    backend->bell_hold (self->fd_bell, TRUE);
  return ready;
}

static gboolean
ensure_bell_locked (MpQueueBells *self)
{
  if (self->fd_bell == NULL && self->store->home != NULL)
    self->fd_bell = self->store->backend->bell_new (self->store->home, MP_QUEUE_WAIT_ITEMS, NULL);

  return self->fd_bell != NULL;
}

void
mp_queue_bells_refresh (MpQueueBells *self)
{
  mp_queue_bells_lock (self);
  if (self->fd_bell != NULL)
    refresh_locked (self, TRUE);
  g_mutex_unlock (&self->mutex);
}

int
mp_queue_bells_peek_fd (MpQueueBells *self)
{
  int fd = -1;

  mp_queue_bells_lock (self);
  if (ensure_bell_locked (self))
    fd = self->store->backend->bell_fd (self->fd_bell);
  g_mutex_unlock (&self->mutex);
  return fd;
}

int
mp_queue_bells_get_fd (MpQueueBells *self)
{
  int fd = mp_queue_bells_peek_fd (self);

  if (fd != -1)
    mp_queue_bells_refresh (self);
  return fd;
}

gboolean
mp_queue_bells_check (MpQueueBells *self,
                      gboolean      rang)
{
  gboolean ready;

  if (!rang && has_items (self))
    return TRUE;

  mp_queue_bells_lock (self);
  ready = ensure_bell_locked (self) ? refresh_locked (self, rang) : has_items (self);
  g_mutex_unlock (&self->mutex);
  return ready;
}
