/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-fd-identity.h"

#include <fcntl.h>

gboolean
mp_fd_identity_take (MpFdIdentity *self,
                     int           fd)
{
  struct stat status;

  if (fstat (fd, &status) != 0)
    return FALSE;

  *self = (MpFdIdentity){ status.st_dev, status.st_ino };
  return TRUE;
}

gboolean
mp_fd_identity_is_of (const MpFdIdentity *self,
                      int                 fd)
{
  struct stat status;

  return fstat (fd, &status) == 0 && status.st_dev == self->device && status.st_ino == self->inode;
}

int
mp_fd_reopen (int fd)
{
  char path[64];

  g_snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  return open (path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
}
