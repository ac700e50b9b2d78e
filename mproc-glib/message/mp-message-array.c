/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "formats/ndarray.h"
#include "message-forms.h"
#include "mp-message-private.h"

#include <string.h>

/* Messages that are an array of numbers, which is a variant with a description of the array. */

/**
 * mp_message_new_array: (constructor)
 * @type: the type of the numbers, as in NumPy's array interface: the byte order `<`, `>` or, for
 *   single bytes, `|`, then the kind `b` (boolean), `i`, `u`, `f` or `c`, then the size of a number
 *   in bytes: `<f8`
 * @shape: (array length=n_dimensions) (element-type guint64): how many numbers there are in each
 *   dimension
 * @n_dimensions: how many dimensions, up to 64
 * @fortran_order: whether the first index changes fastest; if not, the last one does
 * @data: (array length=length) (element-type guint8): the numbers
 * @length: the size of all numbers together, in bytes
 *
 * Creates a message from a copy of an array of numbers.
 *
 * It is a variant of the type `(a{sv}ay)`: a description with the entries `ndarray` (@type),
 * `shape`, and `fortran-order` if it is true, and the bytes of the numbers. The Python package
 * `mproc` gets it as an array of NumPy, and puts such arrays so.
 *
 * Returns: (transfer full): a message in the format `MP_FORMAT_GVARIANT`
 *
 * Since: 1.0
 */
MpMessage *
mp_message_new_array (const char    *type,
                      const guint64 *shape,
                      guint          n_dimensions,
                      gboolean       fortran_order,
                      const guint8  *data,
                      gsize          length)
{
  const MpNdarray array = { type, shape, n_dimensions, fortran_order, length };
  g_autoptr (GBytes) head = NULL;
  guint8  tail[MP_NDARRAY_MAX_TAIL];
  guint8 *payload;
  gsize   head_size, tail_size;

  g_return_val_if_fail (type != NULL, NULL);
  g_return_val_if_fail (shape != NULL || n_dimensions == 0, NULL);
  g_return_val_if_fail (data != NULL || length == 0, NULL);
  g_return_val_if_fail (mp_ndarray_is_valid (&array), NULL);

  head = mp_ndarray_make_head (&array);
  head_size = g_bytes_get_size (head);
  tail_size = mp_ndarray_make_tail (&array, head_size, tail);
  payload = g_malloc (head_size + length + tail_size);
  memcpy (payload, g_bytes_get_data (head, NULL), head_size);
  if (length > 0)
    memcpy (payload + head_size, data, length);
  memcpy (payload + head_size + length, tail, tail_size);
  return mp_message_new_of (MP_FORMAT_GVARIANT,
                            g_bytes_new_take (payload, head_size + length + tail_size));
}

/**
 * mp_message_get_array:
 * @self: a message
 * @shape: (out) (transfer full) (array length=n_dimensions) (element-type guint64): how many
 *   numbers there are in each dimension
 * @n_dimensions: (out): how many dimensions
 * @fortran_order: (out): whether the first index changes fastest
 * @address: (out): the address of the numbers, which exist as long as the message
 * @length: (out): the size of all numbers together, in bytes
 * @error: return location for an error
 *
 * Gets the array of numbers that the message is; see [ctor@Message.new_array].
 *
 * Nothing is copied. In messages of 4 KiB and more that a queue delivered, the numbers begin at a
 * multiple of 64 bytes. Code that holds the only reference to the message may modify them.
 *
 * Returns: (nullable): the type of the numbers, as for [ctor@Message.new_array]; %NULL without an
 *   error if the message is no array of numbers, with @error set if it is malformed
 *
 * Since: 1.0
 */
const char *
mp_message_get_array (MpMessage *self,
                      guint64  **shape,
                      guint     *n_dimensions,
                      gboolean  *fortran_order,
                      guintptr  *address,
                      gsize     *length,
                      GError   **error)
{
  GVariant     *value;
  MpNdarray     array;
  const guint8 *data;

  *shape = NULL;
  *n_dimensions = 0;
  *fortran_order = FALSE;
  *address = 0;
  *length = 0;
  g_return_val_if_fail (self != NULL, NULL);

  if (self->format != MP_FORMAT_GVARIANT)
    return NULL;
  value = mp_message_peek_variant (self, error);
  if (value == NULL || !mp_ndarray_read (&array, value, &data))
    return NULL;

  *shape = g_memdup2 (array.shape, array.n_dimensions * sizeof *array.shape);
  *n_dimensions = array.n_dimensions;
  *fortran_order = array.fortran_order;
  *address = (guintptr) data;
  *length = array.size;
  return array.type;
}
