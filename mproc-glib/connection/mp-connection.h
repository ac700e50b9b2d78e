/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-message.h"
#include "mp-shareable.h"

G_BEGIN_DECLS

#define MP_TYPE_CONNECTION (mp_connection_get_type ())
MP_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (MpConnection, mp_connection, MP, CONNECTION, GObject)

struct _MpConnectionClass
{
  GObjectClass parent_class;

  /*< private >*/
  gpointer padding[8];
};

MP_AVAILABLE_IN_1_0
MpConnection *mp_connection_new_for_fd (int      fd,
                                        gboolean readable,
                                        gboolean writable,
                                        GError **error);
MP_AVAILABLE_IN_1_0
MpConnection *mp_connection_new_for_stream (GIOStream *stream,
                                            GError   **error);

MP_AVAILABLE_IN_1_0
gboolean mp_connection_send (MpConnection *self,
                             GVariant     *value,
                             gint64        timeout_us,
                             GCancellable *cancellable,
                             GError      **error);
MP_AVAILABLE_IN_1_0
GVariant *mp_connection_recv (MpConnection *self,
                              gint64        timeout_us,
                              GCancellable *cancellable,
                              GError      **error);
MP_AVAILABLE_IN_1_0
GVariant *mp_connection_try_recv (MpConnection *self,
                                  GError      **error);
MP_AVAILABLE_IN_1_0
GVariant *mp_connection_next_value (MpConnection *self,
                                    GError      **error);

MP_AVAILABLE_IN_1_0
gboolean mp_connection_send_bytes (MpConnection *self,
                                   GBytes       *bytes,
                                   gint64        timeout_us,
                                   GCancellable *cancellable,
                                   GError      **error);
MP_AVAILABLE_IN_1_0
GBytes *mp_connection_recv_bytes (MpConnection *self,
                                  gssize        max_length,
                                  gint64        timeout_us,
                                  GCancellable *cancellable,
                                  GError      **error);
MP_AVAILABLE_IN_1_0
GBytes *mp_connection_try_recv_bytes (MpConnection *self,
                                      gssize        max_length,
                                      GError      **error);

MP_AVAILABLE_IN_1_0
gboolean mp_connection_send_data (MpConnection *self,
                                  const guint8 *data,
                                  gsize         length,
                                  gint64        timeout_us,
                                  GCancellable *cancellable,
                                  GError      **error);
MP_AVAILABLE_IN_1_0
gboolean mp_connection_send_pieces (MpConnection   *self,
                                    const guintptr *addresses,
                                    const gsize    *sizes,
                                    guint           n_pieces,
                                    gint64          timeout_us,
                                    GCancellable   *cancellable,
                                    GError        **error);
MP_AVAILABLE_IN_1_0
guint8 *mp_connection_recv_data (MpConnection *self,
                                 gint64        timeout_us,
                                 GCancellable *cancellable,
                                 gsize        *length,
                                 GError      **error);
MP_AVAILABLE_IN_1_0
gssize mp_connection_recv_into (MpConnection *self,
                                guint8       *buffer,
                                gsize         size,
                                gsize         offset,
                                gint64        timeout_us,
                                GCancellable *cancellable,
                                GError      **error);
MP_AVAILABLE_IN_1_0
gssize mp_connection_recv_into_address (MpConnection *self,
                                        guintptr      address,
                                        gsize         size,
                                        gint64        timeout_us,
                                        GCancellable *cancellable,
                                        GError      **error);

MP_AVAILABLE_IN_1_0
gboolean mp_connection_send_json (MpConnection *self,
                                  const char   *json,
                                  gint64        timeout_us,
                                  GCancellable *cancellable,
                                  GError      **error);
MP_AVAILABLE_IN_1_0
char *mp_connection_recv_json (MpConnection *self,
                               gint64        timeout_us,
                               GCancellable *cancellable,
                               GError      **error);

MP_AVAILABLE_IN_1_0
gboolean mp_connection_send_pickle (MpConnection *self,
                                    const guint8 *data,
                                    gsize         length,
                                    gint64        timeout_us,
                                    GCancellable *cancellable,
                                    GError      **error);
MP_AVAILABLE_IN_1_0
guint8 *mp_connection_recv_pickle (MpConnection *self,
                                   gint64        timeout_us,
                                   GCancellable *cancellable,
                                   gsize        *length,
                                   GError      **error);
MP_AVAILABLE_IN_1_0
guint8 *mp_connection_try_recv_pickle (MpConnection *self,
                                       gsize        *length,
                                       GError      **error);

MP_AVAILABLE_IN_1_0
gboolean mp_connection_send_message (MpConnection *self,
                                     MpMessage    *message,
                                     gint64        timeout_us,
                                     GCancellable *cancellable,
                                     GError      **error);
MP_AVAILABLE_IN_1_0
MpMessage *mp_connection_recv_message (MpConnection *self,
                                       gint64        timeout_us,
                                       GCancellable *cancellable,
                                       GError      **error);
MP_AVAILABLE_IN_1_0
MpMessage *mp_connection_try_recv_message (MpConnection *self,
                                           GError      **error);

MP_AVAILABLE_IN_1_0
gboolean mp_connection_send_shareable (MpConnection *self,
                                       MpShareable  *shareable,
                                       gint64        timeout_us,
                                       GCancellable *cancellable,
                                       GError      **error);
MP_AVAILABLE_IN_1_0
MpShareable *mp_connection_recv_shareable (MpConnection *self,
                                           gint64        timeout_us,
                                           GCancellable *cancellable,
                                           GError      **error);

MP_AVAILABLE_IN_1_0
void mp_connection_send_async (MpConnection       *self,
                               GVariant           *value,
                               int                 io_priority,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_connection_send_finish (MpConnection *self,
                                    GAsyncResult *result,
                                    GError      **error);
MP_AVAILABLE_IN_1_0
void mp_connection_recv_async (MpConnection       *self,
                               int                 io_priority,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data);
MP_AVAILABLE_IN_1_0
GVariant *mp_connection_recv_finish (MpConnection *self,
                                     GAsyncResult *result,
                                     GError      **error);
MP_AVAILABLE_IN_1_0
void mp_connection_send_bytes_async (MpConnection       *self,
                                     GBytes             *bytes,
                                     int                 io_priority,
                                     GCancellable       *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_connection_send_bytes_finish (MpConnection *self,
                                          GAsyncResult *result,
                                          GError      **error);
MP_AVAILABLE_IN_1_0
void mp_connection_recv_bytes_async (MpConnection       *self,
                                     gssize              max_length,
                                     int                 io_priority,
                                     GCancellable       *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer            user_data);
MP_AVAILABLE_IN_1_0
GBytes *mp_connection_recv_bytes_finish (MpConnection *self,
                                         GAsyncResult *result,
                                         GError      **error);
MP_AVAILABLE_IN_1_0
void mp_connection_send_message_async (MpConnection       *self,
                                       MpMessage          *message,
                                       int                 io_priority,
                                       GCancellable       *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_connection_send_message_finish (MpConnection *self,
                                            GAsyncResult *result,
                                            GError      **error);
MP_AVAILABLE_IN_1_0
void mp_connection_recv_message_async (MpConnection       *self,
                                       int                 io_priority,
                                       GCancellable       *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer            user_data);
MP_AVAILABLE_IN_1_0
MpMessage *mp_connection_recv_message_finish (MpConnection *self,
                                              GAsyncResult *result,
                                              GError      **error);

MP_AVAILABLE_IN_1_0
GVariant *mp_connection_call (MpConnection *self,
                              GVariant     *value,
                              gint64        timeout_us,
                              GCancellable *cancellable,
                              GError      **error);
MP_AVAILABLE_IN_1_0
void mp_connection_call_async (MpConnection       *self,
                               GVariant           *value,
                               gint64              timeout_us,
                               int                 io_priority,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data);
MP_AVAILABLE_IN_1_0
GVariant *mp_connection_call_finish (MpConnection *self,
                                     GAsyncResult *result,
                                     GError      **error);
MP_AVAILABLE_IN_1_0
void mp_connection_call_message_async (MpConnection       *self,
                                       MpMessage          *message,
                                       gint64              timeout_us,
                                       int                 io_priority,
                                       GCancellable       *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer            user_data);
MP_AVAILABLE_IN_1_0
MpMessage *mp_connection_call_message_finish (MpConnection *self,
                                              GAsyncResult *result,
                                              GError      **error);

MP_AVAILABLE_IN_1_0
gboolean mp_connection_flush (MpConnection *self,
                              gint64        timeout_us,
                              GCancellable *cancellable,
                              GError      **error);
MP_AVAILABLE_IN_1_0
gboolean mp_connection_poll (MpConnection *self,
                             gint64        timeout_us,
                             GCancellable *cancellable,
                             GError      **error);
MP_AVAILABLE_IN_1_0
int mp_connection_get_fd (MpConnection *self);
MP_AVAILABLE_IN_1_0
GSource *mp_connection_create_source (MpConnection *self,
                                      GCancellable *cancellable);
MP_AVAILABLE_IN_1_0
void mp_connection_start (MpConnection *self,
                          int           io_priority);
MP_AVAILABLE_IN_1_0
void mp_connection_stop (MpConnection *self);
MP_AVAILABLE_IN_1_0
gboolean mp_connection_close (MpConnection *self,
                              GError      **error);
MP_AVAILABLE_IN_1_0
void mp_connection_close_async (MpConnection       *self,
                                int                 io_priority,
                                GCancellable       *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_connection_close_finish (MpConnection *self,
                                     GAsyncResult *result,
                                     GError      **error);

MP_AVAILABLE_IN_1_0
gboolean mp_connection_get_readable (MpConnection *self);
MP_AVAILABLE_IN_1_0
gboolean mp_connection_get_writable (MpConnection *self);
MP_AVAILABLE_IN_1_0
gboolean mp_connection_get_closed (MpConnection *self);
MP_AVAILABLE_IN_1_0
MpFormat mp_connection_get_format (MpConnection *self);
MP_AVAILABLE_IN_1_0
void mp_connection_set_format (MpConnection *self,
                               MpFormat      format);
MP_AVAILABLE_IN_1_0
guint64 mp_connection_get_max_message_size (MpConnection *self);
MP_AVAILABLE_IN_1_0
void mp_connection_set_max_message_size (MpConnection *self,
                                         guint64       max_message_size);
MP_AVAILABLE_IN_1_0
gboolean mp_connection_get_read_ahead (MpConnection *self);
MP_AVAILABLE_IN_1_0
void mp_connection_set_read_ahead (MpConnection *self,
                                   gboolean      read_ahead);
MP_AVAILABLE_IN_1_0
GCredentials *mp_connection_get_peer_credentials (MpConnection *self);
MP_AVAILABLE_IN_1_0
const char *mp_connection_get_peer_address (MpConnection *self);

G_END_DECLS
