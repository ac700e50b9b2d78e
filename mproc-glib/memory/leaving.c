/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "leaving.h"

#include "attaching.h"

#include <stdlib.h>

/* Guarded by mp_fork_block (), so that it is consistent in a forked child. */
static GPtrArray *handles;

void
mp_leaving_add (MpMemory *memory)
{
  mp_fork_block ();
  if (handles == NULL)
    {
      handles = g_ptr_array_new ();
      atexit (mp_leaving_leave_all);
    }
  g_ptr_array_add (handles, memory);
  mp_fork_unblock ();
}

void
mp_leaving_remove (MpMemory *memory)
{
  mp_fork_block ();
  if (handles != NULL)
    g_ptr_array_remove_fast (handles, memory);
  mp_fork_unblock ();
}

void
mp_leaving_leave_all (void)
{
  mp_fork_block ();
  for (guint i = 0; handles != NULL && i < handles->len; i++)
    mp_detach_at_exit (g_ptr_array_index (handles, i));
  mp_fork_unblock ();
}
