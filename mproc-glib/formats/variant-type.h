/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the serialisation of a type depends on, for the type that begins at one character of
 * a type string. */
typedef struct
{
  char    code;
  guint8  depth;
  guint8  alignment;  /* less one: 0, 1, 3 or 7 */
  guint32 fixed_size; /* or 0 */
  guint32 next;       /* the character after the type, counted from this one */
} MpVariantType;

/* Fills @types with one row for each of the @length characters of @text, or returns FALSE
 * if that is not a single definite type. */
gboolean mp_variant_type_parse (const char    *text,
                                gsize          length,
                                MpVariantType *types);

/* The size of a basic type, 0 if it has no fixed one, or -1 if @code is no basic type. */
int mp_variant_type_get_basic_size (char code);

G_END_DECLS
