/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-waitable.h"

#include <poll.h>

G_BEGIN_DECLS

/* The descriptors of many objects in one, which the kernel watches: to wait for them takes as
 * long for a thousand as for one.  To put a thousand there takes a thousand system calls, so
 * that a set is kept for the next wait for the same objects.
 *
 * It hangs on the first of them, as what else it has: it needs no lock, because a wait takes
 * it away, and it goes away with that object.  It refers to none of them. */
typedef struct _MpWatch MpPollSet;

/* Up to this many objects nothing is kept: polling them is fast enough, and a set holds a
 * descriptor of its own. */
#define MP_POLL_SET_FEW 64

MpPollSet *mp_poll_set_take (MpWaitable **objects,
                             gsize        n_objects);
void       mp_poll_set_keep (MpPollSet *self);
void       mp_poll_set_free (MpPollSet *self);

/* Whether there was a wait for these objects before. */
gboolean mp_poll_set_is_kept (MpPollSet *self);

/* Sees to it that the kernel watches what @fds says, which has an element for each object;
 * what is negative there is left out.  Returns 0 or an errno. */
int mp_poll_set_update (MpPollSet           *self,
                        const struct pollfd *fds);

/* The descriptor that is readable when one of them has fired; only after an update. */
int mp_poll_set_get_fd (MpPollSet *self);

/* Writes into @fds what has fired; negative ones stay untouched.  Returns how many it were. */
int mp_poll_set_collect (MpPollSet     *self,
                         struct pollfd *fds);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpPollSet, mp_poll_set_free)

G_END_DECLS
