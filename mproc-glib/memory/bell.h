/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* A bell is a descriptor that wakes a main loop when a condition of the queue may hold.
 *
 * All processes write to one pipe that is read only to make room, so that no reader can consume a
 * wake-up meant for another.  It stays readable; only the edge of a write counts.  Each bell has
 * its own epoll instance, which holds the pipe edge-triggered, a timer, and, if the bell is a
 * watcher, the inotify descriptor that reports deaths. */

typedef struct _MpBell MpBell;

MpBell *mp_bell_new (MpMemory        *memory,
                     MpQueueCondition condition,
                     GError         **error);
void    mp_bell_free (MpBell *self);
int     mp_bell_get_fd (MpBell *self);
/* Arms the bell for the next wake-up; @rang says that its descriptor was readable.  Returns whether
 * the caller is to check for dead participants now. */
gboolean mp_bell_arm (MpBell  *self,
                      gboolean rang);
/* To be called after that check; @found says whether a dead participant was found. */
void mp_bell_looked (MpBell  *self,
                     gboolean found);
void mp_bell_hold (MpBell  *self,
                   gboolean pending);

G_END_DECLS
