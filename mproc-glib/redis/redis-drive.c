/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-queue-private.h"

#include "base/mp-deadline.h"
#include "base/mp-errno.h"
#include "mp-error.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Doing the work of a queue without a thread of its own.  One epoll descriptor contains the
 * connections, a timer and an eventfd.  A main loop that waits polls it, and calls mp_redis_step ()
 * when it is ready.  Of several threads in blocking calls, one, the driver, does so; each of the
 * others sleeps on its own eventfd until its request has ended or it becomes the driver. */

/* How long a call with the timeout 0, which needs a round trip nevertheless, waits for its
 * answer. */
#define PATIENCE_US (1 * G_USEC_PER_SEC)

static gboolean
add (int epoll_fd,
     int fd)
{
  struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

  return fd != -1 && epoll_ctl (epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static gboolean
open_descriptors (MpRedisQueue *self)
{
  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  self->timer_fd = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  self->kick_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  self->timer_at = MP_DEADLINE_NEVER;
  for (guint i = 0; i < MP_REDIS_N_STREAMS; i++)
    self->polled_fds[i] = -1;
  return self->epoll_fd != -1 && add (self->epoll_fd, self->timer_fd) &&
         add (self->epoll_fd, self->kick_fd);
}

static void
close_descriptors (MpRedisQueue *self)
{
  const int fds[] = { self->epoll_fd, self->timer_fd, self->kick_fd };

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    if (fds[i] != -1)
      close (fds[i]);
  self->epoll_fd = self->timer_fd = self->kick_fd = -1;
}

/* --- Forks --------------------------------------------------------------------------- */

/* Connections and the epoll descriptor share their state in the kernel with the parent, so the
 * child replaces them under the same numbers.  mp_redis_lock () does the rest when the child first
 * uses the queue. */
static void
replace_after_fork (MpForkHook *hook)
{
  MpRedisQueue *self = MP_FORK_HOOK_OWNER (hook, MpRedisQueue);
  const int     number = self->epoll_fd;

  self->is_unsound |= mp_fork_reset_mutex (&self->mutex);
  for (guint i = 0; i < MP_REDIS_N_STREAMS; i++)
    mp_transport_disconnect_fd (self->polled_fds[i]);
  close (self->timer_fd);
  close (self->kick_fd);
  if (open_descriptors (self) && self->epoll_fd != number)
    {
      dup3 (self->epoll_fd, number, O_CLOEXEC);
      close (self->epoll_fd);
    }
  self->epoll_fd = number;
}

static void
clear_lanes (MpRedisQueue *self)
{
  g_queue_init (&self->put.requests);
  g_queue_init (&self->get.requests);
  g_queue_init (&self->get.stash);
  g_queue_init (&self->watch.requests);
  g_queue_init (&self->asks);
  g_queue_init (&self->ended);
  g_queue_init (&self->sleepers);
}

/* Requests in progress and messages in hand belong to the parent.  The child does not free its
 * copies, since another thread of the parent may have been changing them during the fork. */
static void
renew_after_fork (MpRedisQueue *self)
{
  self->fork_count = mp_fork_count;
  self->has_driver = FALSE;
  if (self->is_unsound)
    self->bells = g_ptr_array_new ();
  self->is_unsound = FALSE;
  clear_lanes (self);
  self->put = (MpRedisPutLane){ .next = 1, .nap_at = -1 };
  self->get = (MpRedisGetLane){ .is_first = TRUE, .nap_at = -1, .told_ms = -1 };
  self->finish = (MpRedisFinishLane){ 0 };
  self->watch.is_asked = self->watch.is_dirty = FALSE;
  self->watch.registered = self->watch.asked = 0;
  self->put.batch = g_array_new (FALSE, FALSE, sizeof (MpRedisSegment));
  self->get.arrived = g_ptr_array_new ();
  self->finish.batch = g_array_new (FALSE, FALSE, sizeof (MpRedisFinish));
  self->finish.waiting = g_array_new (FALSE, FALSE, sizeof (MpRedisFinish));
  self->limited = g_ptr_array_new ();
  if (self->link.state != MP_REDIS_LINK_FAILED)
    mp_redis_link_disown (&self->link);
  mp_redis_session_init (self);
}

void
mp_redis_lock (MpRedisQueue *self)
{
  g_mutex_lock (&self->mutex);
  if (G_UNLIKELY (self->fork_count != mp_fork_count))
    renew_after_fork (self);
}

gboolean
mp_redis_drive_init (MpRedisQueue *self,
                     GError      **error)
{
  g_mutex_init (&self->mutex);
  self->fork_count = mp_fork_count;
  clear_lanes (self);
  self->put.next = 1;
  self->put.nap_at = self->get.nap_at = self->watch.nap_at = -1;
  self->get.is_first = TRUE;
  self->get.told_ms = -1;
  self->put.batch = g_array_new (FALSE, FALSE, sizeof (MpRedisSegment));
  self->get.arrived = g_ptr_array_new ();
  self->finish.batch = g_array_new (FALSE, FALSE, sizeof (MpRedisFinish));
  self->finish.waiting = g_array_new (FALSE, FALSE, sizeof (MpRedisFinish));
  self->limited = g_ptr_array_new ();
  if (!open_descriptors (self))
    {
      mp_set_error_from_errno (error, errno, _ ("Cannot watch the queue"));
      close_descriptors (self);
      return FALSE;
    }
  mp_fork_hook_add (&self->fork_hook, replace_after_fork);
  return TRUE;
}

void
mp_redis_drive_clear (MpRedisQueue *self)
{
  mp_fork_hook_remove (&self->fork_hook);
  g_array_unref (self->put.batch);
  g_free (self->put.out_of_memory);
  for (guint i = 0; i < self->get.arrived->len; i++)
    mp_redis_arrived_free (g_ptr_array_index (self->get.arrived, i));
  g_ptr_array_unref (self->get.arrived);
  g_queue_clear_full (&self->get.stash, (GDestroyNotify) mp_redis_arrived_free);
  g_array_unref (self->finish.batch);
  g_array_unref (self->finish.waiting);
  g_ptr_array_unref (self->limited);
  close_descriptors (self);
  g_mutex_clear (&self->mutex);
}

/* --- Steps --------------------------------------------------------------------------- */

static void
update_stream (MpRedisQueue *self,
               guint         index)
{
  GIOCondition condition;
  int          fd;

  mp_redis_link_get_poll (&self->link, index, &fd, &condition);
  if (fd == self->polled_fds[index] && (guint32) condition == self->polled_events[index] &&
      self->polled_generation == self->link.generation)
    return;

  if (fd == self->polled_fds[index] && self->polled_generation == self->link.generation)
    {
      struct epoll_event event = { .events = (guint32) condition, .data.fd = fd };

      epoll_ctl (self->epoll_fd, EPOLL_CTL_MOD, fd, &event);
    }
  else
    {
      struct epoll_event event = { .events = (guint32) condition, .data.fd = fd };

      /* Fails if the descriptor was closed, which has removed it already. */
      if (self->polled_fds[index] != -1)
        epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, self->polled_fds[index], NULL);
      if (fd != -1)
        epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
  self->polled_fds[index] = fd;
  self->polled_events[index] = (guint32) condition;
}

static gint64
get_earlier (gint64 one,
             gint64 other)
{
  return one < 0 || (other >= 0 && other < one) ? other : one;
}

/* When something is to be done although no descriptor is ready; -1: never. */
static gint64
get_time (MpRedisQueue *self)
{
  gint64 time = mp_redis_link_get_time (&self->link);

  if (mp_redis_is_up (self))
    {
      gboolean wanted = self->watch.requests.length > 0 || mp_redis_bells_get_wanted (self) != 0;

      if (self->put.is_parked)
        time = get_earlier (time, self->put.nap_at);
      if (self->get.is_parked)
        time = get_earlier (time, self->get.nap_at);
      if (wanted)
        time = get_earlier (time, self->watch.nap_at);
    }
  return get_earlier (time, mp_redis_get_limit (self));
}

/* Only bells need the timer: threads that wait pass a deadline to the poll. */
static void
update_timer (MpRedisQueue *self)
{
  const gint64      time = self->bells->len > 0 ? get_time (self) : MP_DEADLINE_NEVER;
  struct itimerspec spec = { { 0, 0 }, { 0, 0 } };

  if (time == self->timer_at)
    return;
  self->timer_at = time;
  if (time >= 0)
    {
      /* A time of 0 would stop the timer. */
      spec.it_value.tv_sec = MAX (time, 1) / G_USEC_PER_SEC;
      spec.it_value.tv_nsec = MAX (time, 1) % G_USEC_PER_SEC * 1000;
    }
  timerfd_settime (self->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void
drain (int fd)
{
  guint64 count;

  while (read (fd, &count, sizeof count) == -1 && errno == EINTR)
    continue;
}

static GError *
make_unknown_error (void)
{
  return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                              _ ("The server did not answer in time: it is not known whether the "
                                 "message was put"));
}

static GError *
make_late_error (MpRedisQueue         *self,
                 const MpRedisRequest *request)
{
  if (request->kind == MP_REDIS_PUT)
    return make_unknown_error ();
  if (!mp_redis_is_up (self) && self->link.error != NULL)
    return g_error_copy (self->link.error);
  return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                              _ ("The server did not answer in time"));
}

/* Ends requests whose time is over. */
static void
end_late (MpRedisQueue *self)
{
  guint i = 0;

  while (i < self->limited->len)
    {
      MpRedisRequest *request = g_ptr_array_index (self->limited, i);

      if (!mp_deadline_has_passed (request->leave_at))
        {
          i++;
          continue;
        }
      mp_redis_withdraw (self, request);
      mp_redis_end_with_error (self, request, make_late_error (self, request));
    }
}

static void
run_lanes (MpRedisQueue *self)
{
  if (!mp_redis_is_up (self))
    return;
  mp_redis_put_run (self);
  mp_redis_finish_run (self);
  mp_redis_get_run (self);
  mp_redis_ask_run (self);
  mp_redis_watch_run (self);
}

void
mp_redis_step (MpRedisQueue *self)
{
  if (self->timer_at >= 0 && mp_deadline_has_passed (self->timer_at))
    drain (self->timer_fd);
  end_late (self);
  run_lanes (self);
  mp_redis_link_step (&self->link);
  run_lanes (self);
  /* Writes the new commands.  Does not read, since the lanes would have to run again after that. */
  mp_redis_link_flush (&self->link);
  for (guint i = 0; i < MP_REDIS_N_STREAMS; i++)
    update_stream (self, i);
  self->polled_generation = self->link.generation;
  update_timer (self);
}

/* --- Requests ------------------------------------------------------------------------ */

void
mp_redis_end_closed (MpRedisQueue *self)
{
  MpRedisRequest *request;
  GList          *next;

  while ((request = g_queue_peek_head (&self->put.requests)) != NULL)
    {
      mp_redis_put_abandon (self, request);
      mp_redis_end (self, request, MP_QUEUE_CLOSED);
    }
  while ((request = g_queue_peek_head (&self->get.requests)) != NULL)
    {
      mp_redis_dequeue (&self->get.requests, request);
      mp_redis_end (self, request, MP_QUEUE_CLOSED);
    }
  for (GList *l = self->watch.requests.head; l != NULL; l = next)
    {
      request = l->data;
      next = l->next;
      if (request->condition == MP_QUEUE_WAIT_DONE)
        continue;
      mp_redis_dequeue (&self->watch.requests, request);
      mp_redis_end (self, request, MP_QUEUE_CLOSED);
    }
  mp_redis_bells_ring (self, MP_QUEUE_WAIT_ITEMS);
  mp_redis_bells_ring (self, MP_QUEUE_WAIT_SPACE);
}

static gboolean
is_closed_for (MpRedisQueue         *self,
               const MpRedisRequest *request)
{
  return self->is_closed &&
         (request->kind == MP_REDIS_PUT || request->kind == MP_REDIS_GET ||
          (request->kind == MP_REDIS_WAIT && request->condition != MP_QUEUE_WAIT_DONE));
}

void
mp_redis_submit (MpRedisQueue   *self,
                 MpRedisRequest *request)
{
  if (self->link.state == MP_REDIS_LINK_FAILED)
    {
      mp_redis_end_with_error (self, request, g_error_copy (self->link.error));
      return;
    }
  if (is_closed_for (self, request))
    {
      mp_redis_end (self, request, MP_QUEUE_CLOSED);
      return;
    }

  switch (request->kind)
    {
    case MP_REDIS_PUT:
      mp_redis_enqueue (&self->put.requests, request);
      break;
    case MP_REDIS_GET:
      mp_redis_enqueue (&self->get.requests, request);
      break;
    case MP_REDIS_WAIT:
      mp_redis_enqueue (&self->watch.requests, request);
      break;
    case MP_REDIS_ASK:
      mp_redis_enqueue (&self->asks, request);
      break;
    case MP_REDIS_FINISH: /* its parts are in the lane already */
    default:
      break;
    }
}

/* Whether the request is part of a command under way, so that its answer is worth waiting for. */
static gboolean
is_under_way (MpRedisQueue         *self,
              const MpRedisRequest *request)
{
  switch (request->kind)
    {
    case MP_REDIS_PUT:
      return request->n_sent > 0;
    case MP_REDIS_GET:
      return mp_redis_get_is_under_way (self);
    case MP_REDIS_WAIT:
      return FALSE;
    case MP_REDIS_ASK:
    case MP_REDIS_FINISH:
    default:
      return TRUE;
    }
}

void
mp_redis_withdraw (MpRedisQueue   *self,
                   MpRedisRequest *request)
{
  switch (request->kind)
    {
    case MP_REDIS_PUT:
      if (!mp_redis_put_remove (self, request))
        mp_redis_put_abandon (self, request);
      break;
    case MP_REDIS_GET:
      mp_redis_get_remove (self, request);
      break;
    case MP_REDIS_WAIT:
      mp_redis_dequeue (&self->watch.requests, request);
      break;
    case MP_REDIS_FINISH:
      mp_redis_finish_forget (self, request);
      break;
    case MP_REDIS_ASK:
    default:
      mp_redis_ask_remove (self, request);
      break;
    }
}

/* --- Blocking calls ------------------------------------------------------------------ */

/* Polls as the driver, until @until at most.  Releases the mutex meanwhile. */
static MpWaitStatus
poll_as_driver (MpRedisQueue *self,
                gint64        until,
                GCancellable *cancellable)
{
  const guint32 forks = self->fork_count;
  MpWaitStatus  status;

  until = get_earlier (get_time (self), until);
  self->has_driver = TRUE;
  self->driver_until = until;
  g_mutex_unlock (&self->mutex);
  status = mp_transport_poll (self->epoll_fd, G_IO_IN, -1, until, cancellable, NULL);
  mp_redis_lock (self);
  if (self->fork_count == forks)
    self->has_driver = FALSE;
  if (self->is_kicked)
    drain (self->kick_fd);
  self->is_kicked = FALSE;
  return status;
}

static MpWaitStatus
poll_as_sleeper (MpRedisQueue   *self,
                 MpRedisRequest *request,
                 gint64          until,
                 GCancellable   *cancellable)
{
  MpWaitStatus status;

  g_mutex_unlock (&self->mutex);
  status = mp_transport_poll (request->wake_fd, G_IO_IN, -1, until, cancellable, NULL);
  mp_redis_lock (self);
  drain (request->wake_fd);
  return status;
}

/* Wakes a thread that sleeps, if there is one, to become the driver. */
static void
hand_over (MpRedisQueue *self)
{
  MpRedisRequest *sleeper = g_queue_peek_head (&self->sleepers);

  if (sleeper != NULL && !self->has_driver)
    eventfd_write (sleeper->wake_fd, 1);
}

/* Wakes the driver if something is to be done earlier than the end of its sleep. */
static void
kick_driver (MpRedisQueue *self)
{
  const gint64 time = get_time (self);

  if (!self->has_driver || time < 0 || (self->driver_until >= 0 && time >= self->driver_until))
    return;
  eventfd_write (self->kick_fd, 1);
  self->is_kicked = TRUE;
}

static MpWaitStatus
wait_once (MpRedisQueue   *self,
           MpRedisRequest *request,
           gint64          until,
           GCancellable   *cancellable)
{
  MpWaitStatus status;

  if (!self->has_driver)
    return poll_as_driver (self, until, cancellable);

  kick_driver (self);
  if (request->wake_fd == -1)
    request->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (request->wake_fd == -1)
    {
      /* There is no descriptor to sleep on, so check again after 10 ms. */
      g_mutex_unlock (&self->mutex);
      status = mp_transport_poll (-1, 0, -1, get_earlier (until, g_get_monotonic_time () + 10000),
                                  cancellable, NULL);
      mp_redis_lock (self);
      return status;
    }
  g_queue_push_tail (&self->sleepers, request);
  status = poll_as_sleeper (self, request, until, cancellable);
  g_queue_remove (&self->sleepers, request);
  return status;
}

static gboolean
needs_link_now (const MpRedisRequest *request)
{
  return request->kind == MP_REDIS_GET || request->kind == MP_REDIS_PUT ||
         request->kind == MP_REDIS_WAIT;
}

/* When a call gives up.  With the timeout 0 it needs a round trip nevertheless. */
static gint64
choose_deadline (MpRedisQueue         *self,
                 const MpRedisRequest *request,
                 const MpQueueCall    *call)
{
  if (!needs_link_now (request))
    return mp_deadline_for_timeout (self->uri->timeout_us);
  if (call->timeout_us == 0)
    return mp_deadline_for_timeout (MIN (PATIENCE_US, self->uri->timeout_us));
  return mp_deadline_for_timeout (call->timeout_us);
}

static gint64
get_linger (MpRedisQueue *self)
{
  return MAX (MP_REDIS_LINGER_US, 4 * self->link.round_trip_us);
}

/* The status of a call whose time is over. */
static MpQueueStatus
explain_timeout (MpRedisQueue   *self,
                 MpRedisRequest *request,
                 gboolean        was_under_way,
                 MpQueueCall    *call)
{
  if (request->kind == MP_REDIS_PUT && was_under_way)
    {
      call->error = make_unknown_error ();
      return MP_QUEUE_FAILED;
    }
  if (!mp_redis_is_up (self) && self->link.error != NULL)
    {
      call->error = g_error_copy (self->link.error);
      return MP_QUEUE_FAILED;
    }
  if (was_under_way || !mp_redis_is_up (self))
    {
      call->error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                         _ ("The server did not answer in time"));
      return MP_QUEUE_FAILED;
    }
  if (request->kind == MP_REDIS_PUT && self->put.out_of_memory != NULL)
    {
      call->error = g_error_new (G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                                 _ ("The server has no memory: %s"), self->put.out_of_memory);
      return MP_QUEUE_FAILED;
    }
  return request->kind == MP_REDIS_PUT   ? MP_QUEUE_FULL
         : request->kind == MP_REDIS_GET ? MP_QUEUE_EMPTY
                                         : MP_QUEUE_TIMED_OUT;
}

static gboolean
is_get_over (MpRedisQueue *self)
{
  return !mp_redis_get_is_under_way (self);
}

void
mp_redis_linger (MpRedisQueue *self,
                 gint64        us,
                 gboolean (*is_over) (MpRedisQueue *self))
{
  const gint64 until = g_get_monotonic_time () + us;

  while (mp_redis_is_up (self) && !is_over (self) && !mp_deadline_has_passed (until))
    {
      if (self->has_driver)
        return;
      poll_as_driver (self, until, NULL);
      mp_redis_step (self);
    }
}

void
mp_redis_end_unwanted_get (MpRedisQueue *self,
                           gint64        us)
{
  if (self->get.requests.length > 0 || !mp_redis_get_is_under_way (self))
    return;
  mp_redis_linger (self, us, is_get_over);
  if (self->get.requests.length == 0 && mp_redis_get_is_under_way (self) && !self->has_driver)
    mp_redis_link_drop (&self->link,
                        g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                             _ ("The server did not answer in time")));
}

/* Until when to wait for the answer of a command under way.  Something large that is being
 * transferred is worth waiting for, within limits. */
static gint64
choose_linger (MpRedisQueue *self,
               gint64        since)
{
  const MpRespStream *stream = &self->link.streams[MP_REDIS_COMMANDS];
  const gint64        until = since + get_linger (self);

  return MAX (until, MIN (stream->moved_at + PATIENCE_US, since + self->uri->timeout_us));
}

/* Ends a call before its request has ended, after waiting briefly for an answer under way. */
static MpQueueStatus
leave (MpRedisQueue   *self,
       MpRedisRequest *request,
       MpQueueStatus   reason,
       MpQueueCall    *call)
{
  const gint64 since = g_get_monotonic_time ();
  gboolean     was_under_way;

  /* A cancelled get returns no message, so do not wait for its answer here. */
  while (!request->has_ended && is_under_way (self, request) && mp_redis_is_up (self) &&
         !(request->kind == MP_REDIS_GET && reason == MP_QUEUE_CANCELLED) &&
         !mp_deadline_has_passed (choose_linger (self, since)))
    {
      wait_once (self, request, choose_linger (self, since), NULL);
      mp_redis_step (self);
    }
  if (request->has_ended)
    return request->status;

  was_under_way = is_under_way (self, request);
  if (reason == MP_QUEUE_TIMED_OUT)
    reason = explain_timeout (self, request, was_under_way, call);
  mp_redis_withdraw (self, request);
  request->has_ended = TRUE;
  if (request->kind == MP_REDIS_GET)
    mp_redis_end_unwanted_get (self, get_linger (self));
  mp_redis_step (self);
  return reason;
}

static MpQueueStatus
wait_for_end (MpRedisQueue   *self,
              MpRedisRequest *request,
              MpQueueCall    *call)
{
  const gint64 deadline = choose_deadline (self, request, call);

  for (;;)
    {
      MpWaitStatus status;

      mp_redis_step (self);
      if (request->has_ended)
        return request->status;
      if (mp_deadline_has_passed (deadline) ||
          (call->timeout_us == 0 && needs_link_now (request) && !mp_redis_is_up (self) &&
           self->link.state == MP_REDIS_LINK_DOWN && self->link.error != NULL))
        return leave (self, request, MP_QUEUE_TIMED_OUT, call);

      status = wait_once (self, request, deadline, call->cancellable);
      if (g_cancellable_is_cancelled (call->cancellable))
        return leave (self, request, MP_QUEUE_CANCELLED, call);
      if (status == MP_WAIT_INTERRUPTED && call->interruptible && !request->has_ended)
        return leave (self, request, MP_QUEUE_INTERRUPTED, call);
    }
}

MpQueueStatus
mp_redis_call (MpRedisQueue   *self,
               MpRedisRequest *request,
               MpQueueCall    *call)
{
  if (g_cancellable_is_cancelled (call->cancellable))
    return MP_QUEUE_CANCELLED;
  mp_redis_lock (self);
  return mp_redis_call_locked (self, request, call);
}

MpQueueStatus
mp_redis_call_locked (MpRedisQueue   *self,
                      MpRedisRequest *request,
                      MpQueueCall    *call)
{
  MpQueueStatus status;

  mp_redis_submit (self, request);
  status = wait_for_end (self, request, call);
  if (request->error != NULL)
    call->error = g_steal_pointer (&request->error);
  hand_over (self);
  g_mutex_unlock (&self->mutex);
  if (request->wake_fd != -1)
    close (request->wake_fd);
  request->wake_fd = -1;
  return status;
}

MpQueueStatus
mp_redis_connect (MpRedisQueue *self,
                  MpQueueCall  *call)
{
  const gint64  deadline = mp_deadline_for_timeout (self->uri->timeout_us);
  MpQueueStatus status = MP_QUEUE_FAILED;

  mp_redis_lock (self);
  for (;;)
    {
      mp_redis_step (self);
      if (mp_redis_is_up (self))
        {
          status = MP_QUEUE_OK;
          break;
        }
      if (self->link.state == MP_REDIS_LINK_FAILED || mp_deadline_has_passed (deadline))
        {
          call->error = self->link.error != NULL
                          ? g_error_copy (self->link.error)
                          : g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                                 _ ("The server did not answer in time"));
          break;
        }
      poll_as_driver (self, deadline, call->cancellable);
      if (g_cancellable_set_error_if_cancelled (call->cancellable, &call->error))
        break;
    }
  g_mutex_unlock (&self->mutex);
  return status;
}
