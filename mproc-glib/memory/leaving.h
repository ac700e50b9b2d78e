/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* The handles of a process that ends: each leaves its queue, so that nobody has to clean up after
 * it.  From being added to being removed, a handle leaves at exit (), and when it is asked to. */

void mp_leaving_add (MpMemory *memory);
void mp_leaving_remove (MpMemory *memory);

/* For a process that is about to end by _exit ().  A handle that is used afterwards joins its
 * queue again. */
void mp_leaving_leave_all (void);

G_END_DECLS
