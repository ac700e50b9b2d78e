/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-ahead.h"

#include "message/mp-message-private.h"
#include "queue-request.h"
#include "queue-source.h"

/* The maximum number of messages of one get. */
#define N_AHEAD 16

/* Ready while there are messages. */
typedef struct
{
  GSource       source;
  MpQueueAhead *ahead; /* NULL after mp_queue_ahead_stop () */
} Watch;

struct _MpQueueAhead
{
  MpQueueRequest  request;
  MpQueue        *queue; /* held by @answers */
  GSource        *answers;
  Watch          *watch;   /* NULL after mp_queue_ahead_stop () */
  gboolean        is_here; /* the get has ended, and messages or its error are left */
  guint           n_popped;
  MpQueueDelivery deliveries[N_AHEAD];
};

static void
begin (MpQueueAhead *self)
{
  self->is_here = FALSE;
  self->n_popped = 0;
  memset (self->deliveries, 0, sizeof self->deliveries);
  mp_queue_request_begin (&self->request, MP_QUEUE_OPERATION_GET);
}

static void
free_ahead (MpQueueAhead *self)
{
  for (guint i = 0; i < N_AHEAD; i++)
    mp_queue_delivery_clear (&self->deliveries[i]);
  mp_queue_request_clear (&self->request);
  g_source_destroy (self->answers);
  g_source_unref (self->answers);
  g_free (self);
}

/* A message that was settled has taken the memory of its delivery, which give_back () needs
 * again. */
static void
restore_delivery (MpQueueAhead *self)
{
  g_autoptr (GBytes) payload = mp_message_ref_payload (self->request.value, NULL);

  self->deliveries[0].data = g_memdup2 (g_bytes_get_data (payload, NULL),
                                        g_bytes_get_size (payload));
}

static void
give_back (MpQueueAhead *self)
{
  const MpQueueStore *store = self->request.store;
  const guint         n_got = self->request.operation.status == MP_QUEUE_OK
                                ? self->request.operation.n_done
                                : 0;

  if (n_got <= self->n_popped)
    return;
  if (self->request.value != NULL)
    restore_delivery (self);
  store->backend->give_back (store->home, self->deliveries + self->n_popped,
                             n_got - self->n_popped);
}

static gboolean
answer_cb (gpointer user_data)
{
  MpQueueAhead *self = user_data;

  if (!mp_queue_request_step (&self->request))
    return G_SOURCE_CONTINUE;

  if (self->watch == NULL)
    {
      give_back (self);
      free_ahead (self);
      return G_SOURCE_REMOVE;
    }
  self->is_here = TRUE;
  g_source_set_ready_time (&self->watch->source, 0);
  return G_SOURCE_CONTINUE;
}

void
mp_queue_ahead_stop (MpQueueAhead *self)
{
  mp_queue_get_private (self->queue)->ahead = NULL;
  self->watch->ahead = NULL;
  self->watch = NULL;
  if (self->is_here || mp_queue_request_step (&self->request))
    give_back (self);
  else if (!mp_queue_request_cancel (&self->request))
    return;
  free_ahead (self);
}

MpMessage *
mp_queue_ahead_pop (MpQueueAhead *self,
                    GError      **error)
{
  MpQueuePrivate   *priv = mp_queue_get_private (self->queue);
  MpQueueOperation *operation = &self->request.operation;
  MpQueueDelivery  *delivery = &self->deliveries[self->n_popped];
  MpMessage        *message;

  if (!self->is_here)
    return NULL;
  if (operation->status != MP_QUEUE_OK)
    {
      mp_queue_store_set_error (&priv->store, operation->status, &operation->call, delivery, error);
      return NULL;
    }

  message = g_steal_pointer (&self->request.value);
  if (message == NULL)
    message = mp_queue_steal_message (delivery, NULL);
  if (delivery->token.lease != 0)
    priv->keep (self->queue, &delivery->token);
  if (++self->n_popped == operation->n_done)
    {
      g_source_set_ready_time (&self->watch->source, -1);
      begin (self);
    }
  return message;
}

static gboolean
watch_dispatch (GSource    *source,
                GSourceFunc callback,
                gpointer    user_data)
{
  return callback != NULL ? callback (user_data) : G_SOURCE_REMOVE;
}

static void
watch_finalize (GSource *source)
{
  Watch *self = (Watch *) source;

  if (self->ahead != NULL)
    mp_queue_ahead_stop (self->ahead);
}

static GSourceFuncs watch_funcs = {
  .dispatch = watch_dispatch,
  .finalize = watch_finalize,
};

GSource *
mp_queue_ahead_start (MpQueue *queue,
                      GSource *stream)
{
  MpQueuePrivate *priv = mp_queue_get_private (queue);
  GMainContext   *context = g_source_get_context (stream);
  MpQueueAhead   *self = g_new0 (MpQueueAhead, 1);

  self->queue = queue;
  self->watch = (Watch *) g_source_new (&watch_funcs, sizeof (Watch));
  self->watch->ahead = self;
  self->answers = mp_queue_source_new (G_OBJECT (queue), &priv->bells, context,
                                       MP_QUEUE_WAIT_ANSWERS, NULL);
  g_source_set_static_name (self->answers, "mp_queue_start");
  g_source_set_priority (self->answers, g_source_get_priority (stream));
  g_source_set_callback (self->answers, answer_cb, self, NULL);

  self->request.store = &priv->store;
  self->request.source = self->answers;
  self->request.reader = &mp_queue_message_reader;
  self->request.operation.accepted = &mp_queue_message_reader.accepted;
  self->request.operation.deliveries = self->deliveries;
  self->request.operation.n = N_AHEAD;
  begin (self);

  g_source_attach (self->answers, context);
  priv->ahead = self;
  return &self->watch->source;
}
