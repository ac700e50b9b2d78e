/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/queue-backend.h"
#include "mp-format.h"

G_BEGIN_DECLS

/* The storage behind a queue object: a backend and its handle.  Payloads are put and got through
 * it, and status codes of the backend become errors. */

typedef enum
{
  MP_QUEUE_STORE_OPEN,
  MP_QUEUE_STORE_SPENT, /* nothing more is got through this object: see task-limit.h */
  MP_QUEUE_STORE_CLOSED,
} MpQueueStorePhase;

typedef struct
{
  const MpQueueBackend *backend;
  gpointer              home;     /* the backend's handle; NULL if it could not be opened */
  GError               *error;    /* why it could not be opened */
  char                 *uri;      /* by which others can open it, without password; NULL: none */
  MpQueueSettings       settings; /* as requested; once open, the actual ones */
  int                   phase;    /* MpQueueStorePhase, atomic */
} MpQueueStore;

/* How one kind of get reads messages. */
typedef struct
{
  MpQueueAccepted accepted;
  /* Returns the value, or NULL with @error set, and then the message stays queued.  May take the
   * delivery's memory. */
  gpointer (*read) (MpQueueDelivery *delivery,
                    gpointer         request,
                    GError         **error);
  /* Frees a value that was read from a message which another consumer then took. */
  GDestroyNotify free_value;
  /* Whether `read` can deal with an MpLargeMemory, since it takes the memory only by
   * mp_queue_delivery_steal_bytes (). */
  gboolean accepts_large;
} MpQueueReader;

/* Creates a queue in the default backend with the settings of @self. */
void mp_queue_store_make (MpQueueStore *self);
/* Opens an existing queue, and copies its settings to @self. */
void mp_queue_store_open (MpQueueStore          *self,
                          const char            *uri,
                          GUnixFDList           *descriptors,
                          const MpQueueSettings *wanted,
                          GCancellable          *cancellable);
void mp_queue_store_clear (MpQueueStore *self);

gboolean mp_queue_store_set_error (MpQueueStore          *self,
                                   MpQueueStatus          status,
                                   MpQueueCall           *call,
                                   const MpQueueDelivery *delivery,
                                   GError               **error);
gboolean mp_queue_store_check (MpQueueStore *self,
                               GError      **error);

void mp_queue_store_count (MpQueueStore  *self,
                           MpQueueCounts *counts);

static inline MpQueueStatus
mp_queue_store_put (MpQueueStore      *self,
                    const MpQueueItem *items,
                    guint              n_items,
                    MpQueueCall       *call,
                    guint             *n_put)
{
  *n_put = 0;
  if (G_UNLIKELY (self->home == NULL))
    return MP_QUEUE_DETACHED;
  if (G_UNLIKELY (g_atomic_int_get (&self->phase) == MP_QUEUE_STORE_CLOSED))
    return MP_QUEUE_CLOSED;
  return self->backend->put (self->home, items, n_items, call, n_put);
}

/* Gets the next message as a value made by @reader.  FAILED if the reader refused it, in which case
 * it stays queued. */
MpQueueStatus mp_queue_store_get (MpQueueStore        *self,
                                  const MpQueueReader *reader,
                                  gpointer             request,
                                  MpQueueDelivery     *delivery,
                                  MpQueueCall         *call,
                                  gpointer            *value);

/* Finishes one delivery.  A NULL @token means the same as for the `finish` of MpQueueBackend.
 * Returns OK, STALE or EMPTY, or why the call failed. */
MpQueueStatus mp_queue_store_finish (MpQueueStore       *self,
                                     const MpQueueToken *token,
                                     MpQueueFinish       how,
                                     MpQueueCall        *call);

/* Returns the payload of a delivery in allocated memory, which is taken from it or copied. */
guint8 *mp_queue_delivery_steal (MpQueueDelivery *delivery);
/* The same as a GBytes, also if the memory is an MpLargeMemory. */
GBytes *mp_queue_delivery_steal_bytes (MpQueueDelivery *delivery);
void    mp_queue_deliveries_init (MpQueueDelivery *deliveries,
                                  guint            n,
                                  guint8          *buffer,
                                  gsize            capacity);
void    mp_queue_delivery_free_memory (MpQueueDelivery *delivery);

static inline void
mp_queue_delivery_clear (MpQueueDelivery *delivery)
{
  if (G_UNLIKELY (delivery->data != delivery->buffer && delivery->data != NULL))
    mp_queue_delivery_free_memory (delivery);
}

G_END_DECLS
