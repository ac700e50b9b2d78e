/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* What has changed in a queue since the last look. */

typedef struct
{
  const char *event; /* see mp_changes_is_event () */
  guint64     id;
  const char *queue;   /* its name, or its id */
  const char *reason;  /* of unreachable, or NULL */
  GVariant   *process; /* as in mp_queue_monitor_list_processes (), or NULL */
  gboolean    has_serial;
  guint64     serial; /* of the task */
  guint64     n;      /* how often it happened; for a process that ended, how many tasks it held; 0
                         means once, or none */
} MpChange;

typedef void (*MpChangeFunc) (const MpChange *change,
                              gpointer        user_data);

typedef struct _MpChanges MpChanges;

/* Calls @tell, unless it is NULL, with the event that the queue is new. */
MpChanges      *mp_changes_new (MpQueueMonitor *monitor,
                                MpChangeFunc    tell,
                                gpointer        user_data);
void            mp_changes_free (gpointer self);
guint64         mp_changes_get_id (MpChanges *self);
MpQueueMonitor *mp_changes_get_monitor (MpChanges *self);
/* After a refresh of the monitor, calls @tell for each change since the last look.  @problem is the
 * error of the refresh, or NULL.  Returns FALSE, after an event, if the queue is gone. */
gboolean mp_changes_look (MpChanges    *self,
                          const GError *problem,
                          MpChangeFunc  tell,
                          gpointer      user_data);

/* Whether @name is an event: queue-new, queue-gone, attached, left, died (without having left),
 * claimed, done, retried, dead, full, shut-down, unreachable or reachable. */
gboolean mp_changes_is_event (const char *name);

G_END_DECLS
