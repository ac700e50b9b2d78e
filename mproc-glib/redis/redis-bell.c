/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-queue-private.h"

#include "base/mp-errno.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static gboolean
add (MpRedisBell *self,
     int          fd)
{
  struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

  return fd != -1 && epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static gboolean
open_descriptors (MpRedisBell *self,
                  guint        count)
{
  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  self->ring_fd = eventfd (count, EFD_CLOEXEC | EFD_NONBLOCK);
  self->is_readable = count > 0;
  return self->epoll_fd != -1 && add (self, self->ring_fd);
}

static void
close_descriptors (MpRedisBell *self)
{
  if (self->ring_fd != -1)
    close (self->ring_fd);
  if (self->epoll_fd != -1)
    close (self->epoll_fd);
}

/* The descriptors share their state with the parent's bell, so the child replaces them; the epoll
 * descriptor keeps its number.  The bell rings until it is armed, which adds the descriptor of the
 * queue. */
static void
replace_after_fork (MpForkHook *hook)
{
  MpRedisBell *self = (MpRedisBell *) hook;
  const int    number = self->epoll_fd;

  close (self->ring_fd);
  if (open_descriptors (self, 1) && self->epoll_fd != number)
    {
      dup3 (self->epoll_fd, number, O_CLOEXEC);
      close (self->epoll_fd);
    }
  self->epoll_fd = number;
  self->is_rung = TRUE;
}

MpQueueBell *
mp_redis_bell_new (gpointer         user_data,
                   MpQueueCondition condition,
                   GError         **error)
{
  MpRedisQueue *queue = user_data;
  MpRedisBell  *self = g_new0 (MpRedisBell, 1);

  self->queue = queue;
  self->condition = condition;
  mp_redis_lock (queue);
  self->fork_count = mp_fork_count;
  if (!open_descriptors (self, 0) || !add (self, queue->epoll_fd))
    {
      mp_set_error_from_errno (error, errno, _ ("Cannot watch the queue"));
      g_mutex_unlock (&queue->mutex);
      close_descriptors (self);
      g_free (self);
      return NULL;
    }
  g_ptr_array_add (queue->bells, self);
  g_mutex_unlock (&queue->mutex);
  mp_fork_hook_add (&self->fork_hook, replace_after_fork);
  return (MpQueueBell *) self;
}

void
mp_redis_bell_free (gpointer     user_data,
                    MpQueueBell *bell)
{
  MpRedisQueue *queue = user_data;
  MpRedisBell  *self = (MpRedisBell *) bell;

  mp_fork_hook_remove (&self->fork_hook);
  mp_redis_lock (queue);
  g_ptr_array_remove_fast (queue->bells, self);
  g_mutex_unlock (&queue->mutex);
  close_descriptors (self);
  g_free (self);
}

int
mp_redis_bell_fd (MpQueueBell *bell)
{
  return ((MpRedisBell *) bell)->epoll_fd;
}

static void
repair (MpRedisBell *self)
{
  if (G_LIKELY (self->fork_count == mp_fork_count))
    return;
  self->fork_count = mp_fork_count;
  add (self, self->queue->epoll_fd);
}

void
mp_redis_bell_arm (gpointer     user_data,
                   MpQueueBell *bell,
                   gboolean     rang)
{
  MpRedisQueue *queue = user_data;
  MpRedisBell  *self = (MpRedisBell *) bell;

  mp_redis_lock (queue);
  repair (self);
  self->is_rung = FALSE;
  self->is_armed = self->condition != MP_QUEUE_WAIT_ANSWERS;
  mp_redis_bell_update (self);
  mp_redis_step (queue);
  if (self->condition == MP_QUEUE_WAIT_ANSWERS)
    mp_redis_tell_ended (queue);
  g_mutex_unlock (&queue->mutex);
}

void
mp_redis_bell_hold (MpQueueBell *bell,
                    gboolean     pending)
{
  MpRedisBell *self = (MpRedisBell *) bell;

  mp_redis_lock (self->queue);
  repair (self);
  self->is_held = pending;
  mp_redis_bell_update (self);
  g_mutex_unlock (&self->queue->mutex);
}
