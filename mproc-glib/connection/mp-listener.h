/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-connection.h"

G_BEGIN_DECLS

#define MP_TYPE_LISTENER (mp_listener_get_type ())
MP_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (MpListener, mp_listener, MP, LISTENER, GObject)

struct _MpListenerClass
{
  GObjectClass parent_class;

  /*< private >*/
  gpointer padding[8];
};

MP_AVAILABLE_IN_1_0
MpListener *mp_listener_new (const char *address,
                             GBytes     *auth_key,
                             GError    **error);
MP_AVAILABLE_IN_1_0
void mp_listener_set_address (MpListener *self,
                              const char *address);
MP_AVAILABLE_IN_1_0
gboolean mp_listener_listen (MpListener *self,
                             GError    **error);

MP_AVAILABLE_IN_1_0
MpConnection *mp_listener_accept (MpListener   *self,
                                  gint64        timeout_us,
                                  GCancellable *cancellable,
                                  GError      **error);
MP_AVAILABLE_IN_1_0
MpConnection *mp_listener_try_accept (MpListener *self,
                                      GError    **error);
MP_AVAILABLE_IN_1_0
void mp_listener_accept_async (MpListener         *self,
                               int                 io_priority,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data);
MP_AVAILABLE_IN_1_0
MpConnection *mp_listener_accept_finish (MpListener   *self,
                                         GAsyncResult *result,
                                         GError      **error);
MP_AVAILABLE_IN_1_0
int mp_listener_get_fd (MpListener *self);
MP_AVAILABLE_IN_1_0
void mp_listener_start (MpListener *self,
                        int         io_priority);
MP_AVAILABLE_IN_1_0
void mp_listener_stop (MpListener *self);
MP_AVAILABLE_IN_1_0
void mp_listener_close (MpListener *self);

MP_AVAILABLE_IN_1_0
char *mp_listener_get_address (MpListener *self);
MP_AVAILABLE_IN_1_0
char *mp_listener_get_last_accepted (MpListener *self);
MP_AVAILABLE_IN_1_0
gboolean mp_listener_get_closed (MpListener *self);

G_END_DECLS
