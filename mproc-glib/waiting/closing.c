/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "closing.h"

#include "base/mp-fork.h"
#include "base/mp-thread-waker.h"
#include "mp-waitable-private.h"

/* The waits of this process that are in progress. */
static GMutex          lock;
static MpClosingWatch *watches;
static MpForkHook      fork_hook;

/* How often the list was abandoned after a fork. */
static guint n_lists;

static void
remove_watch (MpClosingWatch *self)
{
  *self->link = self->next;
  if (self->next != NULL)
    self->next->link = self->link;
  self->link = NULL;
}

/* In a child, the other threads that waited in the parent do not exist.  If one of them was
 * changing the list, it is abandoned, and waits that began before the fork are not woken. */
static void
in_child (MpForkHook *hook)
{
  MpClosingWatch *next;

  if (mp_fork_reset_mutex (&lock))
    {
      watches = NULL;
      n_lists++;
    }

  for (MpClosingWatch *watch = watches; watch != NULL; watch = next)
    {
      next = watch->next;
      if (watch->source == NULL)
        remove_watch (watch);
    }
}

void
mp_closing_watch_begin (MpClosingWatch *self)
{
  mp_fork_hook_add (&fork_hook, in_child);

  self->has_begun = TRUE;
  g_mutex_lock (&lock);
  self->is_woken = FALSE;
  self->list = n_lists;
  self->next = watches;
  self->link = &watches;
  if (watches != NULL)
    watches->link = &self->next;
  watches = self;
  g_mutex_unlock (&lock);
}

void
mp_closing_watch_end (MpClosingWatch *self)
{
  if (!self->has_begun)
    return;

  self->has_begun = FALSE;
  g_mutex_lock (&lock);
  if (self->link != NULL && self->list == n_lists)
    remove_watch (self);
  g_mutex_unlock (&lock);
}

gboolean
mp_closing_watch_take (MpClosingWatch *self)
{
  return g_atomic_int_compare_and_exchange (&self->is_woken, TRUE, FALSE);
}

static gboolean
waits_for (MpClosingWatch *self,
           MpWaitable     *object)
{
  for (gsize i = 0; i < self->n_objects; i++)
    if (self->objects[i] == object)
      return TRUE;
  return FALSE;
}

void
mp_waitable_wake_waits (MpWaitable *object)
{
  mp_fork_hook_add (&fork_hook, in_child);

  g_mutex_lock (&lock);
  for (MpClosingWatch *watch = watches; watch != NULL; watch = watch->next)
    {
      if (!waits_for (watch, object))
        continue;

      g_atomic_int_set (&watch->is_woken, TRUE);
      if (watch->source != NULL)
        g_source_set_ready_time (watch->source, 0);
      else
        mp_thread_waker_wake (watch->fd);
    }
  g_mutex_unlock (&lock);
}
