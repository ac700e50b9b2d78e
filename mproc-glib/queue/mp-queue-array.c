/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "formats/ndarray.h"

/* Putting arrays of numbers. */

/**
 * mp_queue_put_array:
 * @self: a queue
 * @type: the type of the numbers, as for [ctor@Message.new_array]
 * @shape: (array length=n_dimensions) (element-type guint64): how many numbers there are in each
 *   dimension
 * @n_dimensions: how many dimensions, up to 64
 * @fortran_order: whether the first index changes fastest; if not, the last one does
 * @address: the address of the numbers
 * @length: the size of all numbers together, in bytes
 * @timeout_us: how long to wait, in microseconds; -1 for ever, 0 not at all
 * @error: return location for an error
 *
 * Puts an array of numbers, as the message that [ctor@Message.new_array] makes.
 *
 * A large array is copied once, into the memory of the queue. This is for C and for language
 * bindings that have the address of an array.
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
mp_queue_put_array (MpQueue       *self,
                    const char    *type,
                    const guint64 *shape,
                    guint          n_dimensions,
                    gboolean       fortran_order,
                    guintptr       address,
                    gsize          length,
                    gint64         timeout_us,
                    GError       **error)
{
  MpQueueCall     call = { .timeout_us = timeout_us, .interruptible = TRUE };
  const MpNdarray array = { type, shape, n_dimensions, fortran_order, length };
  g_autoptr (GBytes) head = NULL;
  guint8        tail[MP_NDARRAY_MAX_TAIL];
  GOutputVector pieces[3];

  g_return_val_if_fail (MP_IS_QUEUE (self), FALSE);
  g_return_val_if_fail (type != NULL, FALSE);
  g_return_val_if_fail (shape != NULL || n_dimensions == 0, FALSE);
  g_return_val_if_fail (address != 0 || length == 0, FALSE);
  g_return_val_if_fail (mp_ndarray_is_valid (&array), FALSE);

  head = mp_ndarray_make_head (&array);
  pieces[0].buffer = g_bytes_get_data (head, &pieces[0].size);
  pieces[1] = (GOutputVector){ (gconstpointer) address, length };
  pieces[2] = (GOutputVector){ tail, mp_ndarray_make_tail (&array, pieces[0].size, tail) };
  return mp_queue_put_vectors (self, MP_FORMAT_GVARIANT, pieces, G_N_ELEMENTS (pieces), &call,
                               error);
}
