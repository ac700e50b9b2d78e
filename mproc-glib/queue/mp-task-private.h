/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-queue-private.h"
#include "mp-task.h"

G_BEGIN_DECLS

/* Takes ownership of @message. */
MpTask *mp_task_new (MpQueue            *queue,
                     MpMessage          *message,
                     const MpQueueToken *token);
/* Takes over to finish the task.  FALSE if it is finished, or belongs to another queue. */
gboolean mp_task_take_token (MpTask       *self,
                             MpQueue      *queue,
                             MpQueueToken *token);

G_END_DECLS
