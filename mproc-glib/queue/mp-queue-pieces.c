/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include <string.h>

/* Putting a message that is scattered over several buffers, such as a header and the arrays that it
 * describes, without first copying it into one buffer. */

/* Small messages are stored inline, not in a block into which pieces could be copied. */
gboolean
mp_queue_put_vectors (MpQueue             *self,
                      MpFormat             format,
                      const GOutputVector *pieces,
                      guint                n_pieces,
                      MpQueueCall         *call,
                      GError             **error)
{
  MpQueueItem        item = { .tag = (guint8) format, .pieces = pieces };
  g_autofree guint8 *joined = NULL;

  for (guint i = 0; i < n_pieces; i++)
    item.size += pieces[i].size;
  if (item.size < MP_QUEUE_MIN_PIECES)
    {
      joined = g_malloc (MAX (1, item.size));
      mp_queue_item_store (&item, joined);
      item.data = joined;
      item.pieces = NULL;
    }
  return mp_queue_put_one (self, &item, call, TRUE, error);
}

/**
 * mp_queue_put_pieces:
 * @self: a queue
 * @format: `BYTES` or `OPAQUE`
 * @addresses: (array length=n_pieces) (element-type guintptr): the addresses of the pieces
 * @sizes: (array length=n_pieces) (element-type gsize): the size of each in bytes
 * @n_pieces: how many pieces
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @error: return location for an error
 *
 * Puts one message from several buffers, as [method@Queue.put_payload] does from one. This is for
 * language bindings that have addresses of memory.
 *
 * Each piece of a large message is copied once, into the memory of the queue. The first piece of an
 * opaque message begins with the name of the codec and a NUL byte.
 *
 * It also returns after a signal handler of the process has run; see [method@Queue.get_payload].
 * Otherwise it fails as [method@Queue.put] does.
 *
 * Returns: whether it was put; %FALSE without an error if there was no room before the timeout or a
 *   signal handler ran
 *
 * Since: 1.0
 */
gboolean
mp_queue_put_pieces (MpQueue        *self,
                     MpFormat        format,
                     const guintptr *addresses,
                     const gsize    *sizes,
                     guint           n_pieces,
                     gint64          timeout_us,
                     GError        **error)
{
  MpQueueCall               call = { .timeout_us = timeout_us, .interruptible = TRUE };
  g_autofree GOutputVector *pieces = NULL;

  g_return_val_if_fail (MP_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (format == MP_FORMAT_BYTES || format == MP_FORMAT_OPAQUE, FALSE);
  g_return_val_if_fail (n_pieces > 0 && addresses != NULL && sizes != NULL, FALSE);
  g_return_val_if_fail (format != MP_FORMAT_OPAQUE ||
                          (sizes[0] > 0 && *(const guint8 *) addresses[0] != 0 &&
                           memchr ((const guint8 *) addresses[0], 0, sizes[0]) != NULL),
                        FALSE);

  pieces = g_new (GOutputVector, n_pieces);
  for (guint i = 0; i < n_pieces; i++)
    pieces[i] = (GOutputVector){ (gconstpointer) addresses[i], sizes[i] };
  return mp_queue_put_vectors (self, format, pieces, n_pieces, &call, error);
}
