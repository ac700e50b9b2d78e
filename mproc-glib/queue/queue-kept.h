/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/mp-fork.h"
#include "base/queue-backend.h"

G_BEGIN_DECLS

/* The deliveries that a MpJoinableQueue got by the functions of MpQueue and that are not yet marked
 * as done, oldest first. */
typedef struct
{
  GMutex     mutex;
  GQueue     tokens;     /* MpQueueToken */
  gboolean   by_parent;  /* set in a forked child: the list belongs to the parent */
  gboolean   is_unsound; /* another thread of the parent was changing it during the fork */
  MpForkHook fork_hook;
} MpQueueKept;

void mp_queue_kept_init (MpQueueKept *self);
void mp_queue_kept_clear (MpQueueKept *self);

void mp_queue_kept_push (MpQueueKept        *self,
                         const MpQueueToken *token);
/* Removes the oldest and returns it, to be freed with g_free (); NULL if there is none. */
MpQueueToken *mp_queue_kept_pop (MpQueueKept *self);
/* Undoes that. */
void mp_queue_kept_unpop (MpQueueKept        *self,
                          const MpQueueToken *token);
/* Removes all, and returns an array of them, oldest first; likewise. */
MpQueueToken *mp_queue_kept_pop_all (MpQueueKept *self,
                                     guint       *out_n);

G_END_DECLS
