/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-message.h"
#include "mp-shareable.h"

G_BEGIN_DECLS

#define MP_TYPE_QUEUE_MONITOR (mp_queue_monitor_get_type ())
MP_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (MpQueueMonitor, mp_queue_monitor, MP, QUEUE_MONITOR, GObject)

MP_AVAILABLE_IN_1_0
GPtrArray *mp_queue_monitor_find (GCancellable *cancellable,
                                  GError      **error);
MP_AVAILABLE_IN_1_0
guint mp_queue_monitor_count_hidden (GPtrArray *monitors);
MP_AVAILABLE_IN_1_0
MpQueueMonitor *mp_queue_monitor_new_for_process (int      pid,
                                                  int      fd,
                                                  GError **error);
MP_AVAILABLE_IN_1_0
MpQueueMonitor *mp_queue_monitor_new_for_queue (MpShareable *queue,
                                                GError     **error);
MP_AVAILABLE_IN_1_0
MpQueueMonitor *mp_queue_monitor_new_for_uri (const char *uri,
                                              GError    **error);
MP_AVAILABLE_IN_1_0
GPtrArray *mp_queue_monitor_find_on_server (const char   *uri,
                                            GCancellable *cancellable,
                                            GError      **error);
MP_AVAILABLE_IN_1_0
void mp_queue_monitor_find_on_server_async (const char         *uri,
                                            int                 io_priority,
                                            GCancellable       *cancellable,
                                            GAsyncReadyCallback callback,
                                            gpointer            user_data);
MP_AVAILABLE_IN_1_0
GPtrArray *mp_queue_monitor_find_on_server_finish (GAsyncResult *result,
                                                   GError      **error);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_monitor_refresh (MpQueueMonitor *self,
                                   GError        **error);
MP_AVAILABLE_IN_1_0
void mp_queue_monitor_refresh_async (MpQueueMonitor     *self,
                                     int                 io_priority,
                                     GCancellable       *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_monitor_refresh_finish (MpQueueMonitor *self,
                                          GAsyncResult   *result,
                                          GError        **error);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_monitor_knows (MpQueueMonitor *self,
                                 const char     *property);
MP_AVAILABLE_IN_1_0
GVariant *mp_queue_monitor_list_processes (MpQueueMonitor *self,
                                           GError        **error);
MP_AVAILABLE_IN_1_0
gboolean mp_queue_monitor_has_died (MpQueueMonitor *self,
                                    guint64         handle);
MP_AVAILABLE_IN_1_0
GVariant *mp_queue_monitor_list_tasks (MpQueueMonitor *self,
                                       guint           max);
MP_AVAILABLE_IN_1_0
MpMessage *mp_queue_monitor_peek_task (MpQueueMonitor *self,
                                       guint64         serial,
                                       GError        **error);
MP_AVAILABLE_IN_1_0
GPtrArray *mp_queue_monitor_peek (MpQueueMonitor *self,
                                  guint64         start,
                                  guint           max,
                                  guint64        *next,
                                  GError        **error);
MP_AVAILABLE_IN_1_0
void mp_queue_monitor_peek_async (MpQueueMonitor     *self,
                                  guint64             start,
                                  guint               max,
                                  int                 io_priority,
                                  GCancellable       *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer            user_data);
MP_AVAILABLE_IN_1_0
GPtrArray *mp_queue_monitor_peek_finish (MpQueueMonitor *self,
                                         GAsyncResult   *result,
                                         guint64        *next,
                                         GError        **error);
MP_AVAILABLE_IN_1_0
char *mp_queue_monitor_dup_uri (MpQueueMonitor *self);

G_END_DECLS
