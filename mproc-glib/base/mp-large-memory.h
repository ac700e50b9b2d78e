/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Memory for large messages, at a multiple of the page size.  The system needs several times as
 * long to provide a fresh page as it takes to copy one, so some of what is freed is kept for the
 * next message.  May be used in any thread and after any fork. */
typedef struct
{
  guint8 *data;
  gsize   size;
} MpLargeMemory;

/* Smaller memory is to be allocated with malloc (). */
#define MP_LARGE_MEMORY_MIN (64 * 1024)

/* Returns memory of at least @size bytes, or NULL if there is none. */
MpLargeMemory *mp_large_memory_new (gsize size);
void           mp_large_memory_free (MpLargeMemory *self);

/* Returns memory of at least @size bytes that was kept, or NULL if there is none. */
MpLargeMemory *mp_large_memory_reuse (gsize size);

/* Makes it larger, possibly at another address.  Returns FALSE if there is no memory. */
gboolean mp_large_memory_grow (MpLargeMemory *self,
                               gsize          size);

G_END_DECLS
