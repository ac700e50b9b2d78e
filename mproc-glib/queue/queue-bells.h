/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-store.h"

#include "base/mp-fork.h"

G_BEGIN_DECLS

/* The bells of one queue object: descriptors that wake main loops. */

/* A bell for the asynchronous calls of one main context that wait for one condition: its
 * sources look one after the other, so that none can take the others' ring.  A few without
 * users are kept for the calls to come, since a bell costs several descriptors. */
typedef struct
{
  guint            n_users;
  GMainContext    *context; /* tells contexts apart, no more; NULL: of one source alone */
  MpQueueCondition condition;
  MpQueueBell     *bell;    /* NULL when descriptors had run out */
  guint            n_rings; /* that some source has taken in for all */
} MpSharedBell;

typedef struct
{
  MpQueueStore *store;
  MpForkHook    fork_hook;
  GMutex        mutex;
  MpQueueBell  *fd_bell; /* whose descriptor was given away, kept level by every get */
  GPtrArray    *shared;  /* MpSharedBell */
  gboolean      unsound; /* the list was being changed when this process was forked off */
} MpQueueBells;

void mp_queue_bells_init (MpQueueBells *self,
                          MpQueueStore *store);
/* Frees those that no source has. */
void mp_queue_bells_drop (MpQueueBells *self);
void mp_queue_bells_clear (MpQueueBells *self);

/* For what touches the bells of a queue; unlocked by g_mutex_unlock (). */
void mp_queue_bells_lock (MpQueueBells *self);

MpSharedBell *mp_queue_bells_ref (MpQueueBells    *self,
                                  GMainContext    *context,
                                  MpQueueCondition condition);
void          mp_queue_bells_unref (MpQueueBells *self,
                                    MpSharedBell *shared);

/* The descriptor that foreign loops poll, made when it is first asked for, or -1. */
int mp_queue_bells_peek_fd (MpQueueBells *self);
/* The same, level: readable while there is something to get. */
int mp_queue_bells_get_fd (MpQueueBells *self);
/* Makes it level again, after a get. */
void mp_queue_bells_refresh (MpQueueBells *self);
/* Whether there is something to get; if not, the descriptor fires when there is.  @rang: after
 * it has fired. */
gboolean mp_queue_bells_check (MpQueueBells *self,
                               gboolean      rang);

G_END_DECLS
