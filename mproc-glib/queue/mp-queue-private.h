/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-queue.h"
#include "base/mp-fork.h"
#include "base/mp-spin.h"
#include "mp-shareable.h"
#include "mp-waitable.h"
#include "memory/shared-queue.h"

G_BEGIN_DECLS

/* The largest message that a caller's stack has to hold. */
#define MP_QUEUE_STACK_SIZE MP_INLINE_LIMIT

typedef struct
{
  const MpQueueBackend *backend;
  gpointer              store;    /* the backend's; NULL when it could not be made */
  GError               *error;    /* why not */
  MpSharedQueueSettings settings; /* as asked for, then as they are */
  guint                 spin_us;
  gboolean              closed; /* this object puts no more */

  /* The descriptor that mp_queue_get_fd () gave away, kept level by every get. */
  GMutex       bell_mutex;
  MpQueueBell *fd_bell;

  /* Bells of waiting asynchronous calls, one for each main context and condition. */
  GPtrArray *shared_bells;
  gboolean   bells_unsound; /* the list was being changed when this process was forked off */

  MpForkHook fork_hook;

  GSource *message_source; /* while started */
} MpQueuePrivate;

MpQueuePrivate *mp_queue_get_private (MpQueue *self);

/* Makes a queue, of a class that may be derived, of memory that is there already. */
MpQueue *mp_queue_new_for_store (GType    type,
                                 gpointer store);

void mp_queue_shareable_init (MpShareableInterface *iface);
void mp_queue_waitable_init (MpWaitableInterface *iface);

gboolean mp_queue_set_error (MpQueue               *self,
                             MpQueueStatus          status,
                             const MpQueueDelivery *delivery,
                             GError               **error);
gboolean mp_queue_check (MpQueue *self,
                         GError **error);

/* Gets a payload: TRUE with @delivery filled, FALSE with @error.  EMPTY at once is no
 * error when @try_only. */
gboolean mp_queue_get_payload (MpQueue         *self,
                               MpQueueDelivery *delivery,
                               gint64           timeout_us,
                               gboolean         try_only,
                               GCancellable    *cancellable,
                               GError         **error);
/* Ends the getting of a payload, which the caller keeps or gives back: then it is queued
 * again, ahead of all else. */
void     mp_queue_end_get (MpQueue               *self,
                           const MpQueueDelivery *delivery);
void     mp_queue_give_back (MpQueue         *self,
                             MpQueueDelivery *delivery,
                             gconstpointer    data);
gboolean mp_queue_put_payload (MpQueue      *self,
                               MpFormat      format,
                               gconstpointer data,
                               gsize         size,
                               gint64        timeout_us,
                               gboolean      try_only,
                               GCancellable *cancellable,
                               GError      **error);
gboolean mp_queue_put_items (MpQueue           *self,
                             const MpQueueItem *items,
                             guint              n_items,
                             gint64             timeout_us,
                             GCancellable      *cancellable,
                             guint             *n_put,
                             GError           **error);
gboolean mp_queue_get_payloads (MpQueue         *self,
                                MpQueueDelivery *deliveries,
                                guint            n,
                                guint           *n_got,
                                gint64           timeout_us,
                                GCancellable    *cancellable,
                                GError         **error);
/* What of a message a queue can carry. */
GBytes *mp_queue_ref_payload (MpMessage *message,
                              GError   **error);
/* The payload of a delivery; takes its memory. */
GBytes *mp_queue_steal_payload (MpQueueDelivery *delivery);

/* Gets what is next as @convert makes it, or leaves it queued when that fails. */
typedef gpointer (*MpQueueConvertFunc) (MpMessage *message,
                                        gsize     *length,
                                        GError   **error);
gpointer mp_queue_get_converted (MpQueue           *self,
                                 MpQueueDelivery   *delivery,
                                 MpQueueConvertFunc convert,
                                 gsize             *length,
                                 GError           **error);

gpointer mp_queue_convert_to_message (MpMessage *message,
                                      gsize     *length,
                                      GError   **error);
gpointer mp_queue_convert_to_pickle (MpMessage *message,
                                     gsize     *length,
                                     GError   **error);

static inline MpQueueDelivery
mp_queue_delivery (guint8 *buffer,
                   gsize   capacity)
{
  return (MpQueueDelivery){
    .buffer = buffer,
    .capacity = capacity,
  };
}

static inline gboolean
mp_queue_check_call (MpQueue      *self,
                     GCancellable *cancellable)
{
  return MP_IS_QUEUE (self) && (cancellable == NULL || G_IS_CANCELLABLE (cancellable));
}

gboolean mp_queue_wait_for (MpQueue         *self,
                            MpQueueCondition condition,
                            MpWaitFlags      flags,
                            gint64           timeout_us,
                            GCancellable    *cancellable,
                            GError         **error);

void     mp_queue_refresh_fd (MpQueue *self);
int      mp_queue_peek_fd (MpQueue *self);
gboolean mp_queue_check_fd (MpQueue *self,
                            gboolean rang);

/* For what touches the bells of a queue; unlocked by g_mutex_unlock (). */
void mp_queue_init_bells (MpQueuePrivate *priv);
void mp_queue_clear_bells (MpQueuePrivate *priv);
void mp_queue_lock_bells (MpQueuePrivate *priv);

/* Sources.  One for a task shares its bell with the others of its context. */
GSource *mp_queue_create_condition_source (MpQueue         *self,
                                           MpQueueCondition condition,
                                           GCancellable    *cancellable);
void     mp_queue_attach_task_source (MpQueue         *self,
                                      MpQueueCondition condition,
                                      GTask           *task,
                                      GSourceFunc      callback);
void     mp_queue_source_make_weak (GSource *source);
void     mp_queue_source_pause (GSource *source,
                                gint64   interval_us);
void     mp_queue_clear_sources (MpQueue *self);
void     mp_queue_install_signals (MpQueueClass *klass);

G_END_DECLS
