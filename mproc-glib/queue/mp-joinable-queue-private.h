/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-joinable-queue.h"

#include "mp-queue-private.h"
#include "queue-kept.h"

G_BEGIN_DECLS

typedef struct
{
  GSource    *news_source; /* while report-progress is set */
  MpQueueKept kept;

  /* See task-limit.h. */
  guint max_tasks; /* 0: no limit */
  int   n_taken;   /* atomic */
} MpJoinableQueuePrivate;

/* Set when the class is made. */
extern int mp_joinable_queue_private_offset;

static inline MpJoinableQueuePrivate *
mp_joinable_queue_get_private (MpJoinableQueue *self)
{
  return G_STRUCT_MEMBER_P (self, mp_joinable_queue_private_offset);
}

/* Keeps a delivery until it is marked as done. */
void mp_joinable_queue_keep (MpQueue            *self,
                             const MpQueueToken *token);

G_END_DECLS
