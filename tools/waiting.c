/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "waiting.h"

#define FIRST_PAUSE_US 1000
#define LAST_PAUSE_US  50000

gboolean
mp_wait_until_empty (MpQueue *queue,
                     gint64   timeout_us,
                     GError **error)
{
  const gint64 end = timeout_us >= 0 ? g_get_monotonic_time () + timeout_us : G_MAXINT64;
  gulong       pause = FIRST_PAUSE_US;

  while (!mp_queue_is_empty (queue))
    {
      if (g_get_monotonic_time () >= end)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "%u messages are still queued",
                       mp_queue_get_size (queue));
          return FALSE;
        }
      g_usleep (pause);
      pause = MIN (pause * 2, LAST_PAUSE_US);
    }
  return TRUE;
}
