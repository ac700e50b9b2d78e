/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-condition.h"
#include "mp-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define MP_TYPE_WAITABLE (mp_waitable_get_type ())
MP_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE (MpWaitable, mp_waitable, MP, WAITABLE, GObject)

/**
 * MpWaitableInterface:
 * @g_iface: the parent interface
 * @get_fd: returns the descriptor to poll, which is owned by the object and stays the same until
 *   the object is closed; -1 afterwards
 * @get_condition: returns the condition to poll it for; 0 means only hang-up and errors. %NULL:
 *   readable
 * @is_ready: checks whether the object is ready now, without blocking; called when the descriptor
 *   is ready. Returns %FALSE with @error set if the object is closed. %NULL: the object is ready
 *   whenever the descriptor is
 * @has_pending: called before the descriptor is polled: whether the object is ready regardless of
 *   the descriptor, for example since it has read ahead. A wait for many objects is cheap if this
 *   needs no system call. Returns %FALSE with @error set if the object is closed. %NULL: as
 *   @is_ready
 * @wait: implements [method@Waitable.wait]. %NULL: polls the descriptor, and supports no conditions
 *   other than readable and writable
 *
 * What a class implements so that [func@wait] can wait for its instances.
 *
 * Since: 1.0
 */
struct _MpWaitableInterface
{
  GTypeInterface g_iface;

  int (*get_fd) (MpWaitable *self);
  GIOCondition (*get_condition) (MpWaitable *self);
  gboolean (*is_ready) (MpWaitable *self,
                        GError    **error);
  gboolean (*has_pending) (MpWaitable *self,
                           GError    **error);
  gboolean (*wait) (MpWaitable   *self,
                    MpCondition   condition,
                    MpWaitFlags   flags,
                    gint64        timeout_us,
                    GCancellable *cancellable,
                    GError      **error);
};

MP_AVAILABLE_IN_1_0
MpWaitable *mp_waitable_new_for_fd (int fd);

MP_AVAILABLE_IN_1_0
int mp_waitable_get_fd (MpWaitable *self);
MP_AVAILABLE_IN_1_0
GIOCondition mp_waitable_get_condition (MpWaitable *self);
MP_AVAILABLE_IN_1_0
gboolean mp_waitable_is_ready (MpWaitable *self,
                               GError    **error);

MP_AVAILABLE_IN_1_0
gboolean mp_waitable_wait (MpWaitable   *self,
                           MpCondition   condition,
                           MpWaitFlags   flags,
                           gint64        timeout_us,
                           GCancellable *cancellable,
                           GError      **error);

MP_AVAILABLE_IN_1_0
MpWaitable **mp_wait (MpWaitable  **objects,
                      gsize         n_objects,
                      MpWaitFlags   flags,
                      gint64        timeout_us,
                      GCancellable *cancellable,
                      gsize        *n_ready,
                      GError      **error);
MP_AVAILABLE_IN_1_0
void mp_wait_async (MpWaitable        **objects,
                    gsize               n_objects,
                    gint64              timeout_us,
                    int                 io_priority,
                    GCancellable       *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer            user_data);
MP_AVAILABLE_IN_1_0
MpWaitable **mp_wait_finish (GAsyncResult *result,
                             gsize        *n_ready,
                             GError      **error);

G_END_DECLS
