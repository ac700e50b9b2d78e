/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-process-private.h"

#include <glib-unix.h>
#include <glib/gi18n-lib.h>

#include "waiting/mp-waitable-private.h"

/* Checks whether the child has ended.  The caller holds the lock. */
static int
update_exit_code (MpProcessPrivate *priv)
{
  int exit_code;

  if (priv->exit_code == MP_PROCESS_STILL_ALIVE && priv->child.pid_fd >= 0 &&
      mp_child_reap (&priv->child, &exit_code))
    priv->exit_code = exit_code;

  return priv->exit_code;
}

static int
mp_process_get_fd (MpWaitable *waitable)
{
  MpProcessPrivate               *priv = mp_process_get_private (MP_PROCESS (waitable));
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&priv->lock);

  return priv->child.pid_fd;
}

/* The descriptor is readable once the child has ended; before the start there is none. */
static gboolean
mp_process_has_pending (MpWaitable *waitable,
                        GError    **error)
{
  MpProcessPrivate               *priv = mp_process_get_private (MP_PROCESS (waitable));
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&priv->lock);

  if (priv->child.pid_fd < 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_INITIALIZED,
                 _ ("The process has not been started"));

  return priv->exit_code != MP_PROCESS_STILL_ALIVE;
}

/* The only condition is that the child has ended. */
static gboolean
mp_process_wait (MpWaitable   *waitable,
                 MpCondition   condition,
                 MpWaitFlags   flags,
                 gint64        timeout_us,
                 GCancellable *cancellable,
                 GError      **error)
{
  gsize                   n_ready = 0;
  g_autofree MpWaitable **ready = NULL;

  if (condition == MP_CONDITION_WRITABLE)
    return mp_waitable_set_no_condition (waitable, error);

  ready = mp_wait (&waitable, 1, flags, timeout_us, cancellable, &n_ready, error);
  return n_ready > 0;
}

void
mp_process_waitable_init (MpWaitableInterface *iface)
{
  iface->get_fd = mp_process_get_fd;
  iface->has_pending = mp_process_has_pending;
  iface->wait = mp_process_wait;
}

static GWeakRef *
weak_ref_new (gpointer object)
{
  GWeakRef *ref = g_new (GWeakRef, 1);

  g_weak_ref_init (ref, object);
  return ref;
}

static void
weak_ref_free (gpointer data)
{
  g_weak_ref_clear (data);
  g_free (data);
}

/* Drops the reference, since a main context keeps a destroyed source in its list until the last
 * reference is dropped. */
static void
forget_end_source (MpProcessPrivate *priv)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&priv->lock);

  g_clear_pointer (&priv->end_source, g_source_unref);
}

static gboolean
ended_cb (int          fd,
          GIOCondition condition,
          gpointer     user_data)
{
  g_autoptr (MpProcess) self = g_weak_ref_get (user_data);

  if (self == NULL)
    return G_SOURCE_REMOVE;
  if (mp_process_get_exit_code (self) == MP_PROCESS_STILL_ALIVE)
    return G_SOURCE_CONTINUE;

  forget_end_source (mp_process_get_private (self));
  g_object_freeze_notify (G_OBJECT (self));
  g_object_notify (G_OBJECT (self), "exit-code");
  g_object_notify (G_OBJECT (self), "alive");
  g_object_thaw_notify (G_OBJECT (self));
  return G_SOURCE_REMOVE;
}

/* Makes the end of the child be notified in the caller's main context.  The caller holds the lock.
 * The source has a weak reference, which keeps the process object alive while its end is notified
 * in one thread and its last reference is dropped in another. */
void
mp_process_watch_end (MpProcess *self)
{
  MpProcessPrivate *priv = mp_process_get_private (self);
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  priv->end_source = g_unix_fd_source_new (priv->child.pid_fd, G_IO_IN);
  g_source_set_callback (priv->end_source, G_SOURCE_FUNC (ended_cb), weak_ref_new (self),
                         weak_ref_free);
  g_source_set_static_name (priv->end_source, "[mproc-glib] end of a process");
  g_source_attach (priv->end_source, context);
}

/**
 * mp_process_get_pid: (get-property pid)
 * @self: a process
 *
 * Gets the pid of the child, also after its end.
 *
 * Returns: the pid, 0 before the start
 *
 * Since: 1.0
 */
int
mp_process_get_pid (MpProcess *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (MP_IS_PROCESS (self), 0);

  locker = g_mutex_locker_new (&mp_process_get_private (self)->lock);
  return MAX (0, mp_process_get_private (self)->child.pid);
}

/**
 * mp_process_get_exit_code: (get-property exit-code)
 * @self: a process
 *
 * Gets how the child ended.
 *
 * Returns: its exit code, 0 to 255; the negative number of the signal that ended it;
 *   [const@PROCESS_STILL_ALIVE] while it is running and before it is started; 255 if other code of
 *   this process has reaped the child, so that its status is lost
 *
 * Since: 1.0
 */
int
mp_process_get_exit_code (MpProcess *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (MP_IS_PROCESS (self), MP_PROCESS_STILL_ALIVE);

  locker = g_mutex_locker_new (&mp_process_get_private (self)->lock);
  return update_exit_code (mp_process_get_private (self));
}

/**
 * mp_process_get_alive: (get-property alive)
 * @self: a process
 *
 * Gets whether the child is running now.
 *
 * Returns: whether it is running; %FALSE before the start
 *
 * Since: 1.0
 */
gboolean
mp_process_get_alive (MpProcess *self)
{
  return mp_process_get_pid (self) > 0 &&
         mp_process_get_exit_code (self) == MP_PROCESS_STILL_ALIVE;
}
