/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "bell.h"

#include "base/mp-errno.h"
#include "liveness.h"
#include "waiters.h"
#include "watcher.h"

#include <glib/gi18n-lib.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* How often the main loop checks the queue when all slots of the waiters' table are taken. */
#define WITHOUT_SLOT_US (100 * 1000)

/* The source of an event, as stored in its epoll data. */
enum
{
  SOURCE_BELL,
  SOURCE_DEATHS,
  SOURCE_TICK,
  SOURCE_PENDING,
};

struct _MpBell
{
  MpForkHook       fork_hook;
  MpMemory        *memory;
  MpQueueCondition condition;
  int              epoll_fd;
  int              tick_fd;    /* a timer: bounds the time to the next check */
  int              death_fd;   /* the inotify descriptor of a watcher, else -1 */
  int              pending_fd; /* a private eventfd, see mp_bell_hold (); created on first use */
  gboolean         pending;
  guint            slot;       /* in the waiters' table; MP_N_WAITERS: none */
  guint32          fork_count; /* when the slot was claimed */

  MpWatcherAlarm alarm;
};

static gboolean
add (MpBell *self,
     int     fd,
     guint32 events,
     guint32 source)
{
  struct epoll_event event = { .events = events, .data.u32 = source };

  return fd != -1 && epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void
set_tick (MpBell *self,
          gint64  us)
{
  const struct itimerspec time = {
    .it_value = { us / G_USEC_PER_SEC, us % G_USEC_PER_SEC * 1000 },
  };

  timerfd_settime (self->tick_fd, 0, &time, NULL);
}

static void
choose_tick (MpBell *self)
{
  set_tick (self, self->slot < MP_N_WAITERS ? mp_watcher_choose_tick (self->memory, self->slot)
                                            : WITHOUT_SLOT_US);
}

static gboolean
open_descriptors (MpBell *self)
{
  self->death_fd = self->pending_fd = -1;
  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  self->tick_fd = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

  return self->epoll_fd != -1 &&
         add (self, self->memory->bell_fd, EPOLLIN | EPOLLET, SOURCE_BELL) &&
         add (self, self->tick_fd, EPOLLIN, SOURCE_TICK);
}

static void
close_all_but_epoll (MpBell *self)
{
  if (self->tick_fd != -1)
    close (self->tick_fd);
  if (self->death_fd != -1)
    close (self->death_fd);
  if (self->pending_fd != -1)
    close (self->pending_fd);
}

static void
close_descriptors (MpBell *self)
{
  close_all_but_epoll (self);
  if (self->epoll_fd != -1)
    close (self->epoll_fd);
}

static void
ring_always (MpBell *self)
{
  self->pending_fd = eventfd (1, EFD_CLOEXEC | EFD_NONBLOCK);
  add (self, self->pending_fd, EPOLLIN, SOURCE_PENDING);
}

/* An inherited epoll descriptor shares its state with the parent: an event that the child consumes
 * would be lost to the parent.  The child therefore creates its own epoll instance under the same
 * number, which main loops may already poll.  The slot in the waiters' table and the role of a
 * watcher stay with the parent. */
static void
replace_after_fork (MpForkHook *hook)
{
  MpBell *self = (MpBell *) hook;
  int     number = self->epoll_fd;

  if (!mp_memory_owns_descriptors (self->memory))
    return;

  close_all_but_epoll (self);
  if (open_descriptors (self))
    {
      if (self->pending)
        ring_always (self);
      if (self->epoll_fd != number)
        {
          dup3 (self->epoll_fd, number, O_CLOEXEC);
          close (self->epoll_fd);
        }
    }
  self->epoll_fd = number;
}

MpBell *
mp_bell_new (MpMemory        *memory,
             MpQueueCondition condition,
             GError         **error)
{
  MpBell *self = g_new0 (MpBell, 1);

  self->memory = memory;
  self->condition = condition;
  self->slot = MP_N_WAITERS;
  if (!open_descriptors (self))
    {
      mp_set_error_from_errno (error, errno, _ ("Cannot watch the queue"));
      close_descriptors (self);
      g_free (self);
      return NULL;
    }

  mp_fork_hook_add (&self->fork_hook, replace_after_fork);
  return self;
}

static MpWaits *
waits_of (MpBell *self)
{
  return self->memory->waits[self->condition];
}

/* A slot that was claimed before a fork belongs to the parent process. */
static gboolean
has_slot (MpBell *self)
{
  return self->slot < MP_N_WAITERS && self->fork_count == mp_fork_count;
}

void
mp_bell_free (MpBell *self)
{
  mp_fork_hook_remove (&self->fork_hook);

  if (has_slot (self))
    {
      mp_waits_clear (waits_of (self), self->slot, MP_WAITS_ARMED);
      mp_watcher_end (self->memory, self->slot);
      mp_waiters_release_slot (self->memory, self->slot);
    }
  if (mp_memory_owns_descriptors (self->memory))
    close_descriptors (self);
  g_free (self);
}

int
mp_bell_get_fd (MpBell *self)
{
  return self->epoll_fd;
}

/* Consumes the pending events.  Returns whether to check for dead participants.  Setting the timer
 * anew also clears its readiness. */
static gboolean
clear (MpBell *self)
{
  struct epoll_event events[4];
  int                n = epoll_wait (self->epoll_fd, events, G_N_ELEMENTS (events), 0);
  gboolean           died = FALSE, ticked = FALSE, looks = FALSE;

  for (int i = 0; i < n; i++)
    {
      died |= events[i].data.u32 == SOURCE_DEATHS && self->death_fd != -1;
      ticked |= events[i].data.u32 == SOURCE_TICK;
    }
  if (ticked)
    {
      looks = self->alarm.heard_at == 0 || mp_watcher_hear_later (self->memory, &self->alarm);
      choose_tick (self);
    }
  if (died)
    {
      mp_watcher_drain (self->death_fd);
      looks |= mp_watcher_hear (self->memory, self->slot, &self->alarm);
      set_tick (self, MP_WATCHER_LATER_US);
    }
  return looks;
}

void
mp_bell_looked (MpBell  *self,
                gboolean found)
{
  if (!found || self->alarm.heard_at == 0)
    return;

  self->alarm.heard_at = 0;
  choose_tick (self);
}

static void
ensure_slot (MpBell *self)
{
  if (G_LIKELY (has_slot (self)))
    return;

  self->slot = mp_waiters_claim_slot (self->memory);
  self->fork_count = mp_fork_count;
  choose_tick (self);
}

/* Returns whether this bell became a watcher just now.  The caller then checks for dead
 * participants once, since inotify does not report earlier deaths. */
static gboolean
ensure_watcher (MpBell *self)
{
  if (self->death_fd != -1 || !mp_watcher_is_wanted (self->memory, MP_WATCHER_LOOP))
    return FALSE;

  mp_fork_block ();
  self->death_fd = mp_watcher_open_deaths (self->memory);
  mp_fork_unblock ();
  if (self->death_fd == -1)
    return FALSE;

  add (self, self->death_fd, EPOLLIN, SOURCE_DEATHS);
  if (!mp_watcher_begin (self->memory, MP_WATCHER_LOOP, self->slot))
    {
      close (self->death_fd);
      self->death_fd = -1;
      return FALSE;
    }
  choose_tick (self);
  return TRUE;
}

gboolean
mp_bell_arm (MpBell  *self,
             gboolean rang)
{
  gboolean looks;

  /* Still armed: no waker has run since the bell was armed. */
  if (!rang && has_slot (self) && mp_waits_is_armed (waits_of (self), self->slot))
    return FALSE;

  if (!mp_memory_owns_descriptors (self->memory))
    return FALSE;
  ensure_slot (self);
  if (self->slot == MP_N_WAITERS)
    return clear (self);

  looks = clear (self);
  looks |= ensure_watcher (self);
  mp_waits_set (waits_of (self), self->slot, MP_WAITS_ARMED);
  mp_full_barrier ();
  return looks;
}

/* Keeps the descriptor readable while @pending, by an eventfd in the epoll set. */
void
mp_bell_hold (MpBell  *self,
              gboolean pending)
{
  guint64 value = 1;
  gssize  ignored = 0;

  if (self->pending == pending || !mp_memory_owns_descriptors (self->memory))
    return;

  self->pending = pending;
  if (!pending)
    ignored = read (self->pending_fd, &value, sizeof value);
  else if (self->pending_fd != -1)
    ignored = write (self->pending_fd, &value, sizeof value);
  else
    ring_always (self);
  (void) ignored; /* Neither can fail: the counter is 0 or 1. */
}
