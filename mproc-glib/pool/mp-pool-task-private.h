/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-pool-task.h"

#include "mp-queue.h"
#include "mp-task.h"

G_BEGIN_DECLS

/* Makes a task of what was taken from the queue, and takes its reference.  Returns NULL with @error
 * set if it is malformed. */
MpPoolTask *mp_pool_task_new (MpTask  *task,
                              MpQueue *reports,
                              guint32  worker,
                              GError **error);

guint64 mp_pool_task_get_number (MpPoolTask *self);
/* Marks it as done without a result. */
void mp_pool_task_drop (MpPoolTask *self);

G_END_DECLS
