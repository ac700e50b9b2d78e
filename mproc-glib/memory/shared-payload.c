/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "shared-payload.h"

#include "arena.h"

#include <stdlib.h>

/* Copying payloads out of the shared memory. */

/* Large messages often hold arrays of numbers, which are read faster from aligned memory.  The
 * caller frees it with g_free (), which is the same as free (). */
void
mp_shared_queue_allocate_payload (MpQueueDelivery *delivery,
                                  gsize            size)
{
  void *memory;

  if (delivery->accepts_large && size >= MP_LARGE_MEMORY_MIN)
    {
      delivery->large = mp_large_memory_new (size);
      delivery->data = delivery->large != NULL ? delivery->large->data : NULL;
    }
  else
    {
      delivery->data = posix_memalign (&memory, MP_CACHE_LINE, size) == 0 ? memory : NULL;
    }
}

/* Checks that a lease refers to a valid block.  If not, marks the queue as damaged. */
gboolean
mp_shared_queue_is_payload (MpSharedQueue *self,
                            guint64        block,
                            guint64        size)
{
  MpMemory *memory = &self->memory;

  if (size == 0 ||
      (size <= memory->config.max_bytes && mp_memory_contains (memory, block, size) &&
       mp_arena_is_block (memory, block, size)))
    return TRUE;

  mp_memory_set_damaged (memory);
  return FALSE;
}
