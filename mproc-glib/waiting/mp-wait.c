/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-waitable-private.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <poll.h>

#include "base/mp-deadline.h"
#include "base/mp-errno.h"
#include "mp-error.h"
#include "poll-set.h"

#include "base/mp-async.h"

/* The state of one wait.  A ready object is marked by storing the complement of its descriptor:
 * poll () skips negative descriptors, and no second array is needed. */
typedef struct
{
  MpWaitable **objects;
  gsize        n_objects;
  gsize        n_ready;

  /* One entry for each object, and one for the cancellable. */
  struct pollfd *fds;

  /* The epoll set of the objects, or NULL if they are passed to poll () one by one. */
  MpPollSet *set;

  /* Whether the readiness of some object can be determined only by polling its descriptor. */
  gboolean must_poll;

  /* The events to poll all descriptors for; 0 to use each object's own condition. */
  short events;
} Wait;

static inline void
mark_ready (Wait *wait,
            gsize i)
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

static gboolean
set_errno_error (Wait    *wait,
                 int      code,
                 GError **error)
{
  return mp_set_error_from_errno (error, code, _ ("Cannot wait for %zu objects"),
                                  wait->n_objects);
}

/* Checks whether an object is ready, by @how, one of its two virtual functions for that. */
static gboolean
ask (Wait *wait,
     gsize i,
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
get_descriptors (Wait *wait)
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
look_at_all (Wait    *wait,
             GError **error)
{
  MpWaitableInterface *iface = NULL;

  for (gsize i = 0; i < wait->n_objects; i++)
    {
      MpWaitable *object = wait->objects[i];
      gboolean (*how) (MpWaitable *, GError **);
      gsize n_ready = wait->n_ready;

      iface = get_iface (object, iface);

      /* An object without such a function is ready when its descriptor is. */
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
look_at_fired (Wait    *wait,
               GError **error)
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

static MpWaitable **
collect (Wait  *wait,
         gsize *n_ready)
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
poll_descriptors (Wait                  *wait,
                  const struct timespec *timeout)
{
  struct pollfd two[2];
  int           n_fired;

  if (wait->set == NULL)
    return ppoll (wait->fds, wait->n_objects + 1, timeout, NULL);

  two[0] = (struct pollfd){ .fd = mp_poll_set_get_fd (wait->set), .events = POLLIN };
  two[1] = wait->fds[wait->n_objects];
  n_fired = ppoll (two, G_N_ELEMENTS (two), timeout, NULL);
  return n_fired > 0 ? mp_poll_set_collect (wait->set, wait->fds) : n_fired;
}

/* Polls once, until @deadline, or without blocking if an object is ready already.  Returns the
 * result of poll (), including -1 with EINTR. */
static int
poll_once (Wait  *wait,
           gint64 deadline)
{
  static const struct timespec no_time = { 0 };
  struct timespec              left;

  return poll_descriptors (wait, wait->n_ready > 0 ? &no_time
                                                   : mp_deadline_fill_left (deadline, &left));
}

/* Polls until an object is ready, @deadline has passed or, if @flags request it, a signal handler
 * has run. */
static gboolean
poll_until_ready (Wait         *wait,
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
        return set_errno_error (wait, saved_errno, error);

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
choose_set (Wait      *wait,
            MpPollSet *set)
{
  if (set != NULL && mp_poll_set_is_kept (set) && mp_poll_set_update (set, wait->fds) == 0)
    wait->set = set;
}

static gboolean
wait_until_ready (Wait         *wait,
                  MpPollSet    *set,
                  gint64        timeout_us,
                  MpWaitFlags   flags,
                  GCancellable *cancellable,
                  GError      **error)
{
  gint64 deadline = mp_deadline_for_timeout (timeout_us);

  get_descriptors (wait);
  choose_set (wait, set);
  return look_at_all (wait, error) &&
         poll_until_ready (wait, deadline, flags, cancellable, error);
}

/* The same with a descriptor for the cancellable. */
static gboolean
wait_cancellably (Wait         *wait,
                  MpPollSet    *set,
                  gint64        timeout_us,
                  MpWaitFlags   flags,
                  GCancellable *cancellable,
                  GError      **error)
{
  GPollFD  cancel_fd = { .fd = -1 };
  gboolean has_cancel_fd = g_cancellable_make_pollfd (cancellable, &cancel_fd);
  gboolean waited;

  wait->fds[wait->n_objects] = (struct pollfd){ .fd = cancel_fd.fd, .events = cancel_fd.events };
  waited = wait_until_ready (wait, set, timeout_us, flags, cancellable, error);
  if (has_cancel_fd)
    g_cancellable_release_fd (cancellable);

  return waited;
}

/**
 * mp_wait:
 * @objects: (array length=n_objects) (nullable): what to wait for
 * @n_objects: how many
 * @flags: how to wait
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @n_ready: (out) (optional): how many of them are ready
 * @error: return location for an error
 *
 * Waits until at least one of @objects is ready, and returns all ready ones.
 *
 * They are returned in the order of @objects. If none is ready when the timeout expires, the array
 * is empty and no error is set. With an empty list, the call only waits for the timeout or the
 * cancellation. The caller's main context is not iterated.
 *
 * Repeated waits on the same array of more than 64 objects do not take longer for more objects: an
 * epoll set is kept between the waits. It uses one descriptor until the first of the objects is
 * finalized.
 *
 * Fails with `MP_ERROR_CLOSED` if one of the objects is closed, and with `G_IO_ERROR_CANCELLED`.
 * The wait continues after a signal handler of the process has run, unless @flags contain
 * `MP_WAIT_FLAGS_INTERRUPTIBLE`: then it returns an empty array. Language bindings use that flag,
 * since an interpreter runs its signal handlers only between two calls, and then call again with
 * the remaining time.
 *
 * Returns: (transfer container) (array length=n_ready): the objects that are ready, followed
 *   by a %NULL that does not count. %NULL in C when @error is set
 *
 * Since: 1.0
 */
MpWaitable **
mp_wait (MpWaitable  **objects,
         gsize         n_objects,
         MpWaitFlags   flags,
         gint64        timeout_us,
         GCancellable *cancellable,
         gsize        *n_ready,
         GError      **error)
{
  struct pollfd             on_stack[MP_POLL_SET_FEW + 1];
  g_autofree struct pollfd *on_heap = NULL;
  g_autoptr (MpPollSet) set = NULL;
  Wait wait = { .objects = objects, .n_objects = n_objects, .fds = on_stack };

  g_return_val_if_fail (objects != NULL || n_objects == 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;

  if (n_objects > MP_POLL_SET_FEW)
    {
      wait.fds = on_heap = g_new (struct pollfd, n_objects + 1);
      set = mp_poll_set_take (objects, n_objects);
    }

  if (!wait_cancellably (&wait, set, timeout_us, flags, cancellable, error))
    return NULL;

  if (set != NULL)
    mp_poll_set_keep (g_steal_pointer (&set));
  return collect (&wait, n_ready);
}

/* Waits for one object whose class does not implement `wait`. */
static gboolean
wait_for_one (MpWaitable   *self,
              short         events,
              MpWaitFlags   flags,
              gint64        timeout_us,
              GCancellable *cancellable,
              GError      **error)
{
  struct pollfd fds[2];
  Wait          wait = { .objects = &self, .n_objects = 1, .fds = fds, .events = events };

  return wait_cancellably (&wait, NULL, timeout_us, flags, cancellable, error) && wait.n_ready > 0;
}

gboolean
mp_waitable_set_no_condition (MpWaitable *self,
                              GError    **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
               _ ("This condition does not exist for a %s"), G_OBJECT_TYPE_NAME (self));
  return FALSE;
}

/**
 * mp_waitable_wait: (virtual wait)
 * @self: a waitable
 * @condition: what to wait for
 * @flags: how to wait
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Waits until a condition of one object holds.
 *
 * For a connection or a queue, the conditions mean that a receive or get, or a send or put, would
 * not block at that moment; another thread or process may be faster. With
 * `MP_WAIT_FLAGS_INTERRUPTIBLE` the wait also ends after a signal handler of the process has run.
 * Language bindings wait that way, in a loop, so that their own signal handlers, which run between
 * two calls, are not delayed.
 *
 * Fails with `MP_ERROR_CLOSED` if the object is closed, with `MP_ERROR_UNSUPPORTED` if its class
 * does not support @condition, and with `G_IO_ERROR_CANCELLED`.
 *
 * Returns: whether the condition holds; %FALSE without an error if the timeout expired or a signal
 *   handler ended the wait
 *
 * Since: 1.0
 */
gboolean
mp_waitable_wait (MpWaitable   *self,
                  MpCondition   condition,
                  MpWaitFlags   flags,
                  gint64        timeout_us,
                  GCancellable *cancellable,
                  GError      **error)
{
  MpWaitableInterface *iface;

  g_return_val_if_fail (MP_IS_WAITABLE (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  iface = MP_WAITABLE_GET_IFACE (self);
  if (iface->wait != NULL)
    return iface->wait (self, condition, flags, timeout_us, cancellable, error);
  if (condition == MP_CONDITION_READABLE)
    return wait_for_one (self, 0, flags, timeout_us, cancellable, error);
  if (condition == MP_CONDITION_WRITABLE)
    return wait_for_one (self, POLLOUT, flags, timeout_us, cancellable, error);
  return mp_waitable_set_no_condition (self, error);
}

/* An asynchronous wait: the data of its task. */
typedef struct
{
  Wait   wait;
  gint64 deadline;

  /* One epoll descriptor instead of many: a main context wakes up for each descriptor that is added
   * or removed, and iterates over all of them in each turn. */
  MpPollSet *set;
} AsyncWait;

typedef struct
{
  MpWaitable **objects;
  gsize        n_objects;
} Ready;

static void
async_wait_free (gpointer data)
{
  AsyncWait *async = data;

  if (async->set != NULL)
    mp_poll_set_free (async->set);
  for (gsize i = 0; i < async->wait.n_objects; i++)
    g_object_unref (async->wait.objects[i]);
  g_free (async->wait.objects);
  g_free (async->wait.fds);
  g_free (async);
}

static void
ready_free (gpointer data)
{
  Ready *ready = data;

  g_free (ready->objects);
  g_free (ready);
}

static void
return_ready (GTask *task)
{
  AsyncWait *async = g_task_get_task_data (task);
  Ready     *ready = g_new0 (Ready, 1);

  mp_poll_set_keep (g_steal_pointer (&async->set));
  ready->objects = collect (&async->wait, &ready->n_objects);
  g_task_return_pointer (task, ready, ready_free);
}

/* Takes ownership of @error.  The descriptors of the wait are closed now, not when the result is
 * freed. */
static void
return_failure (GTask  *task,
                GError *error)
{
  g_task_return_error (task, error);
  g_task_set_task_data (task, NULL, NULL);
}

static gboolean
wait_source_dispatch (GSource    *source,
                      GSourceFunc callback,
                      gpointer    user_data)
{
  return callback (user_data);
}

static GSourceFuncs wait_source_funcs = { .dispatch = wait_source_dispatch };

static gboolean
wait_fired_cb (gpointer user_data)
{
  GTask     *task = user_data;
  AsyncWait *async = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;

  if (g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &error) ||
      !poll_until_ready (&async->wait, 0, MP_WAIT_FLAGS_NONE, NULL, &error))
    {
      return_failure (task, g_steal_pointer (&error));
      return G_SOURCE_REMOVE;
    }

  if (async->wait.n_ready == 0 && !mp_deadline_has_passed (async->deadline))
    return G_SOURCE_CONTINUE;

  return_ready (task);
  return G_SOURCE_REMOVE;
}

static gboolean
fill_set (AsyncWait *async,
          GError   **error)
{
  int code = 0;

  if (async->wait.set == NULL)
    code = mp_poll_set_update (async->set, async->wait.fds);
  if (code != 0)
    return set_errno_error (&async->wait, code, error);

  async->wait.set = async->set;
  return TRUE;
}

static void
attach_wait_source (GTask *task)
{
  AsyncWait *async = g_task_get_task_data (task);
  g_autoptr (GSource) source = g_source_new (&wait_source_funcs, sizeof (GSource));

  g_source_set_static_name (source, "mp_wait_async");
  g_source_set_ready_time (source, async->deadline);
  g_source_add_unix_fd (source, mp_poll_set_get_fd (async->set), G_IO_IN);

  mp_async_add_cancellable (source, g_task_get_cancellable (task));
  g_task_attach_source (task, source, wait_fired_cb);
}

/**
 * mp_wait_async:
 * @objects: (array length=n_objects) (nullable): what to wait for
 * @n_objects: how many
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @io_priority: the priority of the wait in the main context
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the wait is over
 * @user_data: data for @callback
 *
 * Asynchronous form of [func@wait].
 *
 * Holds a reference to each of @objects until the wait is over. @callback is called in the main
 * context that was the thread-default one at the time of the call.
 *
 * Since: 1.0
 */
void
mp_wait_async (MpWaitable        **objects,
               gsize               n_objects,
               gint64              timeout_us,
               int                 io_priority,
               GCancellable       *cancellable,
               GAsyncReadyCallback callback,
               gpointer            user_data)
{
  g_autoptr (GTask) task = NULL;
  g_autoptr (GError) error = NULL;
  AsyncWait *async;

  g_return_if_fail (objects != NULL || n_objects == 0);

  task = mp_async_new_task (NULL, mp_wait_async, io_priority, cancellable, callback, user_data);

  async = g_new0 (AsyncWait, 1);
  async->deadline = mp_deadline_for_timeout (timeout_us);
  async->wait.n_objects = n_objects;
  async->wait.fds = g_new (struct pollfd, n_objects + 1);
  async->wait.fds[n_objects].fd = -1;
  async->wait.objects = g_new (MpWaitable *, n_objects);
  for (gsize i = 0; i < n_objects; i++)
    async->wait.objects[i] = g_object_ref (objects[i]);
  async->set = mp_poll_set_take (async->wait.objects, n_objects);
  g_task_set_task_data (task, async, async_wait_free);

  if (g_cancellable_set_error_if_cancelled (cancellable, &error) ||
      !wait_until_ready (&async->wait, async->set, 0, MP_WAIT_FLAGS_NONE, NULL, &error))
    return_failure (task, g_steal_pointer (&error));
  else if (async->wait.n_ready > 0 || timeout_us == 0)
    return_ready (task);
  else if (!fill_set (async, &error))
    return_failure (task, g_steal_pointer (&error));
  else
    attach_wait_source (task);
}

/**
 * mp_wait_finish:
 * @result: the result that the callback was given
 * @n_ready: (out) (optional): how many objects are ready
 * @error: return location for an error
 *
 * Finishes a wait begun with [func@wait_async].
 *
 * The objects stay alive at least as long as @result; take references to keep them longer.
 *
 * Returns: (transfer container) (array length=n_ready): the objects that are ready, in the
 *   order in which they were given, followed by a %NULL that does not count. %NULL in C
 *   when @error is set
 *
 * Since: 1.0
 */
MpWaitable **
mp_wait_finish (GAsyncResult *result,
                gsize        *n_ready,
                GError      **error)
{
  MpWaitable **objects;
  Ready       *ready;

  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, mp_wait_async), NULL);

  ready = g_task_propagate_pointer (G_TASK (result), error);
  if (ready == NULL)
    return NULL;

  if (n_ready != NULL)
    *n_ready = ready->n_objects;
  objects = g_steal_pointer (&ready->objects);
  ready_free (ready);
  return objects;
}
