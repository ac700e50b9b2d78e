/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-joinable-queue.h"
#include "mp-queue-private.h"

/* Opening a queue by a URI. */

/**
 * mp_queue_open:
 * @uri: where the queue is
 * @cancellable: (nullable): a cancellable
 * @error: return location for an error
 *
 * Opens a queue by a URI.
 *
 * The scheme of @uri selects where the queue lives; the class of the object, [class@Queue] or
 * [class@JoinableQueue], is that of the queue. No scheme is supported yet, and every URI fails with
 * `MP_ERROR_UNSUPPORTED`: queues in shared memory have no URI, and are passed from process to
 * process.
 *
 * Returns: (transfer full): a queue, or %NULL with @error set
 *
 * Since: 1.0
 */
MpQueue *
mp_queue_open (const char   *uri,
               GCancellable *cancellable,
               GError      **error)
{
  MpQueueStore store = { 0 };
  GType        type;

  g_return_val_if_fail (uri != NULL, NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  mp_queue_store_open (&store, uri, NULL, cancellable);
  if (store.home == NULL)
    {
      g_propagate_error (error, store.error);
      return NULL;
    }

  type = store.settings.mode == MP_QUEUE_MODE_ACKNOWLEDGED ? MP_TYPE_JOINABLE_QUEUE
                                                           : MP_TYPE_QUEUE;
  return g_object_new (type, "opened", &store, NULL);
}
