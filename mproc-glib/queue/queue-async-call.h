/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-queue-private.h"
#include "queue-request.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* Asynchronous calls.  With a backend whose operations end at once, a call tries, and if it has to
 * wait it attaches a source to the caller's main context that tries again.  With other backends, it
 * begins an operation, and its source waits for the operation to end. */
typedef struct _MpQueueAsyncCall MpQueueAsyncCall;

/* A kind of calls. */
typedef struct
{
  MpQueueOperationKind kind;
  MpQueueCondition     condition; /* until which a try may have to wait; ANSWERS: none */
  MpQueueStatus (*try_now) (MpQueue          *queue,
                            MpQueueAsyncCall *self);
  /* Returns the result of a call that has succeeded to its task. */
  void (*succeed) (MpQueue          *queue,
                   MpQueueAsyncCall *self,
                   GTask            *task);
  void (*free) (MpQueueAsyncCall *self);
} MpQueueAsyncFuncs;

/* The beginning of the data of a call, which is that of its task. */
struct _MpQueueAsyncCall
{
  MpQueueRequest           request; /* its operation has the arguments and the results */
  const MpQueueAsyncFuncs *funcs;
  MpQueue                 *queue;
};

/* Takes ownership of @call.  @source_object belongs to @queue, or is the queue. */
void mp_queue_async_start (MpQueueAsyncCall   *call,
                           MpQueue            *queue,
                           gpointer            source_object,
                           gpointer            source_tag,
                           int                 io_priority,
                           GCancellable       *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer            user_data);

/* For the finish of calls that have a result also on failure. */
static inline MpQueueOperation *
mp_queue_async_get_operation (GAsyncResult *result)
{
  MpQueueAsyncCall *call = g_task_get_task_data (G_TASK (result));

  return call != NULL ? &call->request.operation : NULL;
}

/* The functions of calls without a result. */
void mp_queue_async_succeed (MpQueue          *queue,
                             MpQueueAsyncCall *self,
                             GTask            *task);

/* Finishes deliveries; takes ownership of @tokens.  Fails as STALE if one of them was not the
 * caller's any more, or not @are_all. */
void mp_queue_finish_async (MpQueue            *queue,
                            gpointer            source_object,
                            MpQueueToken       *tokens,
                            guint               n,
                            gboolean            are_all,
                            MpQueueFinish       how,
                            gpointer            source_tag,
                            int                 io_priority,
                            GCancellable       *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer            user_data);

G_END_DECLS
