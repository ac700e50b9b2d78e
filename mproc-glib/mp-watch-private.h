/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-waitable.h"

#include <poll.h>

G_BEGIN_DECLS

/* The descriptors of many objects in one, which the kernel watches: to wait for them takes as
 * long for a thousand as for one.  To put a thousand there takes a thousand system calls, so
 * that a watch is kept for the next wait for the same objects.
 *
 * It hangs on the first of them, as what else it has: it needs no lock, because a wait takes
 * it away, and it goes away with that object.  It refers to none of them. */
typedef struct _MpWatch MpWatch;

/* Up to this many objects nothing is kept: polling them is fast enough, and a watch holds a
 * descriptor of its own. */
#define MP_WATCH_FEW 64

MpWatch *mp_watch_take    (MpWaitable          **objects,
                           gsize                 n_objects);
void     mp_watch_keep    (MpWatch              *self);
void     mp_watch_free    (MpWatch              *self);

/* Whether there was a wait for these objects before. */
gboolean mp_watch_is_kept (MpWatch              *self);

/* Sees to it that the kernel watches what @fds says, which has an element for each object;
 * what is negative there is left out.  Returns 0 or an errno. */
int      mp_watch_update  (MpWatch              *self,
                           const struct pollfd  *fds);

/* The descriptor that is readable when one of them has fired; only after an update. */
int      mp_watch_get_fd  (MpWatch              *self);

/* Writes into @fds what has fired; negative ones stay untouched.  Returns how many it were. */
int      mp_watch_collect (MpWatch              *self,
                           struct pollfd        *fds);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpWatch, mp_watch_free)

G_END_DECLS
