/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-joinable-queue.h"
#include "mp-pool-task.h"

G_BEGIN_DECLS

#define MP_TYPE_POOL_WORKER (mp_pool_worker_get_type ())
MP_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (MpPoolWorker, mp_pool_worker, MP, POOL_WORKER, GObject)

/**
 * MpPoolFunc:
 * @function: what is to be done
 * @argument: the argument that was submitted
 * @user_data: the data that was passed to [func@Pool.work]
 * @error: return location for an error
 *
 * Does a task of a [class@Pool].
 *
 * Returns: (transfer full): the result; %NULL with @error set
 *
 * Since: 1.0
 */
typedef GVariant *(*MpPoolFunc) (const char *function,
                                 GVariant   *argument,
                                 gpointer    user_data,
                                 GError    **error);

MP_AVAILABLE_IN_1_0
MpPoolWorker *mp_pool_worker_new (GError **error);
MP_AVAILABLE_IN_1_0
MpJoinableQueue *mp_pool_worker_get_queue (MpPoolWorker *self);
MP_AVAILABLE_IN_1_0
MpPoolTask *mp_pool_worker_get_task (MpPoolWorker *self,
                                     gint64        timeout_us,
                                     GCancellable *cancellable,
                                     GError      **error);
MP_AVAILABLE_IN_1_0
MpPoolTask *mp_pool_worker_try_get_task (MpPoolWorker *self,
                                         GError      **error);
MP_AVAILABLE_IN_1_0
void mp_pool_worker_get_task_async (MpPoolWorker       *self,
                                    int                 io_priority,
                                    GCancellable       *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer            user_data);
MP_AVAILABLE_IN_1_0
MpPoolTask *mp_pool_worker_get_task_finish (MpPoolWorker *self,
                                            GAsyncResult *result,
                                            GError      **error);
MP_AVAILABLE_IN_1_0
int mp_pool_work (MpPoolFunc function,
                  gpointer   user_data);

G_END_DECLS
