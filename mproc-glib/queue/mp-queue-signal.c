/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

/* The signal of messages. */

/* How many messages one dispatch hands out before other sources get their turn. */
#define MESSAGES_PER_DISPATCH 64

enum
{
  SIGNAL_MESSAGE,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static gboolean
message_cb (gpointer user_data)
{
  g_autoptr (MpQueue) self = g_object_ref (MP_QUEUE (user_data));
  MpQueuePrivate *priv = mp_queue_get_private (self);
  GSource        *source = g_main_current_source ();

  for (guint i = 0; i < MESSAGES_PER_DISPATCH && !g_source_is_destroyed (source); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MpMessage) message = mp_queue_try_get_message (self, &error);

      if (error != NULL)
        {
          /* Shut down and drained, or broken: nothing will come any more. */
          if (priv->message_source == source)
            mp_queue_stop (self);
          return G_SOURCE_REMOVE;
        }
      if (message == NULL)
        break;
      g_signal_emit (self, signals[SIGNAL_MESSAGE], 0, message);
    }
  return G_SOURCE_CONTINUE;
}

/**
 * mp_queue_start:
 * @self: a queue
 *
 * Begins to get messages in the caller's thread-default main context and to emit
 * [signal@Queue::message] for each.
 *
 * It ends by [method@Queue.stop], and by itself when the queue is shut down and drained. The
 * queue lives at least as long. Starting twice is fine.
 *
 * Since: 1.0
 */
void
mp_queue_start (MpQueue *self)
{
  MpQueuePrivate *priv;
  GSource        *source;

  g_return_if_fail (MP_IS_QUEUE (self));

  priv = mp_queue_get_private (self);
  if (priv->message_source != NULL)
    return;

  source = mp_queue_create_source (self, NULL);
  g_source_set_callback (source, message_cb, self, NULL);
  priv->message_source = source;
  g_source_attach (source, g_main_context_get_thread_default ());
}

/**
 * mp_queue_stop:
 * @self: a queue
 *
 * Ends what [method@Queue.start] began. What is queued stays so.
 *
 * To be called in the thread of that main context.
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

  g_source_destroy (source);
  g_source_unref (source);
}

void
mp_queue_install_signals (MpQueueClass *klass)
{
  /**
   * MpQueue::message:
   * @self: a queue
   * @message: a message that was got
   *
   * Emitted for each message between [method@Queue.start] and [method@Queue.stop], in the
   * main context of the start.
   *
   * Since: 1.0
   */
  signals[SIGNAL_MESSAGE] =
    g_signal_new ("message", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, MP_TYPE_MESSAGE);
}
