/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>
#include <sys/stat.h>

G_BEGIN_DECLS

/* What a descriptor refers to.  A program may close all its descriptors, as daemons do, and open
 * other files, which get the same numbers; the library must not touch those.  Eventfds, timers and
 * epoll instances have one identity together, so only other kinds of files are told from them. */
typedef struct
{
  dev_t device;
  ino_t inode;
} MpFdIdentity;

/* Both are safe in fork hooks. */
gboolean mp_fd_identity_take (MpFdIdentity *self,
                              int           fd);
gboolean mp_fd_identity_is_of (const MpFdIdentity *self,
                               int                 fd);

/* Opens the same file for reading and writing, as another open file description.  Returns -1 with
 * errno set.  Safe in fork hooks. */
int mp_fd_reopen (int fd);

G_END_DECLS
