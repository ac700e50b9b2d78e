/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-store.h"

#include "base/mp-fork.h"

G_BEGIN_DECLS

/* The bells of one queue object: descriptors that wake main loops. */

/* A bell shared by the sources of one main context that wait for the same condition.  Sources are
 * checked one after the other, and the first consumes the wake-up, so a counter lets the others
 * notice it.  A few unused bells are kept for later calls, since a bell uses several descriptors.
 */
typedef struct
{
  guint            n_users;
  GMainContext    *context; /* identifies the context, not referenced; NULL: for one source only */
  MpQueueCondition condition;
  MpQueueBell     *bell;    /* NULL if the process had run out of descriptors */
  guint            n_rings; /* counts the wake-ups that any of the sources has consumed */
} MpSharedBell;

typedef struct
{
  MpQueueStore *store;
  MpForkHook    fork_hook;
  GMutex        mutex;
  MpQueueBell  *fd_bell; /* of the public descriptor, kept level-triggered by every get */
  GPtrArray    *shared;  /* MpSharedBell */
  gboolean      unsound; /* another thread was changing `shared` during a fork */
} MpQueueBells;

void mp_queue_bells_init (MpQueueBells *self,
                          MpQueueStore *store);
/* Frees the bells that no source uses. */
void mp_queue_bells_drop (MpQueueBells *self);
void mp_queue_bells_clear (MpQueueBells *self);

/* Locks the mutex, which g_mutex_unlock () unlocks, and repairs the list after a fork. */
void mp_queue_bells_lock (MpQueueBells *self);

MpSharedBell *mp_queue_bells_ref (MpQueueBells    *self,
                                  GMainContext    *context,
                                  MpQueueCondition condition);
void          mp_queue_bells_unref (MpQueueBells *self,
                                    MpSharedBell *shared);

/* Returns the descriptor for other kinds of main loops, which is created on first use, or -1. */
int mp_queue_bells_peek_fd (MpQueueBells *self);
/* The same, after making it level-triggered: readable as long as there are messages to get. */
int mp_queue_bells_get_fd (MpQueueBells *self);
/* Makes it level-triggered again, after a get. */
void mp_queue_bells_refresh (MpQueueBells *self);
/* Returns whether there are messages to get; if not, the descriptor becomes readable when there
 * are.  @rang says that it was readable. */
gboolean mp_queue_bells_check (MpQueueBells *self,
                               gboolean      rang);

G_END_DECLS
