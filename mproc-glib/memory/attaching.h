/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* How a handle becomes a participant, and how it ceases to be one. */

gboolean mp_attach_anew (MpMemory *self,
                         GError  **error);
void     mp_detach (MpMemory *self);

/* For a process that is about to end while other threads may still be at work: returns the leases
 * of this handle and marks its slot, so that its death needs no recovery, unless one of its threads
 * is in the middle of an operation.  The next recovery frees the slot. */
void mp_detach_at_exit (MpMemory *self);

/* Called at the start of every operation: a forked child first has to attach as a participant. */
static inline gboolean
mp_attach (MpMemory *self,
           GError  **error)
{
  return G_LIKELY (mp_load_acquire (&self->fork_count) == mp_fork_count) ||
         mp_attach_anew (self, error);
}

G_END_DECLS
