/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory/queue-backend.h"
#include "mp-format.h"

G_BEGIN_DECLS

/* What a queue object has behind it: a backend, and what was opened there.  Payloads go in and
 * come out here, and the backend's answers become errors. */

typedef struct
{
  const MpQueueBackend *backend;
  gpointer              home;     /* the backend's; NULL when it could not be opened */
  GError               *error;    /* why not */
  MpQueueSettings       settings; /* as asked for, then as they are */
  gboolean              closed;   /* this object puts and gets no more */
} MpQueueStore;

/* How one kind of get reads messages. */
typedef struct
{
  MpQueueAccepted accepted;
  /* Returns the value, or NULL with @error set: then the message stays queued.  May take the
   * delivery's memory. */
  gpointer (*read) (MpQueueDelivery *delivery,
                    gpointer         request,
                    GError         **error);
  /* Frees a value that was read and turned out to be another consumer's. */
  GDestroyNotify free_value;
} MpQueueReader;

/* The backend of queues that nobody named otherwise; a test has it be another. */
extern const MpQueueBackend *mp_queue_default_backend;

/* NULL with @error set when there is no backend for the scheme of @uri. */
const MpQueueBackend *mp_queue_find_backend (const char *uri,
                                             GError    **error);

void mp_queue_store_open (MpQueueStore *self,
                          const char   *uri,
                          GUnixFDList  *descriptors);
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

MpQueueStatus mp_queue_store_put (MpQueueStore      *self,
                                  const MpQueueItem *items,
                                  guint              n_items,
                                  MpQueueCall       *call,
                                  guint             *n_put);
/* Gets what is next as @reader makes it, or leaves it queued: FAILED when that was refused. */
MpQueueStatus mp_queue_store_get (MpQueueStore        *self,
                                  const MpQueueReader *reader,
                                  gpointer             request,
                                  MpQueueDelivery     *delivery,
                                  MpQueueCall         *call,
                                  gpointer            *value);

/* The payload of a delivery in memory of its own, which is taken or made. */
guint8 *mp_queue_delivery_steal (MpQueueDelivery *delivery);
void    mp_queue_delivery_clear (MpQueueDelivery *delivery);

G_END_DECLS
