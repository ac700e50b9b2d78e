/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-message.h"

#include <gio/gio.h>

G_BEGIN_DECLS

#define MP_TYPE_TASK (mp_task_get_type ())
MP_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (MpTask, mp_task, MP, TASK, GObject)

struct _MpTaskClass
{
  GObjectClass parent_class;

  /*< private >*/
  gpointer padding[8];
};

MP_AVAILABLE_IN_1_0
MpMessage *mp_task_get_message (MpTask *self);
MP_AVAILABLE_IN_1_0
guint mp_task_get_delivery_count (MpTask *self);
MP_AVAILABLE_IN_1_0
gboolean mp_task_done (MpTask  *self,
                       GError **error);
MP_AVAILABLE_IN_1_0
gboolean mp_task_retry (MpTask  *self,
                        GError **error);
MP_AVAILABLE_IN_1_0
void mp_task_done_async (MpTask             *self,
                         int                 io_priority,
                         GCancellable       *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_task_done_finish (MpTask       *self,
                              GAsyncResult *result,
                              GError      **error);
MP_AVAILABLE_IN_1_0
void mp_task_retry_async (MpTask             *self,
                          int                 io_priority,
                          GCancellable       *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer            user_data);
MP_AVAILABLE_IN_1_0
gboolean mp_task_retry_finish (MpTask       *self,
                               GAsyncResult *result,
                               GError      **error);
MP_AVAILABLE_IN_1_0
gboolean mp_task_set_progress (MpTask     *self,
                               double      fraction,
                               const char *text,
                               GError    **error);

G_END_DECLS
