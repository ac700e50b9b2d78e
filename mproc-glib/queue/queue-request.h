/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-store.h"

G_BEGIN_DECLS

/* An operation that ends later, and for whose end a source of a main context waits.  A tentative
 * delivery is read and settled by a second operation; if another consumer has taken the message
 * meanwhile, the get starts anew. */
typedef struct
{
  MpQueueOperation operation; /* the caller sets the arguments */
  MpQueueStore    *store;
  GSource         *source; /* made ready when step () has something to do; not owned */
  gboolean         has_ended;

  /* GET */
  const MpQueueReader *reader;
  gpointer             value; /* a message that was settled */
} MpQueueRequest;

void mp_queue_request_begin (MpQueueRequest      *self,
                             MpQueueOperationKind kind);
/* To be called when the source is dispatched.  Returns TRUE if the request has ended: then the
 * operation has its status, which is FAILED also if a message could not be read. */
gboolean mp_queue_request_step (MpQueueRequest *self);
/* Returns FALSE if it is too late: the request then ends as if it were not cancelled. */
gboolean mp_queue_request_cancel (MpQueueRequest *self);
void     mp_queue_request_clear (MpQueueRequest *self);

/* Whether the operations of the queue end later. */
static inline gboolean
mp_queue_request_is_needed (MpQueueStore *store)
{
  return store->home != NULL && store->backend->begin != NULL;
}

G_END_DECLS
