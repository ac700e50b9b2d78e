/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The payload of a variant `(a{sv}ay)`: the description of an array of numbers, and their bytes.
 * The description has these entries:
 *
 *   ndarray        s   the type of the numbers, as `typestr` of NumPy's array interface: "<f8"
 *   shape          at  how many there are in each dimension
 *   fortran-order  b   whether the first index changes fastest; without it the last one does
 *   padding        ay  ignored: makes the bytes begin at a multiple of MP_NDARRAY_ALIGNMENT
 */

#define MP_NDARRAY_TYPE           "(a{sv}ay)"
#define MP_NDARRAY_ALIGNMENT      64
#define MP_NDARRAY_MAX_DIMENSIONS 64

/* What follows the bytes: where the description ends, NUL, the type string, and the byte order. */
#define MP_NDARRAY_MAX_TAIL (sizeof (guint64) + 1 + sizeof MP_NDARRAY_TYPE)

typedef struct
{
  const char    *type;
  const guint64 *shape;
  guint          n_dimensions;
  gboolean       fortran_order;
  gsize          size; /* of all numbers, in bytes */
} MpNdarray;

/* Whether the type of the numbers is known, and the shape agrees with the size. */
gboolean mp_ndarray_is_valid (const MpNdarray *self);

/* Returns what precedes the bytes. */
GBytes *mp_ndarray_make_head (const MpNdarray *self);
/* Stores what follows them in @tail, and returns its size. */
gsize mp_ndarray_make_tail (const MpNdarray *self,
                            gsize            head_size,
                            guint8          *tail);

/* Reads the value of such a variant, which has passed mp_gvariant_read ().  Returns FALSE if it is
 * no array of numbers.  The pointers that are set point into @value. */
gboolean mp_ndarray_read (MpNdarray     *self,
                          GVariant      *value,
                          const guint8 **data);

G_END_DECLS
