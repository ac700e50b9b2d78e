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

/* Detects which participants are alive.  Each holds a record lock on one byte of the file
 * (F_OFD_SETLK), through an open file description that no other handle has: a process that shared
 * it would keep the lock held.  The kernel drops the lock when the process ends, also across pid
 * namespaces.  It does not depend on the thread that took it, and closing other descriptors of the
 * file does not drop it.
 *
 * A mapped page keeps the description open, and thus the lock held, even if the program closes all
 * its descriptors.  That page is not inherited by a forked child.  The descriptor is, and would
 * make a dead parent seem alive: a child replaces it at once by a description of its own under the
 * same number, and attaches as a participant when it first uses the handle. */

static void
close_watch (MpMemory *self)
{
  if (mp_memory_owns_descriptors (self) && self->watch_fd != -1)
    close (self->watch_fd);
  if (mp_memory_owns_descriptors (self) && self->death_fd != -1)
    close (self->death_fd);
  mp_store (&self->watch_fd, -1);
  self->death_fd = -1;
}

/* Without /proc, or at the limit of descriptors, the child cannot use the queue: see
 * mp_liveness_check (). */
static void
replace_file (MpMemory *self)
{
  int fresh;

  if (self->fd == -1 || !mp_memory_owns_descriptors (self))
    return;

  fresh = mp_fd_reopen (self->fd);
  if (fresh == -1)
    {
      self->fork_errno = errno;
      close (self->fd);
      return;
    }
  dup3 (fresh, self->fd, O_CLOEXEC);
  close (fresh);
}

static void
forget_parent (MpForkHook *hook)
{
  MpMemory *self = MP_FORK_HOOK_OWNER (hook, MpMemory);

  close_watch (self);
  replace_file (self);
  mp_store (&self->is_attached, 0);
  self->anchor = NULL;
  self->recovering = self->watching = 0;
  /* The thread that held the mutex exists in the parent only; the child attaches anew anyway. */
  mp_fork_reset_mutex (&self->attach_mutex);
}

/* To be called before the handle is used, so that the hook runs in every forked child. */
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

/* To be called before a lock is claimed. */
gboolean
mp_liveness_open (MpMemory *self,
                  GError  **error)
{
  if (!mp_liveness_check (self, error))
    return FALSE;

  self->anchor = map_anchor (self->fd);
  mp_store (&self->is_attached, 1);
  return TRUE;
}

/* Whether this process can still use the queue. */
gboolean
mp_liveness_check (MpMemory *self,
                   GError  **error)
{
  if (mp_memory_owns_descriptors (self))
    return TRUE;

  if (self->fork_errno != 0)
    return mp_check_proc (error) &&
           mp_set_error_from_errno (error, self->fork_errno,
                                    _ ("The queue was not opened again after a fork"));

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED,
                       _ ("The descriptors of the queue were closed by this program"));
  return FALSE;
}

void
mp_liveness_close (MpMemory *self)
{
  mp_fork_block ();
  if (mp_load (&self->is_attached) && self->participant < MP_N_PARTICIPANTS &&
      mp_memory_owns_descriptors (self))
    mp_liveness_unclaim (self, self->participant);
  if (self->anchor != NULL)
    munmap (self->anchor, (gsize) sysconf (_SC_PAGESIZE));
  self->anchor = NULL;
  mp_store (&self->is_attached, 0);
  close_watch (self);
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
  int result = fcntl (self->fd, command, &lock);

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

/* Whether `fd` refers to the description that holds this handle's lock.  If the program closed
 * all descriptors and another handle of the same queue was opened under this number, device and
 * inode are the same, but the lock belongs to a different description. */
static gboolean
has_own_lock (MpMemory *self)
{
  short found;

  return mp_memory_owns_descriptors (self) &&
         (self->participant >= MP_N_PARTICIPANTS ||
          (control_lock (self, F_OFD_GETLK, F_WRLCK, self->participant, &found) == 0 &&
           found == F_UNLCK));
}

/* Whether the participant's lock is held.  Returns TRUE in case of doubt, so that a living
 * participant is never taken for dead. */
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
