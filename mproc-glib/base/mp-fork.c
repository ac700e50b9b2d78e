/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-fork.h"

#include <pthread.h>
#include <unistd.h>

guint32 mp_fork_count = 1;

/* 0 when unknown. */
static int own_pid;

/* Held while the process is forked, so that a child finds the list whole. */
static GMutex      hooks_mutex;
static MpForkHook *hooks;

static void
in_child (void)
{
  MpForkHook *next;

  mp_fork_count++;
  own_pid = 0;
  for (MpForkHook *hook = hooks; hook != NULL; hook = next)
    {
      next = hook->next;
      hook->in_child (hook);
    }
  g_mutex_unlock (&hooks_mutex);
}

/* When the library is loaded, and not when it is first used: a child that is forked while
 * another thread of its parent is inside g_once_init_enter () would wait for that thread. */
static void __attribute__ ((constructor))
install_handlers (void)
{
  pthread_atfork (mp_fork_block, mp_fork_unblock, in_child);
}

/* Waits ask for it each time, and the system takes longer to say it than most of what they do
 * besides. */
int
mp_own_pid (void)
{
  int pid = g_atomic_int_get (&own_pid);

  if (G_LIKELY (pid != 0))
    return pid;

  pid = getpid ();
  g_atomic_int_set (&own_pid, pid);
  return pid;
}

void
mp_fork_hook_add (MpForkHook *self,
                  void (*func) (MpForkHook *self))
{
  mp_fork_block ();
  self->in_child = func;
  self->next = hooks;
  self->link = &hooks;
  if (hooks != NULL)
    hooks->link = &self->next;
  hooks = self;
  mp_fork_unblock ();
}

void
mp_fork_hook_remove (MpForkHook *self)
{
  if (self->link == NULL)
    return;

  mp_fork_block ();
  *self->link = self->next;
  if (self->next != NULL)
    self->next->link = self->link;
  self->link = NULL;
  mp_fork_unblock ();
}

void
mp_fork_block (void)
{
  g_mutex_lock (&hooks_mutex);
}

void
mp_fork_unblock (void)
{
  g_mutex_unlock (&hooks_mutex);
}

gboolean
mp_fork_reset_mutex (GMutex *mutex)
{
  if (g_mutex_trylock (mutex))
    {
      g_mutex_unlock (mutex);
      return FALSE;
    }

  g_mutex_init (mutex);
  return TRUE;
}
