/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-thread-waker.h"

#include "mp-fd-identity.h"
#include "mp-fork.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct
{
  MpForkHook   fork_hook;
  int          fd;
  MpFdIdentity identity;
} Waker;

static void
close_own (Waker *self)
{
  if (self->fd >= 0 && mp_fd_identity_is_of (&self->identity, self->fd))
    close (self->fd);
  self->fd = -1;
}

/* The counter of an eventfd is shared with the parent.  It is closed at once: the child may be a
 * daemon, which closes all descriptors and opens other files. */
static void
in_child (MpForkHook *hook)
{
  close_own (MP_FORK_HOOK_OWNER (hook, Waker));
}

static void
waker_free (gpointer data)
{
  Waker *waker = data;

  mp_fork_hook_remove (&waker->fork_hook);
  close_own (waker);
  g_free (waker);
}

static GPrivate thread_waker = G_PRIVATE_INIT (waker_free);

int
mp_thread_waker_get_fd (void)
{
  Waker *waker = g_private_get (&thread_waker);

  if (waker != NULL && waker->fd >= 0)
    return waker->fd;

  if (waker == NULL)
    {
      waker = g_new0 (Waker, 1);
      waker->fd = -1;
      mp_fork_hook_add (&waker->fork_hook, in_child);
      g_private_set (&thread_waker, waker);
    }

  mp_fork_block ();
  waker->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (waker->fd >= 0)
    mp_fd_identity_take (&waker->identity, waker->fd);
  mp_fork_unblock ();
  return waker->fd;
}

gboolean
mp_thread_waker_check (void)
{
  Waker *waker = g_private_get (&thread_waker);

  if (waker == NULL || waker->fd < 0 || mp_fd_identity_is_of (&waker->identity, waker->fd))
    return TRUE;

  waker->fd = -1;
  return FALSE;
}

/* Whether @fd is an eventfd, as far as the system tells: its thread may have lost it. */
static gboolean
is_eventfd (int fd)
{
  struct stat status;

  return fstat (fd, &status) == 0 && (status.st_mode & S_IFMT) == 0;
}

/* An eventfd whose counter is full wakes its thread anyway. */
void
mp_thread_waker_wake (int fd)
{
  static const guint64 one = 1;

  if (!is_eventfd (fd))
    return;

  while (write (fd, &one, sizeof one) < 0 && errno == EINTR)
    continue;
}

void
mp_thread_waker_clear (int fd)
{
  guint64 n;

  if (mp_thread_waker_check () && read (fd, &n, sizeof n) < 0 && errno != EAGAIN)
    g_debug ("Reading an eventfd failed: %s", g_strerror (errno));
}
