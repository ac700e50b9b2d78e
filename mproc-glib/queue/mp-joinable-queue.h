/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-queue.h"
#include "mp-task.h"

G_BEGIN_DECLS

#define MP_TYPE_JOINABLE_QUEUE (mp_joinable_queue_get_type ())
MP_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (MpJoinableQueue, mp_joinable_queue, MP, JOINABLE_QUEUE, MpQueue)

struct _MpJoinableQueueClass
{
  MpQueueClass parent_class;

  /*< private >*/
  gpointer padding[8];
};

MP_AVAILABLE_IN_1_0
MpJoinableQueue *mp_joinable_queue_new (guint    max_size,
                                        GError **error);
MP_AVAILABLE_IN_1_0
MpJoinableQueue *mp_joinable_queue_new_full (guint    max_size,
                                             guint64  max_bytes,
                                             guint    max_deliveries,
                                             GError **error);
MP_AVAILABLE_IN_1_0
MpJoinableQueue *mp_joinable_queue_open (const char   *uri,
                                         GCancellable *cancellable,
                                         GError      **error);

MP_AVAILABLE_IN_1_0
gboolean mp_joinable_queue_task_done (MpJoinableQueue *self,
                                      GError         **error);
MP_AVAILABLE_IN_1_0
void mp_joinable_queue_task_done_async (MpJoinableQueue    *self,
                                        int                 io_priority,
                                        GCancellable       *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_joinable_queue_task_done_finish (MpJoinableQueue *self,
                                             GAsyncResult    *result,
                                             GError         **error);
MP_AVAILABLE_IN_1_0
gboolean mp_joinable_queue_task_done_for_any (MpJoinableQueue *self,
                                              GError         **error);
MP_AVAILABLE_IN_1_0
gboolean mp_joinable_queue_consume (MpJoinableQueue *self,
                                    GError         **error);
MP_AVAILABLE_IN_1_0
gboolean mp_joinable_queue_join (MpJoinableQueue *self,
                                 gint64           timeout_us,
                                 GCancellable    *cancellable,
                                 GError         **error);
MP_AVAILABLE_IN_1_0
void mp_joinable_queue_join_async (MpJoinableQueue    *self,
                                   int                 io_priority,
                                   GCancellable       *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_joinable_queue_join_finish (MpJoinableQueue *self,
                                        GAsyncResult    *result,
                                        GError         **error);
MP_AVAILABLE_IN_1_0
MpWaitable *mp_joinable_queue_watch_done (MpJoinableQueue *self,
                                          GError         **error);
MP_AVAILABLE_IN_1_0
guint mp_joinable_queue_get_unfinished (MpJoinableQueue *self);
MP_AVAILABLE_IN_1_0
guint64 mp_joinable_queue_get_n_done (MpJoinableQueue *self);
MP_AVAILABLE_IN_1_0
guint64 mp_joinable_queue_get_n_total (MpJoinableQueue *self);
MP_AVAILABLE_IN_1_0
guint64 mp_joinable_queue_get_n_dropped (MpJoinableQueue *self);
MP_AVAILABLE_IN_1_0
gboolean mp_joinable_queue_begin_batch (MpJoinableQueue *self,
                                        GError         **error);
MP_AVAILABLE_IN_1_0
guint mp_joinable_queue_get_max_deliveries (MpJoinableQueue *self);
MP_AVAILABLE_IN_1_0
gboolean mp_joinable_queue_get_report_progress (MpJoinableQueue *self);
MP_AVAILABLE_IN_1_0
void mp_joinable_queue_set_report_progress (MpJoinableQueue *self,
                                            gboolean         report);
MP_AVAILABLE_IN_1_0
double mp_joinable_queue_get_progress (MpJoinableQueue *self);
MP_AVAILABLE_IN_1_0
GVariant *mp_joinable_queue_list_progress (MpJoinableQueue *self);

MP_AVAILABLE_IN_1_0
MpTask *mp_joinable_queue_get_task (MpJoinableQueue *self,
                                    gint64           timeout_us,
                                    GCancellable    *cancellable,
                                    GError         **error);
MP_AVAILABLE_IN_1_0
MpTask *mp_joinable_queue_try_get_task (MpJoinableQueue *self,
                                        GError         **error);
MP_AVAILABLE_IN_1_0
MpTask **mp_joinable_queue_get_tasks (MpJoinableQueue *self,
                                      guint            max,
                                      gint64           timeout_us,
                                      GCancellable    *cancellable,
                                      gsize           *n_tasks,
                                      GError         **error);
MP_AVAILABLE_IN_1_0
gboolean mp_joinable_queue_finish_tasks (MpJoinableQueue *self,
                                         MpTask         **tasks,
                                         gsize            n_tasks,
                                         GError         **error);
MP_AVAILABLE_IN_1_0
void mp_joinable_queue_get_task_async (MpJoinableQueue    *self,
                                       int                 io_priority,
                                       GCancellable       *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer            user_data);
MP_AVAILABLE_IN_1_0
MpTask *mp_joinable_queue_get_task_finish (MpJoinableQueue *self,
                                           GAsyncResult    *result,
                                           GError         **error);
MP_AVAILABLE_IN_1_0
void mp_joinable_queue_get_tasks_async (MpJoinableQueue    *self,
                                        guint               max,
                                        int                 io_priority,
                                        GCancellable       *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer            user_data);
MP_AVAILABLE_IN_1_0
MpTask **mp_joinable_queue_get_tasks_finish (MpJoinableQueue *self,
                                             GAsyncResult    *result,
                                             gsize           *n_tasks,
                                             GError         **error);
MP_AVAILABLE_IN_1_0
void mp_joinable_queue_finish_tasks_async (MpJoinableQueue    *self,
                                           MpTask            **tasks,
                                           gsize               n_tasks,
                                           int                 io_priority,
                                           GCancellable       *cancellable,
                                           GAsyncReadyCallback callback,
                                           gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_joinable_queue_finish_tasks_finish (MpJoinableQueue *self,
                                                GAsyncResult    *result,
                                                GError         **error);
MP_AVAILABLE_IN_1_0
MpMessage *mp_joinable_queue_get_dead (MpJoinableQueue *self,
                                       GError         **error);
MP_AVAILABLE_IN_1_0
MpMessage *mp_joinable_queue_get_dead_by_serial (MpJoinableQueue *self,
                                                 guint64          serial,
                                                 GError         **error);
MP_AVAILABLE_IN_1_0
gboolean mp_joinable_queue_requeue_dead (MpJoinableQueue *self,
                                         gint64           serial,
                                         GError         **error);

G_END_DECLS
