/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-fork.h"

#include <pthread.h>
#include <unistd.h>

/* 0 when it is not known. */
static int own_pid;

static void
forget_pid (void)
{
  own_pid = 0;
}

/* Waits ask for it each time, and the system takes longer to say it than most of what they do
 * besides. */
int
mp_own_pid (void)
{
  static gsize once = 0;
  int          pid = g_atomic_int_get (&own_pid);

  if (G_LIKELY (pid != 0))
    return pid;

  if (g_once_init_enter (&once))
    {
      pthread_atfork (NULL, NULL, forget_pid);
      g_once_init_leave (&once, 1);
    }

  pid = getpid ();
  g_atomic_int_set (&own_pid, pid);
  return pid;
}
