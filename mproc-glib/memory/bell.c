/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "bell.h"

#include "base/mp-errno.h"
#include "liveness.h"
#include "waiters.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* How often to look for deaths and for wake-ups when the system has no watch, or the table
 * no slot, left for us. */
#define FALLBACK_PERIOD_NS (100 * 1000 * 1000)

struct _MpBell
{
  MpForkHook  fork_hook;
  MpMemory   *memory;
  MpWaitsKind condition;
  int         epoll_fd;
  int         death_fd;   /* an inotify watch, or a timer where there is none */
  int         pending_fd; /* an eventfd of our own: keeps the bell ringing */
  int         timer_fd;   /* rings now and then while the bell has no slot; -1: it has */
  gboolean    pending;
  guint       slot;
  guint32     fork_count;
};

static gboolean
watch (MpBell *self,
       int     fd,
       guint32 events)
{
  struct epoll_event event = { .events = events, .data.fd = fd };

  return epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int
open_timer (void)
{
  const struct itimerspec period = { { 0, FALLBACK_PERIOD_NS }, { 0, FALLBACK_PERIOD_NS } };
  int                     fd = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

  if (fd != -1)
    timerfd_settime (fd, 0, &period, NULL);
  return fd;
}

/* Each participant keeps a description of the file open for writing until it dies, and the
 * kernel tells who watches the file when it closes. */
static int
open_death_watch (MpMemory *memory)
{
  char path[64];
  int  fd = inotify_init1 (IN_CLOEXEC | IN_NONBLOCK);

  g_snprintf (path, sizeof path, "/proc/self/fd/%d", memory->fd);
  if (fd != -1 && inotify_add_watch (fd, path, IN_CLOSE_WRITE) != -1)
    return fd;

  /* Watches are few for each user. */
  if (fd != -1)
    close (fd);
  return open_timer ();
}

static gboolean
open_descriptors (MpBell *self)
{
  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  self->death_fd = open_death_watch (self->memory);
  self->pending_fd = eventfd (self->pending, EFD_CLOEXEC | EFD_NONBLOCK);
  self->timer_fd = -1;

  return self->epoll_fd != -1 && self->death_fd != -1 && self->pending_fd != -1 &&
         watch (self, self->memory->bell_fd, EPOLLIN | EPOLLET) &&
         watch (self, self->death_fd, EPOLLIN) &&
         watch (self, self->pending_fd, EPOLLIN);
}

static void
close_descriptors (MpBell *self)
{
  if (self->epoll_fd != -1)
    close (self->epoll_fd);
  if (self->death_fd != -1)
    close (self->death_fd);
  if (self->pending_fd != -1)
    close (self->pending_fd);
  if (self->timer_fd != -1)
    close (self->timer_fd);
}

/* An inherited epoll descriptor is the parent's: what the child would take out of it, the
 * parent would miss.  The child gets its own under the same number, which main loops may
 * already know. */
static void
replace_after_fork (MpForkHook *hook)
{
  MpBell *self = (MpBell *) hook;
  int     number = self->epoll_fd;

  close (self->death_fd);
  close (self->pending_fd);
  if (self->timer_fd != -1)
    close (self->timer_fd);
  if (open_descriptors (self) && self->epoll_fd != number)
    {
      dup3 (self->epoll_fd, number, O_CLOEXEC);
      close (self->epoll_fd);
    }
  self->epoll_fd = number;
}

MpBell *
mp_bell_new (MpMemory   *memory,
             MpWaitsKind condition,
             GError    **error)
{
  MpBell *self = g_new0 (MpBell, 1);

  self->memory = memory;
  self->condition = condition;
  if (!open_descriptors (self))
    {
      mp_set_error_from_errno (error, errno, "Cannot watch the queue");
      close_descriptors (self);
      g_free (self);
      return NULL;
    }

  self->slot = mp_waiters_claim_slot (memory);
  self->fork_count = mp_fork_count;
  mp_fork_hook_add (&self->fork_hook, replace_after_fork);
  return self;
}

static MpWaits *
waits_of (MpBell *self)
{
  return self->memory->waits[self->condition];
}

void
mp_bell_free (MpBell *self)
{
  mp_fork_hook_remove (&self->fork_hook);

  if (self->slot < MP_N_WAITERS && self->fork_count == mp_fork_count)
    {
      mp_waits_clear (waits_of (self), self->slot, FALSE);
      mp_waiters_release_slot (self->memory, self->slot);
    }
  close_descriptors (self);
  g_free (self);
}

int
mp_bell_get_fd (MpBell *self)
{
  return self->epoll_fd;
}

/* Clears what has rung.  Returns whether somebody may have died. */
static gboolean
clear (MpBell *self)
{
  struct epoll_event events[4];
  int                n = epoll_wait (self->epoll_fd, events, G_N_ELEMENTS (events), 0);
  gboolean           died = FALSE;

  for (int i = 0; i < n; i++)
    {
      char buffer[1024];

      if (events[i].data.fd != self->death_fd && events[i].data.fd != self->timer_fd)
        continue;
      died |= events[i].data.fd == self->death_fd;
      while (read (events[i].data.fd, buffer, sizeof buffer) == sizeof buffer)
        ;
    }
  return died;
}

/* Claims a slot when there is none of ours: the parent's, before a fork, stays the parent's.
 * As long as all are taken the bell rings by the clock. */
static gboolean
ensure_slot (MpBell *self)
{
  gboolean is_inherited = self->fork_count != mp_fork_count;

  if (G_LIKELY (self->slot < MP_N_WAITERS && !is_inherited))
    return TRUE;

  self->slot = mp_waiters_claim_slot (self->memory);
  self->fork_count = mp_fork_count;
  if (self->slot < MP_N_WAITERS)
    {
      if (self->timer_fd != -1)
        close (self->timer_fd);
      self->timer_fd = -1;
      return TRUE;
    }

  if (self->timer_fd == -1)
    {
      self->timer_fd = open_timer ();
      if (self->timer_fd != -1)
        watch (self, self->timer_fd, EPOLLIN);
    }
  return FALSE;
}

gboolean
mp_bell_arm (MpBell  *self,
             gboolean rang)
{
  gboolean died;

  if (!ensure_slot (self))
    return clear (self);

  /* Still armed: nothing has rung for us since. */
  if (!rang && mp_waits_is_armed (waits_of (self), self->slot))
    return FALSE;

  died = clear (self);
  mp_waits_set (waits_of (self), self->slot, FALSE);
  mp_full_barrier ();
  return died;
}

/* Keeps the bell ringing, or lets it be silent. */
void
mp_bell_hold (MpBell  *self,
              gboolean pending)
{
  guint64 value = 1;
  gssize  ignored;

  if (self->pending == pending)
    return;

  self->pending = pending;
  if (pending)
    ignored = write (self->pending_fd, &value, sizeof value);
  else
    ignored = read (self->pending_fd, &value, sizeof value);
  (void) ignored; /* Neither can fail: the counter is 0 or 1. */
}
