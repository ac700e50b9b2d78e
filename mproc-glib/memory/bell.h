/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* Wakes a main loop.
 *
 * All processes write to one eventfd, which nobody reads: its counter never becomes empty,
 * so it is no level but an edge, and no reader can take another's wake-up away.  Each bell
 * holds it, edge-triggered, in an epoll descriptor of its own, beside a timer, and as a watcher
 * beside what tells of deaths. */

typedef struct _MpBell MpBell;

MpBell *mp_bell_new (MpMemory        *memory,
                     MpQueueCondition condition,
                     GError         **error);
void    mp_bell_free (MpBell *self);
int     mp_bell_get_fd (MpBell *self);
/* Returns whether it is time to look who died. */
gboolean mp_bell_arm (MpBell  *self,
                      gboolean rang);
/* After that look: whether it found somebody dead. */
void mp_bell_looked (MpBell  *self,
                     gboolean found);
void mp_bell_hold (MpBell  *self,
                   gboolean pending);

G_END_DECLS
