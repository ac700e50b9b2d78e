/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-thread-waker.h"

#include "mp-fork.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct
{
  int fd;
  int pid;
} Waker;

static void
waker_free (gpointer data)
{
  Waker *waker = data;

  if (waker->fd >= 0)
    close (waker->fd);
  g_free (waker);
}

static GPrivate thread_waker = G_PRIVATE_INIT (waker_free);

int
mp_thread_waker_get_fd (void)
{
  Waker *waker = g_private_get (&thread_waker);
  int    pid = mp_own_pid ();

  if (waker != NULL && waker->fd >= 0 && waker->pid == pid)
    return waker->fd;

  if (waker == NULL)
    {
      waker = g_new0 (Waker, 1);
      g_private_set (&thread_waker, waker);
    }
  else if (waker->fd >= 0)
    {
      close (waker->fd);
    }

  waker->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  waker->pid = pid;
  return waker->fd;
}

/* An eventfd whose counter is full wakes its thread anyway. */
void
mp_thread_waker_wake (int fd)
{
  static const guint64 one = 1;

  while (write (fd, &one, sizeof one) < 0 && errno == EINTR)
    continue;
}

void
mp_thread_waker_clear (int fd)
{
  guint64 n;

  if (G_UNLIKELY (read (fd, &n, sizeof n) < 0 && errno != EAGAIN))
    g_debug ("Reading an eventfd failed: %s", g_strerror (errno));
}
