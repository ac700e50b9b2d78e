/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-queue-monitor.h"

#include "memory/queue-observer.h"
#include "queue-processes.h"
#include "sample-history.h"

G_BEGIN_DECLS

struct _MpQueueMonitor
{
  GObject parent_instance;

  const MpQueueObserver *observer;
  gpointer               observed; /* the handle of the observer */
  MpQueueIdentity        identity;
  guint64                device, inode;
  int                    pid, fd; /* a descriptor of the queue; pid -1 when it was closed */
  MpQueueSample          sample;
  MpSampleHistory        history;
  MpQueueProcesses       processes;
};

/* Takes @fd, the memory of a queue.  With @also_broken, what is no queue is shown as a damaged
 * one. */
MpQueueMonitor *mp_queue_monitor_new_for_descriptor (int      fd,
                                                     gboolean also_broken,
                                                     GError **error);
MpQueueMonitor *mp_queue_monitor_new_for_use (int      pid,
                                              int      fd,
                                              gboolean also_broken,
                                              GError **error);

G_END_DECLS
