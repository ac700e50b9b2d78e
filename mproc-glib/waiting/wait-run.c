/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "wait-run.h"

#include <errno.h>
#include <glib/gi18n-lib.h>

#include "base/mp-deadline.h"
#include "base/mp-errno.h"
#include "base/mp-interrupts-private.h"
#include "base/mp-mark.h"
#include "base/mp-thread-waker.h"
#include "mp-error.h"

/* Waiting for several objects in the calling thread. */

static struct pollfd *
cancel_entry (MpWaitRun *wait)
{
  return &wait->fds[wait->n_objects];
}

static struct pollfd *
waker_entry (MpWaitRun *wait)
{
  return &wait->fds[wait->n_objects + 1];
}

static inline void
mark_ready (MpWaitRun *wait,
            gsize      i)
{
  wait->fds[i].fd = wait->fds[i].fd >= 0 ? ~wait->fds[i].fd : -1;
  wait->n_ready++;
}

static gboolean
set_closed_error (MpWaitable *object,
                  GError    **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_CLOSED,
               _ ("Cannot wait for a %s that is closed"), G_OBJECT_TYPE_NAME (object));
  return FALSE;
}

gboolean
mp_wait_run_set_errno_error (MpWaitRun *wait,
                             int        code,
                             GError   **error)
{
  return mp_set_error_from_errno (error, code, _ ("Cannot wait for %zu objects"),
                                  wait->n_objects);
}

/* Checks whether an object is ready, by @how, one of its two virtual functions for that. */
static gboolean
ask (MpWaitRun *wait,
     gsize      i,
     gboolean (*how) (MpWaitable *, GError **),
     GError **error)
{
  g_autoptr (GError) local_error = NULL;

  if (how (wait->objects[i], &local_error))
    {
      mark_ready (wait, i);
      return TRUE;
    }

  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }

  return TRUE;
}

/* Adjacent objects often have the same class, and looking up an interface takes longer than most
 * calls of it: @last is the interface of the preceding object. */
static inline MpWaitableInterface *
get_iface (MpWaitable          *object,
           MpWaitableInterface *last)
{
  if (last != NULL && last->g_iface.g_instance_type == G_OBJECT_TYPE (object))
    return last;

  return MP_WAITABLE_GET_IFACE (object);
}

static void
get_descriptors (MpWaitRun *wait)
{
  MpWaitableInterface *iface = NULL;

  for (gsize i = 0; i < wait->n_objects; i++)
    {
      iface = get_iface (wait->objects[i], iface);

      wait->fds[i].fd = iface->get_fd (wait->objects[i]);
      wait->fds[i].events = wait->events != 0 ? wait->events : G_IO_IN;
      if (wait->events == 0 && iface->get_condition != NULL)
        wait->fds[i].events = iface->get_condition (wait->objects[i]);
      wait->fds[i].revents = 0;
    }
}

/* Checks all objects before polling. */
static gboolean
look_at_all (MpWaitRun *wait,
             GError   **error)
{
  MpWaitableInterface *iface = NULL;

  for (gsize i = 0; i < wait->n_objects; i++)
    {
      MpWaitable *object = wait->objects[i];
      gboolean (*how) (MpWaitable *, GError **);
      gsize n_ready = wait->n_ready;

      iface = get_iface (object, iface);

      /* An object that has neither function is ready when its descriptor is. */
      how = iface->has_pending != NULL ? iface->has_pending : iface->is_ready;
      if (wait->events != 0)
        how = NULL;
      wait->must_poll |= iface->is_ready == NULL || how == NULL;
      if (how != NULL && !ask (wait, i, how, error))
        return FALSE;

      if (wait->fds[i].fd < 0 && wait->n_ready == n_ready)
        return set_closed_error (object, error);
    }

  return TRUE;
}

/* Checks the objects whose descriptors poll () has reported: a descriptor can be readable
 * spuriously. */
static gboolean
look_at_fired (MpWaitRun *wait,
               GError   **error)
{
  for (gsize i = 0; i < wait->n_objects; i++)
    {
      MpWaitableInterface *iface;

      if (wait->fds[i].revents == 0)
        continue;

      iface = MP_WAITABLE_GET_IFACE (wait->objects[i]);
      if (iface->is_ready == NULL || wait->events != 0)
        mark_ready (wait, i);
      else if (!ask (wait, i, iface->is_ready, error))
        return FALSE;

      /* The descriptor was closed without the object's knowledge, so it would never become ready.
       */
      if (wait->fds[i].fd >= 0 && (wait->fds[i].revents & POLLNVAL) != 0)
        return set_closed_error (wait->objects[i], error);
    }

  return TRUE;
}

MpWaitable **
mp_wait_run_collect (MpWaitRun *wait,
                     gsize     *n_ready)
{
  MpWaitable **ready = g_new (MpWaitable *, wait->n_ready + 1);
  gsize        n = 0;

  for (gsize i = 0; i < wait->n_objects; i++)
    if (wait->fds[i].fd < 0)
      ready[n++] = wait->objects[i];

  ready[n] = NULL;
  if (n_ready != NULL)
    *n_ready = n;
  return ready;
}

/* Polls the descriptors, or the epoll set that holds all of them.  A NULL @timeout is none. */
static int
poll_descriptors (MpWaitRun             *wait,
                  const struct timespec *timeout)
{
  struct pollfd few[1 + MP_WAIT_RUN_N_OTHERS];
  int           n_fired;

  if (wait->set == NULL)
    {
      n_fired =
        mp_interrupts_poll (wait->fds, wait->n_objects + MP_WAIT_RUN_N_OTHERS, timeout);
      if (n_fired > 0 && waker_entry (wait)->revents != 0)
        mp_thread_waker_clear (waker_entry (wait)->fd);
      return n_fired;
    }

  few[0] = (struct pollfd){ .fd = mp_poll_set_get_fd (wait->set), .events = POLLIN };
  few[1] = *cancel_entry (wait);
  few[2] = *waker_entry (wait);
  n_fired = mp_interrupts_poll (few, G_N_ELEMENTS (few), timeout);
  if (n_fired > 0 && few[2].revents != 0)
    mp_thread_waker_clear (few[2].fd);
  return n_fired > 0 ? mp_poll_set_collect (wait->set, wait->fds) : n_fired;
}

/* Polls once, until @deadline, or without blocking if an object is ready already.  Returns the
 * result of poll (), including -1 with EINTR. */
static int
poll_once (MpWaitRun *wait,
           gint64     deadline)
{
  static const struct timespec no_time = { 0 };
  struct timespec              left;
  gint64                       mark;
  int                          n_fired;

  if (wait->n_ready > 0)
    return poll_descriptors (wait, &no_time);

  mark = mp_mark_begin ();
  n_fired = poll_descriptors (wait, mp_deadline_fill_left (deadline, &left));
  mp_mark_end (mark, "sleep", "wait");
  return n_fired;
}

/* Checks all objects again after one was closed.  Its descriptor may have been reused for another
 * file since, so the descriptors are asked for anew. */
static gboolean
look_again (MpWaitRun *wait,
            GError   **error)
{
  if (wait->n_ready == 0)
    get_descriptors (wait);
  return look_at_all (wait, error);
}

/* Polls until an object is ready, @deadline has passed or, if @flags request it, a signal handler
 * has run. */
gboolean
mp_wait_run_poll (MpWaitRun    *wait,
                  gint64        deadline,
                  MpWaitFlags   flags,
                  GCancellable *cancellable,
                  GError      **error)
{
  while (wait->n_ready == 0 || wait->must_poll)
    {
      int n_fired = poll_once (wait, deadline);
      int saved_errno = errno;

      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;

      if (n_fired < 0 && saved_errno == EINTR)
        {
          if (flags & MP_WAIT_FLAGS_INTERRUPTIBLE)
            return TRUE;
          continue;
        }

      if (n_fired < 0)
        return mp_wait_run_set_errno_error (wait, saved_errno, error);

      if (mp_closing_watch_take (&wait->closing) && !look_again (wait, error))
        return FALSE;

      if (n_fired > 0 && !look_at_fired (wait, error))
        return FALSE;

      if (wait->n_ready > 0 || mp_deadline_has_passed (deadline))
        return TRUE;
    }

  return TRUE;
}

/* Uses an epoll set if the same objects were waited for before, since they probably will be again.
 * For a first wait, which may be the only one, poll () is cheaper. */
static void
choose_set (MpWaitRun *wait,
            MpPollSet *set)
{
  if (set != NULL && mp_poll_set_is_kept (set) && mp_poll_set_update (set, wait->fds) == 0)
    wait->set = set;
}

void
mp_wait_run_watch_closing (MpWaitRun *wait,
                           GSource   *source)
{
  wait->closing.objects = wait->objects;
  wait->closing.n_objects = wait->n_objects;
  wait->closing.source = source;
  mp_thread_waker_check ();
  wait->closing.fd = source == NULL ? mp_thread_waker_get_fd () : -1;
  *waker_entry (wait) = (struct pollfd){ .fd = wait->closing.fd, .events = POLLIN };
  mp_closing_watch_begin (&wait->closing);
}

gboolean
mp_wait_run_until_ready (MpWaitRun    *wait,
                         MpPollSet    *set,
                         gint64        timeout_us,
                         MpWaitFlags   flags,
                         GCancellable *cancellable,
                         GError      **error)
{
  gint64   deadline = mp_deadline_for_timeout (timeout_us);
  gboolean success;

  get_descriptors (wait);
  choose_set (wait, set);
  if (!look_at_all (wait, error))
    return FALSE;
  if (wait->n_ready > 0 || timeout_us == 0)
    return mp_wait_run_poll (wait, deadline, flags, cancellable, error);

  mp_wait_run_watch_closing (wait, NULL);
  success = look_at_all (wait, error) &&
            mp_wait_run_poll (wait, deadline, flags, cancellable, error);
  mp_closing_watch_end (&wait->closing);
  return success;
}

/* The same with a descriptor for the cancellable. */
gboolean
mp_wait_run_cancellably (MpWaitRun    *wait,
                         MpPollSet    *set,
                         gint64        timeout_us,
                         MpWaitFlags   flags,
                         GCancellable *cancellable,
                         GError      **error)
{
  GPollFD  cancel_fd = { .fd = -1 };
  gboolean has_cancel_fd = g_cancellable_make_pollfd (cancellable, &cancel_fd);
  gboolean waited;

  *cancel_entry (wait) = (struct pollfd){ .fd = cancel_fd.fd, .events = cancel_fd.events };
  *waker_entry (wait) = (struct pollfd){ .fd = -1 };
  waited = mp_wait_run_until_ready (wait, set, timeout_us, flags, cancellable, error);
  if (has_cancel_fd)
    g_cancellable_release_fd (cancellable);

  return waited;
}
