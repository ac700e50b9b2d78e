/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "ndarray.h"
#include "gvariant.h"

#include <string.h>

/* Less than one MP_NDARRAY_ALIGNMENT of padding is added to the description, and once more if the
 * padding makes its size so large that the ends of its parts need larger integers. */
#define MAX_PADDING (2 * MP_NDARRAY_ALIGNMENT)

/* The sizes in bytes that each kind of numbers may have, as a set of bits. */
static guint
get_sizes (char kind)
{
  switch (kind)
    {
    case 'b':
      return 1;
    case 'i':
    case 'u':
      return 1 | 2 | 4 | 8;
    case 'f':
      return 2 | 4 | 8;
    case 'c':
      return 8 | 16;
    default:
      return 0;
    }
}

/* Returns the size of one number, or 0 if the type is unknown.  "|" goes with single bytes only,
 * which have no order. */
static gsize
get_item_size (const char *type)
{
  guint64 size;

  if (type[0] == '\0' || strchr ("<>|", type[0]) == NULL || type[1] == '\0' ||
      !g_ascii_isdigit (type[2]) || !g_ascii_string_to_unsigned (type + 2, 10, 1, 16, &size, NULL))
    return 0;
  if ((size & (size - 1)) != 0 || (get_sizes (type[1]) & size) == 0 ||
      (size == 1) != (type[0] == '|'))
    return 0;
  return (gsize) size;
}

gboolean
mp_ndarray_is_valid (const MpNdarray *self)
{
  gsize size = get_item_size (self->type);

  if (size == 0 || self->n_dimensions > MP_NDARRAY_MAX_DIMENSIONS)
    return FALSE;
  for (guint i = 0; i < self->n_dimensions; i++)
    if (self->shape[i] > G_MAXSIZE || !g_size_checked_mul (&size, size, (gsize) self->shape[i]))
      return FALSE;
  return size == self->size;
}

static GVariant *
describe (const MpNdarray *self,
          gsize            n_padding)
{
  static const guint8 padding[MAX_PADDING];
  GVariantBuilder     builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "ndarray", g_variant_new_string (self->type));
  g_variant_builder_add (&builder, "{sv}", "shape",
                         g_variant_new_fixed_array (G_VARIANT_TYPE_UINT64, self->shape,
                                                    self->n_dimensions, sizeof *self->shape));
  if (self->fortran_order)
    g_variant_builder_add (&builder, "{sv}", "fortran-order", g_variant_new_boolean (TRUE));
  g_variant_builder_add (&builder, "{sv}", "padding",
                         g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, padding, n_padding, 1));
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

GBytes *
mp_ndarray_make_head (const MpNdarray *self)
{
  gsize n_padding = 0;

  for (;;)
    {
      g_autoptr (GVariant) description = describe (self, n_padding);
      gsize rest = g_variant_get_size (description) % MP_NDARRAY_ALIGNMENT;

      if (rest == 0)
        return g_variant_get_data_as_bytes (description);
      n_padding += MP_NDARRAY_ALIGNMENT - rest;
      g_assert (n_padding <= MAX_PADDING);
    }
}

/* Returns the size of the integer that stores where the first member of the tuple ends: just large
 * enough for the size of the whole tuple, this integer included. */
static gsize
get_end_size (gsize size)
{
  return size + 1 <= G_MAXUINT8 ? 1 : size + 2 <= G_MAXUINT16 ? 2
                                    : size + 4 <= G_MAXUINT32 ? 4
                                                              : 8;
}

gsize
mp_ndarray_make_tail (const MpNdarray *self,
                      gsize            head_size,
                      guint8          *tail)
{
  const guint64 end = GUINT64_TO_LE (head_size);
  gsize         end_size = get_end_size (head_size + self->size);

  memcpy (tail, &end, end_size);
  tail[end_size] = '\0';
  memcpy (tail + end_size + 1, MP_NDARRAY_TYPE, strlen (MP_NDARRAY_TYPE));
  tail[end_size + 1 + strlen (MP_NDARRAY_TYPE)] = MP_GVARIANT_NATIVE_MARK;
  return end_size + 1 + strlen (MP_NDARRAY_TYPE) + 1;
}

gboolean
mp_ndarray_read (MpNdarray     *self,
                 GVariant      *value,
                 const guint8 **data)
{
  g_autoptr (GVariant) description = NULL;
  g_autoptr (GVariant) numbers = NULL;
  g_autoptr (GVariant) shape = NULL;
  gsize n_dimensions;

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE (MP_NDARRAY_TYPE)))
    return FALSE;
  description = g_variant_get_child_value (value, 0);
  numbers = g_variant_get_child_value (value, 1);
  shape = g_variant_lookup_value (description, "shape", G_VARIANT_TYPE ("at"));
  if (shape == NULL || !g_variant_lookup (description, "ndarray", "&s", &self->type))
    return FALSE;

  self->shape = g_variant_get_fixed_array (shape, &n_dimensions, sizeof *self->shape);
  self->n_dimensions = (guint) MIN (n_dimensions, G_MAXUINT);
  self->fortran_order = FALSE;
  g_variant_lookup (description, "fortran-order", "b", &self->fortran_order);
  *data = g_variant_get_fixed_array (numbers, &self->size, 1);
  return mp_ndarray_is_valid (self);
}
