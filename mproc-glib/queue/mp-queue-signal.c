/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "base/mp-stream-source.h"
#include "mp-queue-ahead.h"
#include "queue-request.h"

/* Emitting the signal "message". */

/* The maximum number of messages for which one dispatch emits the signal. */
#define MESSAGES_PER_DISPATCH 64

static gboolean
has_handler (gpointer self)
{
  return mp_stream_source_has_handler (self, mp_queue_signals[MP_QUEUE_SIGNAL_MESSAGE]);
}

static MpMessage *
get_next (MpQueue *self,
          GError **error)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);

  if (!mp_queue_check_gets (self, error))
    return NULL;
  return priv->ahead != NULL ? mp_queue_ahead_pop (priv->ahead, error)
                             : mp_queue_try_get_message (self, error);
}

static gboolean
message_cb (gpointer user_data)
{
  g_autoptr (MpQueue) self = g_object_ref (MP_QUEUE (user_data));
  g_autoptr (GError) error = NULL;
  GSource *source = g_main_current_source ();
  gint64   end = g_get_monotonic_time () + MP_STREAM_US_PER_DISPATCH;

  for (guint i = 0; i < MESSAGES_PER_DISPATCH; i++)
    {
      g_autoptr (MpMessage) message = NULL;

      if (g_source_is_destroyed (source) ||
          !has_handler (self))
        break;
      message = get_next (self, &error);
      if (message == NULL)
        break;
      g_signal_emit (self, mp_queue_signals[MP_QUEUE_SIGNAL_MESSAGE], 0, message);
      if (g_get_monotonic_time () >= end)
        break;
    }
  if (error == NULL)
    return G_SOURCE_CONTINUE;

  /* The queue is shut down and drained, closed, or damaged: no more messages will come. */
  if (mp_queue_get_private (self)->message_source == source)
    mp_queue_stop (self);
  mp_queue_end (self, error);
  return G_SOURCE_REMOVE;
}

static GSource *
create_watch (gpointer self)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);

  return mp_queue_request_is_needed (&priv->store)
           ? mp_queue_ahead_start (self, priv->message_source)
           : mp_queue_create_source (self, NULL);
}

/**
 * mp_queue_start:
 * @self: a queue
 * @io_priority: the priority, such as %G_PRIORITY_DEFAULT_IDLE, at which a window is drawn before
 *   messages are handled
 *
 * Starts getting messages in the caller's thread-default main context, emitting
 * [signal@Queue::message] for each.
 *
 * While no handler is connected to the signal, messages stay queued. Each iteration of the main
 * context handles only as many messages as take about two milliseconds.
 *
 * It ends with [method@Queue.stop], and by itself, with [signal@Queue::closed], when the queue is
 * shut down and drained or cannot be used. The queue stays alive until then. Starting twice is
 * allowed.
 *
 * Since: 1.0
 */
void
mp_queue_start (MpQueue *self,
                int      io_priority)
{
  MpQueuePrivate *priv;
  GSource        *source;

  g_return_if_fail (MP_IS_QUEUE (self));

  priv = mp_queue_get_private (self);
  if (priv->message_source != NULL)
    return;

  source = mp_stream_source_new (self, has_handler, create_watch);
  g_source_set_static_name (source, "mp_queue_start");
  g_source_set_priority (source, io_priority);
  g_source_set_callback (source, message_cb, g_object_ref (self), g_object_unref);
  priv->message_source = source;
  g_source_attach (source, g_main_context_get_thread_default ());
}

/**
 * mp_queue_stop:
 * @self: a queue
 *
 * Stops what [method@Queue.start] started. Queued messages stay queued.
 *
 * It has to be called in the thread of that main context.
 *
 * Since: 1.0
 */
void
mp_queue_stop (MpQueue *self)
{
  MpQueuePrivate *priv;
  GSource        *source;

  g_return_if_fail (MP_IS_QUEUE (self));

  priv = mp_queue_get_private (self);
  source = g_steal_pointer (&priv->message_source);
  if (source == NULL)
    return;

  if (priv->ahead != NULL)
    mp_queue_ahead_stop (priv->ahead);
  g_source_destroy (source);
  g_source_unref (source);
}
