/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "process-scan.h"

G_BEGIN_DECLS

/* Which process has which handle of a queue.  To find that out, all of /proc has to be read, so the
 * result is kept.  A new scan is made only for new handles that the last scan of this process,
 * which may have been made for another queue, does not contain. */

typedef struct
{
  GArray *uses;            /* MpProcessUse of this queue; NULL before the first scan */
  GArray *unseen;          /* guint64: handles whose process the last scan has not found, since it
                     belongs to another user or another namespace */
  gint64  scanned_at;      /* monotonic time in microseconds */
  gint64  scanned_at_real; /* microseconds since 1970 */
} MpQueueProcesses;

void mp_queue_processes_clear (MpQueueProcesses *self);
/* Copies the uses of the queue from a scan. */
void mp_queue_processes_take (MpQueueProcesses *self,
                              MpProcessScan    *scan,
                              guint64           device,
                              guint64           inode);
/* Brings what is known up to date for the handles in @users (MpQueueUser). */
gboolean mp_queue_processes_update (MpQueueProcesses *self,
                                    guint64           device,
                                    guint64           inode,
                                    GArray           *users,
                                    GError          **error);
/* The use that belongs to a handle, or NULL. */
const MpProcessUse *mp_queue_processes_find (MpQueueProcesses *self,
                                             guint32           slot);

G_END_DECLS
