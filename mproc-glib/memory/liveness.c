/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "liveness.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <pthread.h>
#include <unistd.h>

/* Who lives: each participant holds a record lock on one byte of the file, through an open
 * file description of its own.  The kernel drops it at death, whatever the pid namespace;
 * it outlives the thread that took it, and no other descriptor's closing drops it.
 *
 * A forked child shares the description, and would keep its parent alive: it closes its
 * copy at once, and attaches afresh when it first uses the handle. */

guint32 mp_liveness_fork_count = 1;

static GMutex     handles_mutex;
static GPtrArray *handles;

static void
before_fork (void)
{
  g_mutex_lock (&handles_mutex);
}

static void
after_fork_in_parent (void)
{
  g_mutex_unlock (&handles_mutex);
}

static void
after_fork_in_child (void)
{
  mp_liveness_fork_count++;
  for (guint i = 0; i < handles->len; i++)
    {
      MpMemory *memory = g_ptr_array_index (handles, i);

      close (memory->live_fd);
      memory->live_fd = -1;
      memory->recovering = 0;
      g_mutex_init (&memory->attach_mutex);
    }
  g_ptr_array_set_size (handles, 0);
  g_mutex_unlock (&handles_mutex);
}

/* With the mutex from before the open until the handle is registered: a child that is
 * forked in between would keep the description, and us alive. */
static int
open_and_register (MpMemory   *self,
                   const char *path)
{
  static gsize once;

  if (g_once_init_enter (&once))
    {
      handles = g_ptr_array_new ();
      pthread_atfork (before_fork, after_fork_in_parent, after_fork_in_child);
      g_once_init_leave (&once, 1);
    }

  g_mutex_lock (&handles_mutex);
  self->live_fd = open (path, O_RDWR | O_CLOEXEC);
  if (self->live_fd != -1)
    g_ptr_array_add (handles, self);
  g_mutex_unlock (&handles_mutex);
  return self->live_fd;
}

/* Opens the file once more: a description of our own. */
gboolean
mp_liveness_open (MpMemory *self,
                  GError  **error)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", self->fd);

  if (open_and_register (self, path) == -1)
    {
      int saved_errno = errno;

      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved_errno),
                   "Cannot open the memory of the queue through %s: %s", path,
                   g_strerror (saved_errno));
      return FALSE;
    }

  return TRUE;
}

void
mp_liveness_close (MpMemory *self)
{
  if (self->live_fd == -1)
    return;

  g_mutex_lock (&handles_mutex);
  g_ptr_array_remove_fast (handles, self);
  g_mutex_unlock (&handles_mutex);

  close (self->live_fd);
  self->live_fd = -1;
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
                   guint     participant,
                   gboolean  wait)
{
  int result;

  do
    result = control_lock (self, wait ? F_OFD_SETLKW : F_OFD_SETLK, F_WRLCK, participant, NULL);
  while (result == -1 && errno == EINTR);

  return result == 0;
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
