/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "liveness.h"

#include <glib/gi18n-lib.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mp-errno.h"

/* Who lives: each participant holds a record lock on one byte of the file, through an open
 * file description of its own.  The kernel drops it at death, whatever the pid namespace;
 * it outlives the thread that took it, and no other descriptor's closing drops it.
 *
 * A page that is mapped from the description keeps it, and us alive, also when the program has
 * closed all its descriptors; that page is not inherited by a forked child.  The descriptor is,
 * and the child would keep its parent alive: it closes its copy at once, and attaches afresh
 * when it first uses the handle. */

static void
close_descriptors (MpMemory *self)
{
  if (!mp_memory_owns_descriptors (self))
    return;

  if (self->live_fd != -1)
    close (self->live_fd);
  if (self->watch_fd != -1)
    close (self->watch_fd);
  if (self->death_fd != -1)
    close (self->death_fd);
}

static void
forget_parent (MpForkHook *hook)
{
  MpMemory *self = MP_FORK_HOOK_OWNER (hook, MpMemory);

  close_descriptors (self);
  mp_store (&self->watch_fd, -1);
  mp_store (&self->live_fd, -1);
  self->death_fd = -1;
  self->anchor = NULL;
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

static gpointer
map_anchor (int fd)
{
  const gsize size = (gsize) sysconf (_SC_PAGESIZE);
  gpointer    anchor = mmap (NULL, size, PROT_NONE, MAP_SHARED, fd, 0);

  if (anchor == MAP_FAILED)
    return NULL;
  if (madvise (anchor, size, MADV_DONTFORK) == 0)
    return anchor;
  munmap (anchor, size);
  return NULL;
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
  mp_store (&self->live_fd, open (path, O_RDWR | O_CLOEXEC));
  saved_errno = errno;
  if (self->live_fd != -1)
    self->anchor = map_anchor (self->live_fd);
  mp_fork_unblock ();

  if (self->live_fd == -1)
    return mp_check_proc (error) &&
           mp_set_error_from_errno (error, saved_errno,
                                    _ ("Cannot open the memory of the queue through %s"), path);
  return mp_liveness_check (self, error);
}

/* Whether this process can still use the queue. */
gboolean
mp_liveness_check (MpMemory *self,
                   GError  **error)
{
  if (mp_memory_owns_descriptors (self))
    return TRUE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED,
                       _ ("The descriptors of the queue were closed by this program"));
  return FALSE;
}

void
mp_liveness_close (MpMemory *self)
{
  mp_fork_block ();
  if (self->anchor != NULL)
    munmap (self->anchor, (gsize) sysconf (_SC_PAGESIZE));
  self->anchor = NULL;
  close_descriptors (self);
  mp_store (&self->watch_fd, -1);
  mp_store (&self->live_fd, -1);
  self->death_fd = -1;
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

/* Whether the descriptor is of the description that has our own lock: one of the same file that
 * another handle opened under its number knows nothing of that one's lock. */
static gboolean
has_own_lock (MpMemory *self)
{
  short found;

  return mp_memory_owns_descriptors (self) &&
         (self->participant >= MP_N_PARTICIPANTS ||
          (control_lock (self, F_OFD_GETLK, F_WRLCK, self->participant, &found) == 0 &&
           found == F_UNLCK));
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
  if (control_lock (self, F_OFD_GETLK, F_WRLCK, participant, &found) == 0 && found != F_UNLCK)
    return TRUE;
  return !has_own_lock (self);
}
