/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-queue.h"

#include "mp-shareable.h"
#include "mp-waitable.h"
#include "queue-bells.h"
#include "queue-store.h"

G_BEGIN_DECLS

typedef struct _MpQueueAhead MpQueueAhead; /* see mp-queue-ahead.h */

typedef struct
{
  MpQueueStore store;
  MpQueueBells bells;
  guint        spin_us;
  const char  *codec; /* interned */

  /* Called by the functions of this class that get a message with the delivery that has to be
   * finished, which a subclass remembers; NULL if deliveries need not be finished. */
  void (*keep) (MpQueue            *self,
                const MpQueueToken *token);

  GSource      *message_source; /* between start () and stop () */
  MpQueueAhead *ahead;          /* while there is a handler, if operations end later */
} MpQueuePrivate;

enum
{
  MP_QUEUE_SIGNAL_MESSAGE,
  MP_QUEUE_SIGNAL_CLOSED,
  MP_QUEUE_N_SIGNALS
};

/* Set when the class is initialised. */
extern int   mp_queue_private_offset;
extern guint mp_queue_signals[MP_QUEUE_N_SIGNALS];

static inline MpQueuePrivate *
mp_queue_get_private (MpQueue *self)
{
  return G_STRUCT_MEMBER_P (self, mp_queue_private_offset);
}

/* Creates an object of @type, which may be a subclass, for a queue of another process, whose mode
 * has to be @mode. */
MpShareable *mp_queue_open_described (GType        type,
                                      MpQueueMode  mode,
                                      GVariant    *description,
                                      GUnixFDList *descriptors,
                                      GError     **error);

void mp_queue_shareable_init (MpShareableInterface *iface);
void mp_queue_waitable_init (MpWaitableInterface *iface);

/* Closes the object and emits "closed" once; @reason is NULL if a call of close () caused it. */
void mp_queue_end (MpQueue      *self,
                   const GError *reason);

/* Lets gets through this object fail from now on, as after a shutdown, and puts that have to wait.
 * The object is closed when one of them has failed, or by close (). */
void mp_queue_spend (MpQueue *self);

gboolean mp_queue_check (MpQueue *self,
                         GError **error);
/* Also that this object was not closed. */
gboolean mp_queue_check_open (MpQueue *self,
                              GError **error);
/* Also that messages can be got through it. */
gboolean mp_queue_check_gets (MpQueue *self,
                              GError **error);
gboolean mp_queue_set_error (MpQueue      *self,
                             MpQueueStatus status,
                             MpQueueCall  *call,
                             GError      **error);

/* Whether a quiet call returns without an error and without a result: the queue is empty or full
 * (@nothing), a signal handler has run, or, if the call must not wait, a lock is held by another
 * process. */
gboolean mp_queue_is_nothing_now (MpQueueStatus      status,
                                  MpQueueStatus      nothing,
                                  const MpQueueCall *call);

/* The largest message that is received in a buffer on the stack. */
#define MP_QUEUE_SMALL_MESSAGE 2048

/* Gets the next message as a value made by @reader.  If @quiet, an empty queue is not an error.
 * @token, if given, is set to the delivery, which the caller has to finish. */
gpointer mp_queue_get_value (MpQueue             *self,
                             const MpQueueReader *reader,
                             gpointer             request,
                             MpQueueCall         *call,
                             gboolean             quiet,
                             MpQueueToken        *token,
                             GError             **error);
/* The same with the buffer of @delivery. */
gpointer mp_queue_get_delivery (MpQueue             *self,
                                const MpQueueReader *reader,
                                gpointer             request,
                                MpQueueDelivery     *delivery,
                                MpQueueCall         *call,
                                gboolean             quiet,
                                MpQueueToken        *token,
                                GError             **error);
/* If @quiet, a full queue is not an error. */
gboolean mp_queue_put_one (MpQueue           *self,
                           const MpQueueItem *item,
                           MpQueueCall       *call,
                           gboolean           quiet,
                           GError           **error);
gboolean mp_queue_put_item (MpQueue      *self,
                            MpFormat      format,
                            gconstpointer data,
                            gsize         size,
                            MpQueueCall  *call,
                            gboolean      quiet,
                            GError      **error);

/* Puts a message that is scattered over several buffers. */
gboolean mp_queue_put_vectors (MpQueue             *self,
                               MpFormat             format,
                               const GOutputVector *pieces,
                               guint                n_pieces,
                               MpQueueCall         *call,
                               GError             **error);

/* Returns which messages can be read or converted as payloads in these formats. */
MpQueueAccepted mp_queue_accept_payloads (MpFormats   accepted,
                                          const char *codec);
/* Checks that the bytes are valid in their format. */
gboolean mp_queue_check_payload (MpFormat      format,
                                 const guint8 *data,
                                 gsize         length,
                                 GError      **error);

/* Fills in @item, which points into the message.  FALSE with @error set if a queue cannot carry
 * it. */
gboolean mp_queue_peek_item (MpMessage   *message,
                             MpQueueItem *item,
                             GError     **error);

/* The readers for messages and variants. */
extern const MpQueueReader mp_queue_message_reader;
extern const MpQueueReader mp_queue_variant_reader;

/* Makes an MpMessage of a delivery, whose memory it takes. */
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

/* Converts the value to the result of a get. */
typedef gpointer (*MpQueueWrapFunc) (MpQueue            *self,
                                     gpointer            value,
                                     const MpQueueToken *token);

/* The most messages of a batch. */
#define MP_QUEUE_MAX_BATCH 64

/* Adds a message to the results, converted by @wrap if there is one; else its delivery is kept. */
void mp_queue_add_message (MpQueue            *self,
                           MpMessage          *message,
                           const MpQueueToken *token,
                           MpQueueWrapFunc     wrap,
                           GPtrArray          *results);
/* Adds messages that were delivered for good. */
void mp_queue_take_messages (MpQueue         *self,
                             MpQueueDelivery *deliveries,
                             guint            n,
                             MpQueueWrapFunc  wrap,
                             GPtrArray       *results);
/* Waits for the first message, and takes those behind it that are available.  There may be results
 * also if it fails. */
MpQueueStatus mp_queue_get_messages (MpQueue         *self,
                                     MpQueueDelivery *deliveries,
                                     guint            max,
                                     MpQueueCall     *call,
                                     MpQueueWrapFunc  wrap,
                                     GPtrArray       *results);

/* Waits for the first message, and takes those behind it that are available; NULL with @error set.
 * Without @wrap these are messages, whose deliveries are kept. */
GPtrArray *mp_queue_get_batch (MpQueue        *self,
                               guint           max,
                               MpQueueCall    *call,
                               MpQueueWrapFunc wrap,
                               GDestroyNotify  free_result,
                               GError        **error);

/* --- Asynchronous calls ------------------------------------------------------------------ */

void mp_queue_get_value_async (MpQueue             *self,
                               const MpQueueReader *reader,
                               MpQueueWrapFunc      wrap,
                               GDestroyNotify       free_result,
                               gpointer             source_tag,
                               int                  io_priority,
                               GCancellable        *cancellable,
                               GAsyncReadyCallback  callback,
                               gpointer             user_data);
/* The result is a GPtrArray. */
void mp_queue_get_batch_async (MpQueue            *self,
                               guint               max,
                               MpQueueWrapFunc     wrap,
                               GDestroyNotify      free_result,
                               gpointer            source_tag,
                               int                 io_priority,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data);
/* Waits until nothing is unfinished. */
void mp_queue_wait_done_async (MpQueue            *self,
                               gpointer            source_tag,
                               int                 io_priority,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data);

G_END_DECLS
