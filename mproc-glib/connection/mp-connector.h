/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-connection.h"

G_BEGIN_DECLS

#define MP_TYPE_CONNECTOR (mp_connector_get_type ())
MP_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (MpConnector, mp_connector, MP, CONNECTOR, GObject)

struct _MpConnectorClass
{
  GObjectClass parent_class;

  /*< private >*/
  gpointer padding[8];
};

MP_AVAILABLE_IN_1_0
MpConnector *mp_connector_new (const char *address,
                               GBytes     *auth_key);
MP_AVAILABLE_IN_1_0
MpConnection *mp_connector_open (MpConnector  *self,
                                 gint64        timeout_us,
                                 GCancellable *cancellable,
                                 GError      **error);
MP_AVAILABLE_IN_1_0
MpConnection *mp_connector_try_open (MpConnector *self,
                                     gint64       timeout_us,
                                     GError     **error);
MP_AVAILABLE_IN_1_0
void mp_connector_open_async (MpConnector        *self,
                              int                 io_priority,
                              GCancellable       *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer            user_data);
MP_AVAILABLE_IN_1_0
MpConnection *mp_connector_open_finish (MpConnector  *self,
                                        GAsyncResult *result,
                                        GError      **error);

MP_AVAILABLE_IN_1_0
MpConnection *mp_connect (const char   *address,
                          GBytes       *auth_key,
                          gint64        timeout_us,
                          GCancellable *cancellable,
                          GError      **error);
MP_AVAILABLE_IN_1_0
void mp_connect_async (const char         *address,
                       GBytes             *auth_key,
                       int                 io_priority,
                       GCancellable       *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer            user_data);
MP_AVAILABLE_IN_1_0
MpConnection *mp_connect_finish (GAsyncResult *result,
                                 GError      **error);

G_END_DECLS
