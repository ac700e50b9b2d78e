/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pool-watch.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/mp-deadline.h"
#include "base/mp-errno.h"

/* The data of the events of the timer and of the queue, where those of workers have an id. */
#define NO_WORKER 0

static gboolean
add (MpPoolWatch *self,
     int          fd,
     guint32      id,
     GError     **error)
{
  struct epoll_event event = { .events = EPOLLIN, .data.u32 = id };

  return epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ||
         mp_set_error_from_errno (error, errno, _ ("Cannot watch the workers of a pool"));
}

gboolean
mp_pool_watch_open (MpPoolWatch *self,
                    int          reports_fd,
                    GError     **error)
{
  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  self->timer_fd = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (self->epoll_fd == -1 || self->timer_fd == -1)
    mp_set_error_from_errno (error, errno, _ ("Cannot watch the workers of a pool"));
  else if (add (self, self->timer_fd, NO_WORKER, error) &&
           (reports_fd == -1 || add (self, reports_fd, NO_WORKER, error)))
    return TRUE;

  mp_pool_watch_close (self);
  return FALSE;
}

void
mp_pool_watch_close (MpPoolWatch *self)
{
  if (self->epoll_fd != -1)
    close (self->epoll_fd);
  if (self->timer_fd != -1)
    close (self->timer_fd);
  *self = (MpPoolWatch) MP_POOL_WATCH_INIT;
}

gboolean
mp_pool_watch_add (MpPoolWatch *self,
                   int          fd,
                   guint32      id,
                   GError     **error)
{
  return add (self, fd, id, error);
}

void
mp_pool_watch_remove (MpPoolWatch *self,
                      int          fd)
{
  epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void
mp_pool_watch_set_due (MpPoolWatch *self,
                       gint64       due)
{
  struct itimerspec time = { 0 };

  if (self->timer_fd == -1 || self->due == due)
    return;

  self->due = due;
  if (due != MP_DEADLINE_NEVER)
    {
      /* A time of 0 would disarm the timer. */
      due = MAX (due, 1);
      time.it_value.tv_sec = due / G_USEC_PER_SEC;
      time.it_value.tv_nsec = due % G_USEC_PER_SEC * 1000;
    }
  timerfd_settime (self->timer_fd, TFD_TIMER_ABSTIME, &time, NULL);
}

guint
mp_pool_watch_list_ended (MpPoolWatch *self,
                          guint32      ids[MP_POOL_WATCH_BATCH])
{
  /* Two more for the timer and the queue. */
  struct epoll_event events[MP_POOL_WATCH_BATCH + 2];
  int                n = epoll_wait (self->epoll_fd, events, MP_POOL_WATCH_BATCH + 2, 0);
  guint              n_ended = 0;

  for (int i = 0; i < n; i++)
    if (events[i].data.u32 != NO_WORKER && n_ended < MP_POOL_WATCH_BATCH)
      ids[n_ended++] = events[i].data.u32;
  return n_ended;
}

gboolean
mp_pool_watch_is_ready (MpPoolWatch *self)
{
  struct pollfd fd = { .fd = self->epoll_fd, .events = POLLIN };

  return self->epoll_fd != -1 && poll (&fd, 1, 0) > 0;
}
