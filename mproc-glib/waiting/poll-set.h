/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-waitable.h"

#include <poll.h>

G_BEGIN_DECLS

/* An epoll set with the descriptors of many objects.  Waiting for it takes equally long for one
 * object and for a thousand.  Adding a thousand takes a thousand system calls, so the set is kept
 * for the next wait for the same objects.
 *
 * A kept set is stored as data of the first object and freed with it.  It needs no lock, since a
 * wait takes it out, and it holds no references to the objects. */
typedef struct _MpPollSet MpPollSet;

/* Up to this many objects no set is kept: poll () is fast enough, and a set uses a descriptor. */
#define MP_POLL_SET_FEW 64

MpPollSet *mp_poll_set_take (MpWaitable **objects,
                             gsize        n_objects);
void       mp_poll_set_keep (MpPollSet *self);
void       mp_poll_set_free (MpPollSet *self);

/* Whether the set was kept from an earlier wait for these objects. */
gboolean mp_poll_set_is_kept (MpPollSet *self);

/* Updates the epoll instance from @fds, which has an entry for each object; negative descriptors
 * are left out.  Returns 0 or an errno. */
int mp_poll_set_update (MpPollSet           *self,
                        const struct pollfd *fds);

/* The epoll descriptor, which is readable when one of the descriptors is ready.  Valid after an
 * update. */
int mp_poll_set_get_fd (MpPollSet *self);

/* Stores the events in @fds, where negative descriptors stay untouched.  Returns the number of
 * ready descriptors. */
int mp_poll_set_collect (MpPollSet     *self,
                         struct pollfd *fds);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpPollSet, mp_poll_set_free)

G_END_DECLS
