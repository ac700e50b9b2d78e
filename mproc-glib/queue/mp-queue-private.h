/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-queue.h"

#include "mp-shareable.h"
#include "mp-waitable.h"
#include "queue-bells.h"
#include "queue-store.h"

G_BEGIN_DECLS

typedef struct
{
  MpQueueStore store;
  MpQueueBells bells;
  guint        spin_us;

  /* What a subclass does with what was got by the functions of this class, and waits to be
   * finished; NULL where nothing has to be. */
  void (*keep) (MpQueue            *self,
                const MpQueueToken *token);

  GSource *message_source; /* while started */
} MpQueuePrivate;

enum
{
  MP_QUEUE_SIGNAL_MESSAGE,
  MP_QUEUE_SIGNAL_CLOSED,
  MP_QUEUE_N_SIGNALS
};

/* Set when the class is made. */
extern int   mp_queue_private_offset;
extern guint mp_queue_signals[MP_QUEUE_N_SIGNALS];

static inline MpQueuePrivate *
mp_queue_get_private (MpQueue *self)
{
  return G_STRUCT_MEMBER_P (self, mp_queue_private_offset);
}

/* Makes a queue of a class that may be derived, for memory of another process that has to be
 * of the kind @mode. */
MpShareable *mp_queue_open_described (GType        type,
                                      MpQueueMode  mode,
                                      GVariant    *description,
                                      GUnixFDList *descriptors,
                                      GError     **error);

void mp_queue_shareable_init (MpShareableInterface *iface);
void mp_queue_waitable_init (MpWaitableInterface *iface);

/* Closes the object, and tells so once; @reason is NULL when a call asked for it. */
void mp_queue_end (MpQueue      *self,
                   const GError *reason);

gboolean mp_queue_check (MpQueue *self,
                         GError **error);
gboolean mp_queue_set_error (MpQueue      *self,
                             MpQueueStatus status,
                             MpQueueCall  *call,
                             GError      **error);

/* Gets what is next as @reader makes it.  Nothing to get is no error when @quiet.  @token, if
 * given, is that of the delivery, to be finished by the caller. */
gpointer mp_queue_get_value (MpQueue             *self,
                             const MpQueueReader *reader,
                             gpointer             request,
                             MpQueueCall         *call,
                             gboolean             quiet,
                             MpQueueToken        *token,
                             GError             **error);
/* The same into the buffer of @delivery. */
gpointer mp_queue_get_delivery (MpQueue             *self,
                                const MpQueueReader *reader,
                                gpointer             request,
                                MpQueueDelivery     *delivery,
                                MpQueueCall         *call,
                                gboolean             quiet,
                                MpQueueToken        *token,
                                GError             **error);
/* A full queue is no error when @quiet. */
gboolean mp_queue_put_item (MpQueue      *self,
                            MpFormat      format,
                            gconstpointer data,
                            gsize         size,
                            MpQueueCall  *call,
                            gboolean      quiet,
                            GError      **error);
gboolean mp_queue_put_one (MpQueue           *self,
                           const MpQueueItem *item,
                           MpQueueCall       *call,
                           gboolean           quiet,
                           GError           **error);

/* Which messages can be had as payloads of these forms. */
MpQueueAccepted mp_queue_accept_payloads (MpFormats   accepted,
                                          const char *codec);
/* Whether the bytes are what their format says. */
gboolean mp_queue_check_payload (MpFormat      format,
                                 const guint8 *data,
                                 gsize         length,
                                 GError      **error);

/* What of a message a queue can carry. */
GBytes *mp_queue_ref_payload (MpMessage *message,
                              GError   **error);

/* What can be asked of each message. */
extern const MpQueueReader mp_queue_message_reader;
extern const MpQueueReader mp_queue_variant_reader;

/* A message of a delivery; takes the delivery's memory. */
MpMessage *mp_queue_steal_message (MpQueueDelivery *delivery,
                                   GError         **error);

gboolean mp_queue_wait_for (MpQueue         *self,
                            MpQueueCondition condition,
                            MpWaitFlags      flags,
                            gint64           timeout_us,
                            GCancellable    *cancellable,
                            GError         **error);

static inline gboolean
mp_queue_check_call (MpQueue      *self,
                     GCancellable *cancellable)
{
  return MP_IS_QUEUE (self) && (cancellable == NULL || G_IS_CANCELLABLE (cancellable));
}

/* --- Asynchronous calls ------------------------------------------------------------------ */

/* What the caller of an asynchronous get is given in the place of the value. */
typedef gpointer (*MpQueueWrapFunc) (MpQueue            *self,
                                     gpointer            value,
                                     const MpQueueToken *token);

void mp_queue_get_value_async (MpQueue             *self,
                               const MpQueueReader *reader,
                               MpQueueWrapFunc      wrap,
                               GDestroyNotify       free_result,
                               gpointer             source_tag,
                               int                  io_priority,
                               GCancellable        *cancellable,
                               GAsyncReadyCallback  callback,
                               gpointer             user_data);
void mp_queue_wait_async (MpQueue            *self,
                          MpQueueCondition    condition,
                          gpointer            source_tag,
                          int                 io_priority,
                          GCancellable       *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer            user_data);

G_END_DECLS
