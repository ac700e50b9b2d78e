/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-waitable.h"

#include <glib/gi18n-lib.h>
#include <poll.h>

#include "mp-error.h"

/**
 * MpWaitable:
 *
 * An object that becomes ready: a queue with a message, a connection with data, a listener with a
 * peer to accept, a process that has ended.
 *
 * [func@wait] waits for any mixture of them. A descriptor from elsewhere takes part through
 * [func@Waitable.new_for_fd].
 *
 * ```c
 * MpWaitable *objects[] = { MP_WAITABLE (results), MP_WAITABLE (worker) };
 * gsize n_ready;
 * g_autofree MpWaitable **ready = mp_wait (objects, 2, -1, NULL, &n_ready, &error);
 *
 * for (gsize i = 0; i < n_ready; i++)
 *   if (ready[i] == MP_WAITABLE (worker))
 *     g_message ("The worker has ended");
 * ```
 *
 * The functions of this interface may be called from any thread.
 *
 * Since: 1.0
 */
G_DEFINE_INTERFACE (MpWaitable, mp_waitable, G_TYPE_OBJECT)

#define MP_TYPE_FD_WAITABLE (mp_fd_waitable_get_type ())
G_DECLARE_FINAL_TYPE (MpFdWaitable, mp_fd_waitable, MP, FD_WAITABLE, GObject)

struct _MpFdWaitable
{
  GObject parent_instance;

  /* Borrowed: the creator of the object closes it. */
  int fd;
};

static int
mp_fd_waitable_get_fd (MpWaitable *waitable)
{
  return MP_FD_WAITABLE (waitable)->fd;
}

static void
mp_fd_waitable_waitable_init (MpWaitableInterface *iface)
{
  iface->get_fd = mp_fd_waitable_get_fd;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (MpFdWaitable,
                               mp_fd_waitable,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (MP_TYPE_WAITABLE,
                                                      mp_fd_waitable_waitable_init))

static void
mp_fd_waitable_class_init (MpFdWaitableClass *klass)
{
}

static void
mp_fd_waitable_init (MpFdWaitable *self)
{
  self->fd = -1;
}

/* For a class that does not implement the function. */
static int
get_no_fd (MpWaitable *self)
{
  return -1;
}

static void
mp_waitable_default_init (MpWaitableInterface *iface)
{
  iface->get_fd = get_no_fd;
}

static gboolean
set_closed_error (MpWaitable *self,
                  GError    **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_CLOSED,
               _ ("Cannot wait for a %s that is closed"), G_OBJECT_TYPE_NAME (self));
  return FALSE;
}

/**
 * mp_waitable_new_for_fd:
 * @fd: an open file descriptor
 *
 * Creates an object that makes [func@wait] wait for a descriptor.
 *
 * The object is ready when the descriptor is readable or the other side has hung up. The descriptor
 * still belongs to the caller, who must not close it before the last wait for this object. A
 * descriptor that is opened later needs a new object, even if it has the same number.
 *
 * Returns: (transfer full): a new object
 *
 * Since: 1.0
 */
MpWaitable *
mp_waitable_new_for_fd (int fd)
{
  MpFdWaitable *self;

  g_return_val_if_fail (fd >= 0, NULL);

  self = g_object_new (MP_TYPE_FD_WAITABLE, NULL);
  self->fd = fd;
  return MP_WAITABLE (self);
}

/**
 * mp_waitable_get_fd: (virtual get_fd)
 * @self: a waitable
 *
 * Returns the descriptor to poll for [method@Waitable.get_condition] in another kind of main loop.
 *
 * Call [method@Waitable.is_ready] each time before polling, since the object may have buffered data
 * that the descriptor does not show, and after the descriptor became ready, since that can be
 * spurious.
 *
 * Returns: a descriptor that is owned by the object, or -1 if the object is closed
 *
 * Since: 1.0
 */
int
mp_waitable_get_fd (MpWaitable *self)
{
  g_return_val_if_fail (MP_IS_WAITABLE (self), -1);

  return MP_WAITABLE_GET_IFACE (self)->get_fd (self);
}

/**
 * mp_waitable_get_condition: (virtual get_condition)
 * @self: a waitable
 *
 * Returns the condition to poll the descriptor for.
 *
 * Returns: the condition; 0 means only hang-up and errors
 *
 * Since: 1.0
 */
GIOCondition
mp_waitable_get_condition (MpWaitable *self)
{
  MpWaitableInterface *iface;

  g_return_val_if_fail (MP_IS_WAITABLE (self), 0);

  iface = MP_WAITABLE_GET_IFACE (self);
  return iface->get_condition != NULL ? iface->get_condition (self) : G_IO_IN;
}

/**
 * mp_waitable_is_ready: (virtual is_ready)
 * @self: a waitable
 * @error: return location for an error
 *
 * Checks whether the object is ready now, without waiting.
 *
 * If it is not, its descriptor becomes ready as soon as the object does. Fails with
 * `MP_ERROR_CLOSED` if the object was closed and never will be ready.
 *
 * Returns: %TRUE if it is ready; %FALSE without an error if it is not
 *
 * Since: 1.0
 */
gboolean
mp_waitable_is_ready (MpWaitable *self,
                      GError    **error)
{
  MpWaitableInterface *iface;
  struct pollfd        fd = { 0 };

  g_return_val_if_fail (MP_IS_WAITABLE (self), FALSE);

  iface = MP_WAITABLE_GET_IFACE (self);
  if (iface->is_ready != NULL)
    return iface->is_ready (self, error);

  if (iface->has_pending != NULL)
    {
      g_autoptr (GError) local_error = NULL;

      if (iface->has_pending (self, &local_error))
        return TRUE;
      if (local_error != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
    }

  fd.fd = mp_waitable_get_fd (self);
  fd.events = mp_waitable_get_condition (self);
  if (fd.fd < 0)
    return set_closed_error (self, error);

  return poll (&fd, 1, 0) > 0;
}
