/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-waitable-private.h"

#include <glib/gi18n-lib.h>

#include "mp-error.h"
#include "wait-run.h"

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
  struct pollfd             on_stack[MP_POLL_SET_FEW + MP_WAIT_RUN_N_OTHERS];
  g_autofree struct pollfd *on_heap = NULL;
  g_autoptr (MpPollSet) set = NULL;
  MpWaitRun wait = { .objects = objects, .n_objects = n_objects, .fds = on_stack };

  g_return_val_if_fail (objects != NULL || n_objects == 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;

  if (n_objects > MP_POLL_SET_FEW)
    {
      wait.fds = on_heap = g_new (struct pollfd, n_objects + MP_WAIT_RUN_N_OTHERS);
      set = mp_poll_set_take (objects, n_objects);
    }

  if (!mp_wait_run_cancellably (&wait, set, timeout_us, flags, cancellable, error))
    return NULL;

  if (set != NULL)
    mp_poll_set_keep (g_steal_pointer (&set));
  return mp_wait_run_collect (&wait, n_ready);
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
  struct pollfd fds[1 + MP_WAIT_RUN_N_OTHERS];
  MpWaitRun     wait = { .objects = &self, .n_objects = 1, .fds = fds, .events = events };

  return mp_wait_run_cancellably (&wait, NULL, timeout_us, flags, cancellable, error) &&
         wait.n_ready > 0;
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
