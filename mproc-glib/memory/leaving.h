/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* The handles that detach from their queues when the process ends, so that no recovery by others is
 * needed.  A handle detaches at exit () if it was added and not removed, and in
 * mp_leaving_leave_all (). */

void mp_leaving_add (MpMemory *memory);
void mp_leaving_remove (MpMemory *memory);

/* For a process that is about to end by _exit ().  A handle that is used afterwards attaches to its
 * queue again. */
void mp_leaving_leave_all (void);

G_END_DECLS
