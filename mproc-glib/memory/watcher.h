/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* Who looks after the others.
 *
 * The kernel tells who watches the file when a participant's description of it is closed, and
 * that is, when the participant dies.  Were all who wait told, each exit would wake them all; so
 * two sleeping threads and two main loops, the watchers, are told and clean up.  There are
 * two of each since one may be killed or stopped.  The others sleep without an end, but for
 * a look now and then that finds out when all watchers are gone: all waiters of a queue
 * together wake up about once a second. */

/* What a watcher heard of a death.  The first watcher looks at once, and once more a little later
 * when it found nobody dead: the kernel tells of the closing of a file just before it drops the
 * locks on it.  The others look later, unless somebody has looked meanwhile. */
typedef struct
{
  gint64   heard_at; /* 0: nothing */
  gboolean defers;
} MpWatcherAlarm;

#define MP_WATCHER_LATER_US 4000

typedef enum
{
  MP_WATCHER_THREAD,
  MP_WATCHER_LOOP,
} MpWatcherKind;

/* Whether there are fewer watchers than there should be. */
gboolean mp_watcher_is_wanted (MpMemory     *memory,
                               MpWatcherKind kind);
/* Whether there is any. */
gboolean mp_watcher_is_there (MpMemory     *memory,
                              MpWatcherKind kind);
/* Makes the waiter of @slot a watcher, if one is wanted.  It then looks who died before. */
gboolean mp_watcher_begin (MpMemory     *memory,
                           MpWatcherKind kind,
                           guint         slot);
void     mp_watcher_end (MpMemory *memory,
                         guint     slot);

/* Both return whether to look now. */
gboolean mp_watcher_hear (MpMemory       *memory,
                          guint           slot,
                          MpWatcherAlarm *alarm);
gboolean mp_watcher_hear_later (MpMemory       *memory,
                                MpWatcherAlarm *alarm);

/* In how many microseconds the waiter of @slot is to look, whatever wakes it before. */
gint64 mp_watcher_choose_tick (MpMemory *memory,
                               guint     slot);

/* A descriptor that is readable after somebody died, or -1: watches are few for each user. */
int  mp_watcher_open_deaths (MpMemory *memory);
void mp_watcher_drain (int fd);

/* What a watching thread sleeps on: the shared bell and the deaths.  They are the handle's, and
 * for one thread at a time. */
gboolean mp_watcher_claim_handle (MpMemory *memory);
void     mp_watcher_release_handle (MpMemory *memory);
/* FALSE when they cannot be had. */
gboolean mp_watcher_open (MpMemory *memory);
/* Takes in what has rung.  FALSE when nothing has: they are somebody else's by now. */
gboolean mp_watcher_clear (MpMemory *memory,
                           gboolean *died);
/* Closes them if no thread uses them any more. */
void mp_watcher_close (MpMemory *memory);

G_END_DECLS
