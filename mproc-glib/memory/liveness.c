/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "liveness.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <unistd.h>

#include "base/mp-errno.h"

/* Who lives: each participant holds a record lock on one byte of the file, through an open
 * file description of its own.  The kernel drops it at death, whatever the pid namespace;
 * it outlives the thread that took it, and no other descriptor's closing drops it.
 *
 * A forked child shares the description, and would keep its parent alive: it closes its
 * copy at once, and attaches afresh when it first uses the handle. */

static void
forget_parent (MpForkHook *hook)
{
  MpMemory *self = MP_FORK_HOOK_OWNER (hook, MpMemory);

  if (self->live_fd != -1)
    close (self->live_fd);
  if (self->watch_fd != -1)
    close (self->watch_fd);
  if (self->death_fd != -1)
    close (self->death_fd);
  self->live_fd = self->watch_fd = self->death_fd = -1;
  self->recovering = self->watching = 0;
  /* Who held it was about to attach for the parent: the child begins again. */
  mp_fork_reset_mutex (&self->attach_mutex);
}

/* From when on the handle may be used, so that no child is forked without its knowing. */
void
mp_liveness_init (MpMemory *self)
{
  mp_fork_hook_add (&self->fork_hook, forget_parent);
}

void
mp_liveness_clear (MpMemory *self)
{
  mp_liveness_close (self);
  mp_fork_hook_remove (&self->fork_hook);
}

/* Opens the file once more: a description of our own. */
gboolean
mp_liveness_open (MpMemory *self,
                  GError  **error)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", self->fd);
  int              saved_errno;

  /* A child that is forked in between would keep the description, and us alive. */
  mp_fork_block ();
  self->live_fd = open (path, O_RDWR | O_CLOEXEC);
  saved_errno = errno;
  mp_fork_unblock ();

  if (self->live_fd == -1)
    return mp_set_error_from_errno (error, saved_errno,
                                    "Cannot open the memory of the queue through %s", path);

  return TRUE;
}

void
mp_liveness_close (MpMemory *self)
{
  mp_fork_block ();
  if (self->live_fd != -1)
    close (self->live_fd);
  self->live_fd = -1;
  mp_fork_unblock ();
}

static int
control_lock (MpMemory *self,
              int       command,
              short     type,
              guint     participant,
              short    *found)
{
  struct flock lock = {
    .l_type = type,
    .l_whence = SEEK_SET,
    .l_start = MP_LIVENESS_BASE + participant,
    .l_len = 1,
  };
  int result = fcntl (self->live_fd, command, &lock);

  if (found != NULL)
    *found = lock.l_type;
  return result;
}

gboolean
mp_liveness_claim (MpMemory *self,
                   guint     participant)
{
  return control_lock (self, F_OFD_SETLK, F_WRLCK, participant, NULL) == 0;
}

void
mp_liveness_unclaim (MpMemory *self,
                     guint     participant)
{
  control_lock (self, F_OFD_SETLK, F_UNLCK, participant, NULL);
}

/* Whether somebody else holds the participant's lock; when in doubt, yes. */
gboolean
mp_liveness_is_alive (MpMemory *self,
                      guint     participant)
{
  short found;

  if (participant == self->participant)
    return TRUE;
  if (participant == MP_RECOVERER && mp_load (&self->recovering))
    return TRUE;

  return control_lock (self, F_OFD_GETLK, F_WRLCK, participant, &found) == -1 ||
         found != F_UNLCK;
}
