/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-queue-private.h"
#include "mp-task.h"

G_BEGIN_DECLS

/* Takes ownership of @message. */
MpTask *mp_task_new (MpQueue            *queue,
                     MpMessage          *message,
                     const MpQueueToken *token);
/* Moves the delivery to @token, for a caller that finishes it: the task then counts as finished.
 * Returns FALSE if it is finished already, or belongs to another queue. */
gboolean mp_task_take_token (MpTask       *self,
                             MpQueue      *queue,
                             MpQueueToken *token);
/* Undoes that, after the delivery could not be finished. */
void mp_task_untake_token (MpTask *self);

G_END_DECLS
