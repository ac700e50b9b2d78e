/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queue-kept.h"

static void
reset_after_fork (MpForkHook *hook)
{
  MpQueueKept *self = MP_FORK_HOOK_OWNER (hook, MpQueueKept);

  self->by_parent = TRUE;
  self->is_unsound |= mp_fork_reset_mutex (&self->mutex);
}

void
mp_queue_kept_init (MpQueueKept *self)
{
  g_queue_init (&self->tokens);
  g_mutex_init (&self->mutex);
  mp_fork_hook_add (&self->fork_hook, reset_after_fork);
}

void
mp_queue_kept_clear (MpQueueKept *self)
{
  mp_fork_hook_remove (&self->fork_hook);
  if (!self->is_unsound)
    g_queue_clear_full (&self->tokens, g_free);
  g_mutex_clear (&self->mutex);
}

/* Locks the list.  A forked child first drops the entries of the parent. */
static void
lock (MpQueueKept *self)
{
  g_mutex_lock (&self->mutex);
  if (G_LIKELY (!self->by_parent))
    return;

  if (self->is_unsound)
    g_queue_init (&self->tokens);
  else
    g_queue_clear_full (&self->tokens, g_free);
  self->by_parent = self->is_unsound = FALSE;
}

void
mp_queue_kept_push (MpQueueKept        *self,
                    const MpQueueToken *token)
{
  lock (self);
  g_queue_push_tail (&self->tokens, g_memdup2 (token, sizeof *token));
  g_mutex_unlock (&self->mutex);
}

MpQueueToken *
mp_queue_kept_pop (MpQueueKept *self)
{
  MpQueueToken *token;

  lock (self);
  token = g_queue_pop_head (&self->tokens);
  g_mutex_unlock (&self->mutex);
  return token;
}

void
mp_queue_kept_unpop (MpQueueKept        *self,
                     const MpQueueToken *token)
{
  lock (self);
  g_queue_push_head (&self->tokens, g_memdup2 (token, sizeof *token));
  g_mutex_unlock (&self->mutex);
}

MpQueueToken *
mp_queue_kept_pop_all (MpQueueKept *self,
                       guint       *out_n)
{
  MpQueueToken *tokens;
  guint         n;

  lock (self);
  n = self->tokens.length;
  tokens = g_new (MpQueueToken, n);
  for (guint i = 0; i < n; i++)
    {
      g_autofree MpQueueToken *token = g_queue_pop_head (&self->tokens);

      tokens[i] = *token;
    }
  g_mutex_unlock (&self->mutex);
  *out_n = n;
  return tokens;
}
