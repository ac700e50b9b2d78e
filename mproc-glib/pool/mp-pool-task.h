/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-macros.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define MP_TYPE_POOL_TASK (mp_pool_task_get_type ())
MP_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (MpPoolTask, mp_pool_task, MP, POOL_TASK, GObject)

MP_AVAILABLE_IN_1_0
const char *mp_pool_task_get_function (MpPoolTask *self);
MP_AVAILABLE_IN_1_0
GVariant *mp_pool_task_get_argument (MpPoolTask *self);
MP_AVAILABLE_IN_1_0
guint mp_pool_task_get_delivery_count (MpPoolTask *self);
MP_AVAILABLE_IN_1_0
gboolean mp_pool_task_return_value (MpPoolTask *self,
                                    GVariant   *value,
                                    GError    **error);
MP_AVAILABLE_IN_1_0
gboolean mp_pool_task_return_error (MpPoolTask   *self,
                                    const GError *failure,
                                    GError      **error);
MP_AVAILABLE_IN_1_0
gboolean mp_pool_task_return_error_literal (MpPoolTask *self,
                                            const char *domain,
                                            int         code,
                                            const char *message,
                                            GError    **error);
MP_AVAILABLE_IN_1_0
gboolean mp_pool_task_set_progress (MpPoolTask *self,
                                    double      fraction,
                                    const char *text,
                                    GError    **error);

G_END_DECLS
