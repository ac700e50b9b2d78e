/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "shared-queue-private.h"

#include <string.h>

G_BEGIN_DECLS

void     mp_shared_queue_allocate_payload (MpQueueDelivery *delivery,
                                           gsize            size);
gboolean mp_shared_queue_is_payload (MpSharedQueue *self,
                                     guint64        block,
                                     guint64        size);

/* Copies a payload to the caller's buffer, or to newly allocated memory. */
static inline gboolean
mp_shared_queue_copy_out (MpSharedQueue   *self,
                          MpQueueDelivery *delivery,
                          guint64          offset,
                          guint64          size)
{
  delivery->data = delivery->buffer;
  delivery->size = size;
  if (G_UNLIKELY (size > delivery->capacity))
    mp_shared_queue_allocate_payload (delivery, size);
  if (G_UNLIKELY (delivery->data == NULL) && size > 0)
    return FALSE;
  if (size > 0)
    memcpy (delivery->data, mp_memory_at (&self->memory, offset), size);
  return TRUE;
}

G_END_DECLS
