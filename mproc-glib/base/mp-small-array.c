/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-small-array.h"

#include <string.h>

gpointer
mp_small_array_grow (gpointer      array,
                     gconstpointer initial,
                     gsize         size,
                     gsize         new_size)
{
  return array == initial ? memcpy (g_malloc (new_size), initial, size)
                          : g_realloc (array, new_size);
}
