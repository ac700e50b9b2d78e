/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-message.h"
#include "mp-waitable.h"

G_BEGIN_DECLS

#define MP_TYPE_QUEUE (mp_queue_get_type ())
MP_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (MpQueue, mp_queue, MP, QUEUE, GObject)

struct _MpQueueClass
{
  GObjectClass parent_class;

  /*< private >*/
  gpointer padding[8];
};

MP_AVAILABLE_IN_1_0
MpQueue *mp_queue_new (guint    max_size,
                       GError **error);
MP_AVAILABLE_IN_1_0
MpQueue *mp_queue_new_full (guint    max_size,
                            guint64  max_bytes,
                            GError **error);
MP_AVAILABLE_IN_1_0
MpQueue *mp_queue_open (const char   *uri,
                        GCancellable *cancellable,
                        GError      **error);
MP_AVAILABLE_IN_1_0
void mp_queue_open_async (const char         *uri,
                          int                 io_priority,
                          GCancellable       *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer            user_data);
MP_AVAILABLE_IN_1_0
MpQueue *mp_queue_open_finish (GAsyncResult *result,
                               GError      **error);

MP_AVAILABLE_IN_1_0
gboolean mp_queue_remove (const char   *uri,
                          GCancellable *cancellable,
                          GError      **error);

MP_AVAILABLE_IN_1_0
gboolean mp_queue_put (MpQueue      *self,
                       GVariant     *value,
                       gint64        timeout_us,
                       GCancellable *cancellable,
                       GError      **error);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_try_put (MpQueue  *self,
                           GVariant *value,
                           GError  **error);
MP_AVAILABLE_IN_1_0
GVariant *mp_queue_get (MpQueue      *self,
                        gint64        timeout_us,
                        GCancellable *cancellable,
                        GError      **error);
MP_AVAILABLE_IN_1_0
GVariant *mp_queue_try_get (MpQueue *self,
                            GError **error);
MP_AVAILABLE_IN_1_0
GVariant *mp_queue_next_value (MpQueue *self,
                               GError **error);

MP_AVAILABLE_IN_1_0
gboolean mp_queue_put_bytes (MpQueue      *self,
                             GBytes       *bytes,
                             gint64        timeout_us,
                             GCancellable *cancellable,
                             GError      **error);
MP_AVAILABLE_IN_1_0
GBytes *mp_queue_get_bytes (MpQueue      *self,
                            gint64        timeout_us,
                            GCancellable *cancellable,
                            GError      **error);

MP_AVAILABLE_IN_1_0
gboolean mp_queue_put_data (MpQueue      *self,
                            const guint8 *data,
                            gsize         length,
                            gint64        timeout_us,
                            GCancellable *cancellable,
                            GError      **error);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_try_put_data (MpQueue      *self,
                                const guint8 *data,
                                gsize         length,
                                GError      **error);
MP_AVAILABLE_IN_1_0
guint8 *mp_queue_get_data (MpQueue      *self,
                           gint64        timeout_us,
                           GCancellable *cancellable,
                           gsize        *length,
                           GError      **error);
MP_AVAILABLE_IN_1_0
gssize mp_queue_get_into (MpQueue      *self,
                          guint8       *buffer,
                          gsize         size,
                          gint64        timeout_us,
                          GCancellable *cancellable,
                          GError      **error);

MP_AVAILABLE_IN_1_0
gboolean mp_queue_put_json (MpQueue      *self,
                            const char   *json,
                            gint64        timeout_us,
                            GCancellable *cancellable,
                            GError      **error);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_try_put_json (MpQueue    *self,
                                const char *json,
                                GError    **error);
MP_AVAILABLE_IN_1_0
char *mp_queue_get_json (MpQueue      *self,
                         gint64        timeout_us,
                         GCancellable *cancellable,
                         GError      **error);
MP_AVAILABLE_IN_1_0
char *mp_queue_try_get_json (MpQueue *self,
                             GError **error);

MP_AVAILABLE_IN_1_0
gboolean mp_queue_put_payload (MpQueue      *self,
                               MpFormat      format,
                               const guint8 *data,
                               gsize         length,
                               gint64        timeout_us,
                               GError      **error);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_put_pieces (MpQueue        *self,
                              MpFormat        format,
                              const guintptr *addresses,
                              const gsize    *sizes,
                              guint           n_pieces,
                              gint64          timeout_us,
                              GError        **error);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_put_array (MpQueue       *self,
                             const char    *type,
                             const guint64 *shape,
                             guint          n_dimensions,
                             gboolean       fortran_order,
                             guintptr       address,
                             gsize          length,
                             gint64         timeout_us,
                             GError       **error);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_put_packed (MpQueue      *self,
                              const guint8 *data,
                              gsize         length,
                              guint         first,
                              guint        *n_put,
                              gint64        timeout_us,
                              GError      **error);
MP_AVAILABLE_IN_1_0
guint8 *mp_queue_get_packed (MpQueue  *self,
                             MpFormats accepted,
                             guint     max,
                             gsize    *length,
                             gint64    timeout_us,
                             GError  **error);
MP_AVAILABLE_IN_1_0
guint8 *mp_queue_get_payload (MpQueue  *self,
                              MpFormats accepted,
                              MpFormat *format,
                              gsize    *length,
                              gint64    timeout_us,
                              GError  **error);

MP_AVAILABLE_IN_1_0
gboolean mp_queue_put_message (MpQueue      *self,
                               MpMessage    *message,
                               gint64        timeout_us,
                               GCancellable *cancellable,
                               GError      **error);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_try_put_message (MpQueue   *self,
                                   MpMessage *message,
                                   GError   **error);
MP_AVAILABLE_IN_1_0
MpMessage *mp_queue_get_message (MpQueue      *self,
                                 gint64        timeout_us,
                                 GCancellable *cancellable,
                                 GError      **error);
MP_AVAILABLE_IN_1_0
MpMessage *mp_queue_try_get_message (MpQueue *self,
                                     GError **error);

MP_AVAILABLE_IN_1_0
gboolean mp_queue_put_many (MpQueue      *self,
                            GPtrArray    *messages,
                            gint64        timeout_us,
                            GCancellable *cancellable,
                            guint        *n_put,
                            GError      **error);
MP_AVAILABLE_IN_1_0
GPtrArray *mp_queue_get_many (MpQueue      *self,
                              guint         max,
                              gint64        timeout_us,
                              GCancellable *cancellable,
                              GError      **error);

MP_AVAILABLE_IN_1_0
void mp_queue_put_async (MpQueue            *self,
                         GVariant           *value,
                         int                 io_priority,
                         GCancellable       *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_put_finish (MpQueue      *self,
                              GAsyncResult *result,
                              GError      **error);
MP_AVAILABLE_IN_1_0
void mp_queue_get_async (MpQueue            *self,
                         int                 io_priority,
                         GCancellable       *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer            user_data);
MP_AVAILABLE_IN_1_0
GVariant *mp_queue_get_finish (MpQueue      *self,
                               GAsyncResult *result,
                               GError      **error);
MP_AVAILABLE_IN_1_0
void mp_queue_put_message_async (MpQueue            *self,
                                 MpMessage          *message,
                                 int                 io_priority,
                                 GCancellable       *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_put_message_finish (MpQueue      *self,
                                      GAsyncResult *result,
                                      GError      **error);
MP_AVAILABLE_IN_1_0
void mp_queue_get_message_async (MpQueue            *self,
                                 int                 io_priority,
                                 GCancellable       *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer            user_data);
MP_AVAILABLE_IN_1_0
MpMessage *mp_queue_get_message_finish (MpQueue      *self,
                                        GAsyncResult *result,
                                        GError      **error);

MP_AVAILABLE_IN_1_0
void mp_queue_put_many_async (MpQueue            *self,
                              GPtrArray          *messages,
                              int                 io_priority,
                              GCancellable       *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_put_many_finish (MpQueue      *self,
                                   GAsyncResult *result,
                                   guint        *n_put,
                                   GError      **error);
MP_AVAILABLE_IN_1_0
void mp_queue_get_many_async (MpQueue            *self,
                              guint               max,
                              int                 io_priority,
                              GCancellable       *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer            user_data);
MP_AVAILABLE_IN_1_0
GPtrArray *mp_queue_get_many_finish (MpQueue      *self,
                                     GAsyncResult *result,
                                     GError      **error);

MP_AVAILABLE_IN_1_0
const char *mp_queue_get_name (MpQueue *self);
MP_AVAILABLE_IN_1_0
const char *mp_queue_get_uri (MpQueue *self);
MP_AVAILABLE_IN_1_0
void mp_queue_set_codec (MpQueue    *self,
                         const char *codec);
MP_AVAILABLE_IN_1_0
const char *mp_queue_get_codec (MpQueue *self);
MP_AVAILABLE_IN_1_0
guint mp_queue_get_size (MpQueue *self);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_is_empty (MpQueue *self);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_is_full (MpQueue *self);
MP_AVAILABLE_IN_1_0
guint mp_queue_get_max_size (MpQueue *self);
MP_AVAILABLE_IN_1_0
guint64 mp_queue_get_max_bytes (MpQueue *self);
MP_AVAILABLE_IN_1_0
guint64 mp_queue_get_n_bytes (MpQueue *self);

MP_AVAILABLE_IN_1_0
gboolean mp_queue_get_closed (MpQueue *self);
MP_AVAILABLE_IN_1_0
void mp_queue_close (MpQueue *self);
MP_AVAILABLE_IN_1_0
void mp_queue_leave_all (void);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_flush (MpQueue      *self,
                         gint64        timeout_us,
                         GCancellable *cancellable,
                         GError      **error);
MP_AVAILABLE_IN_1_0
gint64 mp_queue_clear (MpQueue *self,
                       GError **error);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_shutdown (MpQueue *self,
                            gboolean immediate,
                            GError **error);
MP_AVAILABLE_IN_1_0
void mp_queue_clear_async (MpQueue            *self,
                           int                 io_priority,
                           GCancellable       *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer            user_data);
MP_AVAILABLE_IN_1_0
gint64 mp_queue_clear_finish (MpQueue      *self,
                              GAsyncResult *result,
                              GError      **error);
MP_AVAILABLE_IN_1_0
void mp_queue_shutdown_async (MpQueue            *self,
                              gboolean            immediate,
                              int                 io_priority,
                              GCancellable       *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_shutdown_finish (MpQueue      *self,
                                   GAsyncResult *result,
                                   GError      **error);

MP_AVAILABLE_IN_1_0
int mp_queue_get_fd (MpQueue *self);
MP_AVAILABLE_IN_1_0
GSource *mp_queue_create_source (MpQueue      *self,
                                 GCancellable *cancellable);
MP_AVAILABLE_IN_1_0
MpWaitable *mp_queue_watch_room (MpQueue *self,
                                 GError **error);
MP_AVAILABLE_IN_1_0
MpWaitable *mp_queue_watch_answers (MpQueue *self,
                                    GError **error);
MP_AVAILABLE_IN_1_0
void mp_queue_start (MpQueue *self,
                     int      io_priority);
MP_AVAILABLE_IN_1_0
void mp_queue_stop (MpQueue *self);

G_END_DECLS
