/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "redis-queue-private.h"

G_BEGIN_DECLS

/* Functions of the backend's table that are defined in other files.  They take the mutex
 * themselves. */

MpQueueStatus mp_redis_slot_finish (gpointer            self,
                                    const MpQueueToken *tokens,
                                    guint               n,
                                    MpQueueFinish       how,
                                    MpQueueStatus      *answers,
                                    MpQueueCall        *call);
void          mp_redis_slot_begin (gpointer          self,
                                   MpQueueOperation *operation);
gboolean      mp_redis_slot_cancel (gpointer          self,
                                    MpQueueOperation *operation);
MpQueueStatus mp_redis_slot_settle (gpointer         self,
                                    MpQueueDelivery *delivery,
                                    gboolean         take,
                                    MpQueueCall     *call);
MpQueueStatus mp_redis_slot_progress (gpointer            self,
                                      const MpQueueToken *token,
                                      double              fraction,
                                      const char         *text,
                                      MpQueueCall        *call);
MpQueueStatus mp_redis_slot_list (gpointer        self,
                                  MpQueueListFunc func,
                                  gpointer        user_data,
                                  MpQueueCall    *call);
MpQueueStatus mp_redis_slot_get_dead (gpointer         self,
                                      const guint64   *serial,
                                      MpQueueDelivery *delivery,
                                      MpQueueCall     *call);
MpQueueStatus mp_redis_slot_requeue (gpointer       self,
                                     const guint64 *serial,
                                     MpQueueCall   *call);
MpQueueStatus mp_redis_slot_shutdown (gpointer     self,
                                      gboolean     immediate,
                                      MpQueueCall *call);
MpQueueStatus mp_redis_slot_clear (gpointer     self,
                                   guint64     *n_dropped,
                                   MpQueueCall *call);
MpQueueStatus mp_redis_slot_begin_batch (gpointer     self,
                                         MpQueueCall *call);
MpQueueStatus mp_redis_slot_count (gpointer       self,
                                   MpQueueCounts *counts,
                                   MpQueueCall   *call);
MpQueueStatus mp_redis_remove (MpRedisQueue *self,
                               MpQueueCall  *call);

/* Called with the mutex.  Adds the @n deliveries of the request to the lane, or all answers that
 * need no server. */
void mp_redis_begin_finish (MpRedisQueue       *self,
                            MpRedisRequest     *request,
                            const MpQueueToken *tokens,
                            MpQueueFinish       how);
/* Make a new request a question that shuts the queue down, or drops what is queued. */
void mp_redis_prepare_shutdown (MpRedisRequest *request,
                                gboolean        immediate);
void mp_redis_prepare_clear (MpRedisRequest *request);
/* Called with the mutex.  Begins to settle a tentative delivery.  Returns FALSE with @status set if
 * that is done already. */
gboolean mp_redis_begin_settle (MpRedisQueue    *self,
                                MpQueueDelivery *delivery,
                                gboolean         take,
                                MpRedisRequest  *request,
                                MpQueueStatus   *status);
/* Removes a dead letter, or puts it back into the queue.  Returns STALE if another consumer has
 * removed it. */
#define MP_REDIS_TAKE_DEAD    'x'
#define MP_REDIS_REQUEUE_DEAD 'q'
MpQueueStatus mp_redis_finish_dead (MpRedisQueue *self,
                                    char          how,
                                    gint64        id,
                                    guint32       n_deliveries,
                                    MpQueueCall  *call);

G_END_DECLS
