/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-joinable-queue-private.h"

#include "queue-source.h"

/* Progress: counts, batches, messages held by consumers, and notification of changes. */

/* The least interval between notifications of progress: faster changes could not be seen. */
#define NEWS_INTERVAL_US (50 * 1000)

static void
get_counts (MpJoinableQueue *self,
            MpQueueCounts   *counts)
{
  mp_queue_store_count (&mp_queue_get_private (MP_QUEUE (self))->store, counts);
}

static guint64
count_done (const MpQueueCounts *counts)
{
  const guint64 n_others = counts->n_unfinished + counts->n_dropped;

  return counts->n_total - MIN (n_others, counts->n_total);
}

/**
 * mp_joinable_queue_get_unfinished: (get-property unfinished)
 * @self: a queue
 *
 * Gets the number of messages that were put and are not done.
 *
 * Returns: the number of messages
 *
 * Since: 1.0
 */
guint
mp_joinable_queue_get_unfinished (MpJoinableQueue *self)
{
  MpQueueCounts counts;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), 0);

  get_counts (self, &counts);
  return counts.n_unfinished;
}

/**
 * mp_joinable_queue_get_n_done: (get-property n-done)
 * @self: a queue
 *
 * Gets the number of messages of the batch that are done.
 *
 * Returns: the number of messages
 *
 * Since: 1.0
 */
guint64
mp_joinable_queue_get_n_done (MpJoinableQueue *self)
{
  MpQueueCounts counts;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), 0);

  get_counts (self, &counts);
  return count_done (&counts);
}

/**
 * mp_joinable_queue_get_n_total: (get-property n-total)
 * @self: a queue
 *
 * Gets the number of messages of the batch.
 *
 * Returns: the number of messages
 *
 * Since: 1.0
 */
guint64
mp_joinable_queue_get_n_total (MpJoinableQueue *self)
{
  MpQueueCounts counts;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), 0);

  get_counts (self, &counts);
  return counts.n_total;
}

/**
 * mp_joinable_queue_get_progress: (get-property progress)
 * @self: a queue
 *
 * Gets the fraction of the batch that is done.
 *
 * Returns: a number from 0 to 1; 0 if nothing was put
 *
 * Since: 1.0
 */
double
mp_joinable_queue_get_progress (MpJoinableQueue *self)
{
  MpQueueCounts counts;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), 0);

  get_counts (self, &counts);
  return counts.n_total == 0 ? 0 : (double) count_done (&counts) / (double) counts.n_total;
}

/**
 * mp_joinable_queue_get_n_dropped: (get-property n-dropped)
 * @self: a queue
 *
 * Gets the number of messages of the batch that were dropped.
 *
 * Returns: the number of messages
 *
 * Since: 1.0
 */
guint64
mp_joinable_queue_get_n_dropped (MpJoinableQueue *self)
{
  MpQueueCounts counts;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), 0);

  get_counts (self, &counts);
  return counts.n_dropped;
}

/**
 * mp_joinable_queue_begin_batch:
 * @self: a queue
 * @error: return location for an error
 *
 * Begins a new batch: messages done or dropped until now no longer count in `n-done`, `n-total`,
 * `n-dropped` and `progress`, in any process, and dropped ones no longer make joins fail.
 *
 * The first batch begins when the queue is created.
 *
 * Returns: %TRUE; %FALSE with @error set if the queue cannot be used
 *
 * Since: 1.0
 */
gboolean
mp_joinable_queue_begin_batch (MpJoinableQueue *self,
                               GError         **error)
{
  MpQueueCall   call = { .timeout_us = -1 };
  MpQueueStore *store;
  MpQueueStatus status;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), FALSE);

  if (!mp_queue_check (MP_QUEUE (self), error))
    return FALSE;

  store = &mp_queue_get_private (MP_QUEUE (self))->store;
  status = store->backend->begin_batch (store->home, &call);
  return status == MP_QUEUE_OK || mp_queue_set_error (MP_QUEUE (self), status, &call, error);
}

static void
add_progress (const MpQueueProgress *progress,
              gpointer               user_data)
{
  GVariantBuilder *builder = user_data;
  g_autofree char *text = g_utf8_make_valid (progress->text, -1);

  g_variant_builder_add (builder, "(txuds)", progress->serial, progress->pid,
                         progress->n_deliveries, progress->fraction, text);
}

/**
 * mp_joinable_queue_list_progress:
 * @self: a queue
 *
 * Lists the messages that consumers in any process hold.
 *
 * Each entry has a number that identifies the delivery, the consumer's process id in its own pid
 * namespace, the delivery count, and the last values of [method@Task.set_progress]: the fraction,
 * which is negative if none was set, and the text.
 *
 * Returns: (transfer full): an array of type `a(txuds)`
 *
 * Since: 1.0
 */
GVariant *
mp_joinable_queue_list_progress (MpJoinableQueue *self)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a(txuds)"));
  MpQueueCall   call = { .timeout_us = -1 };
  MpQueueStore *store;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), NULL);

  store = &mp_queue_get_private (MP_QUEUE (self))->store;
  if (store->home != NULL)
    store->backend->list (store->home, add_progress, &builder, &call);
  g_clear_error (&call.error);
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static gboolean
news_cb (gpointer user_data)
{
  GObject *self = user_data;
  GSource *source = g_main_current_source ();

  g_object_ref (self);
  g_object_freeze_notify (self);
  g_object_notify (self, "unfinished");
  g_object_notify (self, "n-done");
  g_object_notify (self, "n-total");
  g_object_notify (self, "n-dropped");
  g_object_notify (self, "progress");
  g_object_thaw_notify (self);
  g_object_unref (self);

  if (!g_source_is_destroyed (source))
    mp_queue_source_pause (source, NEWS_INTERVAL_US);
  return G_SOURCE_CONTINUE;
}

/**
 * mp_joinable_queue_get_report_progress: (get-property report-progress)
 * @self: a queue
 *
 * Gets whether changes of the other properties are notified.
 *
 * Returns: whether they are
 *
 * Since: 1.0
 */
gboolean
mp_joinable_queue_get_report_progress (MpJoinableQueue *self)
{
  MpJoinableQueuePrivate *priv;

  g_return_val_if_fail (MP_IS_JOINABLE_QUEUE (self), FALSE);

  priv = mp_joinable_queue_get_private (self);
  return g_atomic_pointer_get (&priv->news_source) != NULL;
}

/* Attaches a source for changes, unless another thread was faster. */
static gboolean
begin_reporting (MpJoinableQueue *self)
{
  MpJoinableQueuePrivate *priv = mp_joinable_queue_get_private (self);
  GSource                *source =
    mp_queue_source_new (G_OBJECT (self), &mp_queue_get_private (MP_QUEUE (self))->bells, NULL,
                         MP_QUEUE_WAIT_NEWS, NULL);

  mp_queue_source_make_weak (source);
  g_source_set_callback (source, news_cb, self, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  if (g_atomic_pointer_compare_and_exchange (&priv->news_source, NULL, source))
    return TRUE;

  g_source_destroy (source);
  g_source_unref (source);
  return FALSE;
}

static gboolean
end_reporting (MpJoinableQueue *self)
{
  MpJoinableQueuePrivate *priv = mp_joinable_queue_get_private (self);
  GSource                *source = g_atomic_pointer_get (&priv->news_source);

  if (source == NULL || !g_atomic_pointer_compare_and_exchange (&priv->news_source, source, NULL))
    return FALSE;

  g_source_destroy (source);
  g_source_unref (source);
  return TRUE;
}

/**
 * mp_joinable_queue_set_report_progress: (set-property report-progress)
 * @self: a queue
 * @report: whether to notify
 *
 * Sets whether changes of `unfinished`, `n-done`, `n-total` and `progress` are notified, in
 * the caller's thread-default main context.
 *
 * With it a progress bar is one more line:
 *
 * ```c
 * g_object_bind_property (queue, "progress", bar, "fraction", G_BINDING_SYNC_CREATE);
 * ```
 *
 * Since: 1.0
 */
void
mp_joinable_queue_set_report_progress (MpJoinableQueue *self,
                                       gboolean         report)
{
  g_return_if_fail (MP_IS_JOINABLE_QUEUE (self));

  if (!!report == mp_joinable_queue_get_report_progress (self))
    return;

  if (report ? begin_reporting (self) : end_reporting (self))
    g_object_notify (G_OBJECT (self), "report-progress");
}
