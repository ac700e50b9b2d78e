/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-fork.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <pthread.h>
#include <unistd.h>

guint32 mp_fork_count = 1;

/* 0: not known yet. */
static int own_pid;

/* Held during a fork, so that the list is consistent in the child. */
static GMutex      hooks_mutex;
static MpForkHook *hooks;

/* Threads of GLib's pools are named after the program, with this prefix. */
#define POOL_PREFIX "pool-"

/* Whether GLib's pools had threads at the last fork; and in a child, whether it has lost them. */
static gboolean had_threads, has_lost_threads;

/* Whether this library itself has used one of them. */
static gint uses_pool;

static gboolean
is_pool_thread (const char *id)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/comm", id);
  g_autofree char *name = NULL;

  return g_file_get_contents (path, &name, NULL, NULL) && g_str_has_prefix (name, POOL_PREFIX);
}

/* Called before a fork.  If neither GTask nor this library used GLib's pools, these have no
 * threads. */
static gboolean
find_threads (void)
{
  g_autoptr (GDir) tasks = NULL;
  const char *id;

  if (!g_atomic_int_get (&uses_pool) && g_type_from_name ("GTask") == 0)
    return FALSE;

  tasks = g_dir_open ("/proc/self/task", 0, NULL);
  if (tasks == NULL)
    return TRUE;

  while ((id = g_dir_read_name (tasks)) != NULL)
    {
      if (is_pool_thread (id))
        return TRUE;
    }

  return FALSE;
}

static void
before_fork (void)
{
  had_threads = find_threads ();
  mp_fork_block ();
}

gboolean
mp_fork_check_threads (GError **error)
{
  if (!has_lost_threads)
    return TRUE;

  g_set_error_literal (
    error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
    _ ("This process was forked off while GLib used threads, and cannot use TLS: "
       "fork before that, or start a program instead"));
  return FALSE;
}

void
mp_fork_note_pool (void)
{
  g_atomic_int_set (&uses_pool, TRUE);
}

static void
in_child (void)
{
  MpForkHook *next;

  has_lost_threads |= had_threads;
  mp_fork_count++;
  own_pid = 0;
  for (MpForkHook *hook = hooks; hook != NULL; hook = next)
    {
      next = hook->next;
      hook->in_child (hook);
    }
  g_mutex_unlock (&hooks_mutex);
}

/* Runs when the library is loaded, not on first use: a child that is forked while another thread of
 * its parent is inside g_once_init_enter () would wait for that thread for ever. */
static void __attribute__ ((constructor))
install_handlers (void)
{
  pthread_atfork (before_fork, mp_fork_unblock, in_child);
}

/* The pid is cached, since every wait needs it and getpid () takes longer than most of what a wait
 * does. */
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
  if (self->link == NULL)
    {
      self->in_child = func;
      self->next = hooks;
      self->link = &hooks;
      if (hooks != NULL)
        hooks->link = &self->next;
      hooks = self;
    }
  mp_fork_unblock ();
}

void
mp_fork_hook_remove (MpForkHook *self)
{
  mp_fork_block ();
  if (self->link != NULL)
    {
      *self->link = self->next;
      if (self->next != NULL)
        self->next->link = self->link;
      self->link = NULL;
    }
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
