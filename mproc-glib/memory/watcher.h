/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

/* Watchers: the waiters that detect the death of other participants.
 *
 * When a process dies, the kernel closes its description of the file, which inotify reports to
 * those that watch the file.  If all waiters watched it, each exit would wake them all.  So only a
 * few do, the watchers, and recover the dead: two sleeping threads and two main loops, since one of
 * each may be killed or stopped.  The other waiters sleep without a limit, except for rare checks
 * in case all watchers are gone: all waiters of a queue together wake up less than once a second.
 */

/* A death that inotify has reported.  The first watcher checks at once, and once more a little
 * later if it found no dead participant, since the kernel reports the close just before it drops
 * the locks.  The other watchers check later, unless another waiter has done so meanwhile. */
typedef struct
{
  gint64   heard_at; /* 0: no report */
  gboolean defers;   /* checks only later */
} MpWatcherAlarm;

#define MP_WATCHER_LATER_US 4000

typedef enum
{
  MP_WATCHER_THREAD,
  MP_WATCHER_LOOP,
} MpWatcherKind;

/* Whether there are fewer watchers of this kind than wanted. */
gboolean mp_watcher_is_wanted (MpMemory     *memory,
                               MpWatcherKind kind);
/* Whether there is any watcher of this kind. */
gboolean mp_watcher_is_there (MpMemory     *memory,
                              MpWatcherKind kind);
/* Makes the waiter of @slot a watcher, if one is wanted.  The caller then checks for earlier
 * deaths, which inotify does not report. */
gboolean mp_watcher_begin (MpMemory     *memory,
                           MpWatcherKind kind,
                           guint         slot);
void     mp_watcher_end (MpMemory *memory,
                         guint     slot);
/* Ends the watching of all waiters of this handle; another sleeping thread takes over. */
void mp_watcher_end_all (MpMemory *memory);

/* To be called when inotify reports a death, and MP_WATCHER_LATER_US afterwards.  Both return
 * whether to check for dead participants now. */
gboolean mp_watcher_hear (MpMemory       *memory,
                          guint           slot,
                          MpWatcherAlarm *alarm);
gboolean mp_watcher_hear_later (MpMemory       *memory,
                                MpWatcherAlarm *alarm);

/* After how many microseconds the waiter of @slot is to check next if no event comes before. */
gint64 mp_watcher_choose_tick (MpMemory *memory,
                               guint     slot);

/* Opens an inotify descriptor that becomes readable after a death.  Returns -1 if the user's limit
 * of inotify instances is reached. */
int  mp_watcher_open_deaths (MpMemory *memory);
void mp_watcher_drain (int fd);

/* The descriptors that a watcher thread polls: the pipe of the queue and the inotify descriptor.
 * They belong to the handle and are used by one thread at a time.
 *
 * Closing an inotify descriptor takes 100 ms and more on a busy machine.  So a handle whose thread
 * is woken keeps it, and closes it only after a thread has slept long without watching.  There are
 * few for each user, so only MP_N_WATCHING_HANDLES handles have one.  A thread of another handle
 * watches without, that is, it checks at intervals, until it has slept long. */
gboolean mp_watcher_claim_handle (MpMemory *memory);
void     mp_watcher_release_handle (MpMemory *memory);
/* Returns FALSE if they cannot be opened, or if enough other handles have some, unless @insists. */
gboolean mp_watcher_open (MpMemory *memory,
                          gboolean  insists);
/* Consumes the pending events.  Returns FALSE if there were none, or if the descriptors refer to
 * other files by now. */
gboolean mp_watcher_clear (MpMemory *memory,
                           gboolean *died);
/* Closes them unless a thread uses them. */
void mp_watcher_close (MpMemory *memory);

G_END_DECLS
