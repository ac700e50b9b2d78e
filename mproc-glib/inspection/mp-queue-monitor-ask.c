/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-monitor-private.h"

#include "net/transport.h"

#include <glib/gi18n-lib.h>

/* Asking for what is not in the memory of this machine, and waiting for the answer. */

gboolean
mp_queue_monitor_ask (MpQueueMonitor        *self,
                      const MpQueueQuestion *question,
                      GError               **error)
{
  if (self->observer->begin == NULL)
    return TRUE;
  if (self->is_asking)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PENDING,
                           _ ("The monitor waits for the server already"));
      return FALSE;
    }

  self->observer->begin (self->observed, question);
  for (;;)
    {
      const MpQueueAnswer answer = self->observer->step (self->observed, error);
      GIOCondition        condition;
      gint64              time;
      int                 fd;

      if (answer != MP_QUEUE_ANSWER_WAITING)
        return answer == MP_QUEUE_ANSWER_READY;
      self->observer->get_wait (self->observed, &fd, &condition, &time);
      mp_transport_poll (fd, condition, -1, time, NULL, NULL);
    }
}
