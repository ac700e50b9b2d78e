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
 * @get_fd: the descriptor to poll; it stays the object's, and is the same one until the object
 *   is closed. -1 from then on
 * @get_condition: what to poll it for; 0 waits for hang-up and errors alone. %NULL: for
 *   something to read
 * @is_ready: whether the object is ready now, without blocking; called when the descriptor
 *   is ready. Returns %FALSE with @error set when the object is closed. %NULL: the object is
 *   ready whenever the descriptor is
 * @has_pending: called before the descriptor is polled: whether the object is ready whatever
 *   the descriptor says, since it has read ahead for example. Where it can do without a
 *   system call, a wait for many objects is cheap. Returns %FALSE with @error set
 *   when the object is closed. %NULL: as @is_ready
 * @wait: waits for one condition, as [method@Waitable.wait] says. %NULL: polls the descriptor,
 *   and knows no other condition than being readable or writable
 *
 * What a class gives so that [func@wait] can wait for it.
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
