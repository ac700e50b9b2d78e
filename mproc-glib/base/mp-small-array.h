/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* An array whose first elements are in memory of its owner, such as the stack, and that moves to
 * the heap when it outgrows that.  The owner counts the elements. */

/* Makes room for @new_size bytes, of which @size are in use, and returns the array. */
gpointer mp_small_array_grow (gpointer      array,
                              gconstpointer initial,
                              gsize         size,
                              gsize         new_size);

static inline void
mp_small_array_free (gpointer      array,
                     gconstpointer initial)
{
  if (array != initial)
    g_free (array);
}

G_END_DECLS
