/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "bell-pipe.h"

#include "base/mp-fd-identity.h"
#include "base/mp-fork.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel limits the pages of all pipes of a user.  With two, one can be read to make room while
 * the other keeps the pipe readable. */
#define N_PAGES 2

/* The mode lets a receiver that runs as another user open the pipe anew. */
static int
make_pipe (void)
{
  int ends[2], fd;

  if (pipe2 (ends, O_CLOEXEC | O_NONBLOCK) == -1)
    return -1;
  fd = fchmod (ends[0], 0666) == 0 ? mp_fd_reopen (ends[0]) : -1;
  close (ends[0]);
  close (ends[1]);
  return fd;
}

/* Forks are blocked meanwhile, so that no child inherits the ends. */
int
mp_bell_pipe_new (void)
{
  int fd, saved_errno;

  mp_fork_block ();
  fd = make_pipe ();
  saved_errno = errno;
  mp_fork_unblock ();

  if (fd != -1)
    fcntl (fd, F_SETPIPE_SZ, N_PAGES * (int) sysconf (_SC_PAGESIZE));
  else if (saved_errno == ENOENT)
    return eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  errno = saved_errno;
  return fd;
}

static guint64
id_of (const struct stat *status)
{
  return S_ISFIFO (status->st_mode) ? status->st_ino : 0;
}

guint64
mp_bell_pipe_get_id (int fd)
{
  struct stat status;

  return fstat (fd, &status) == 0 ? id_of (&status) : 0;
}

/* Another file may have got the number of the descriptor meanwhile, and to open it could have side
 * effects, so it is located first. */
static int
open_if_same (int         folder,
              const char *name,
              guint64     id)
{
  int place = openat (folder, name, O_PATH | O_CLOEXEC);
  int fd = -1, saved_errno;

  if (place == -1)
    return -1;
  errno = ENOENT;
  if (mp_bell_pipe_get_id (place) == id)
    fd = mp_fd_reopen (place);
  saved_errno = errno;
  close (place);
  errno = saved_errno;
  return fd;
}

int
mp_bell_pipe_open (int     pid,
                   guint64 id)
{
  g_autofree char     *path = g_strdup_printf ("/proc/%d/fd", pid);
  DIR                 *folder = opendir (path);
  const struct dirent *entry;
  int                  fd = -1, saved_errno = ENOENT;

  if (folder == NULL)
    return -1;
  while (fd == -1 && (entry = readdir (folder)) != NULL)
    {
      struct stat status;

      if (fstatat (dirfd (folder), entry->d_name, &status, 0) == -1 || id_of (&status) != id)
        continue;
      fd = open_if_same (dirfd (folder), entry->d_name, id);
      saved_errno = errno;
    }
  closedir (folder);
  errno = saved_errno;
  return fd;
}
