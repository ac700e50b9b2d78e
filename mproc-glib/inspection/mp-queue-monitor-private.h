/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-queue-monitor.h"

#include "base/queue-observer.h"
#include "queue-processes.h"
#include "sample-history.h"

G_BEGIN_DECLS

struct _MpQueueMonitor
{
  GObject parent_instance;

  const MpQueueObserver *observer;
  gpointer               observed; /* the handle of the observer */
  MpQueueIdentity        identity;
  gboolean               is_sampled; /* else nothing but the name is known */
  gboolean               is_asking;  /* a server, by an asynchronous call */
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

MpQueueMonitor *mp_queue_monitor_new_for_path (const char *path,
                                               gboolean    also_broken,
                                               GError    **error);
/* Takes ownership of @observed, a handle of @observer; takes no sample. */
MpQueueMonitor *mp_queue_monitor_new_for_observed (const MpQueueObserver *observer,
                                                   gpointer               observed);

/* Of what is on a server, asks for what a slot of the observer will tell, and waits for the answer;
 * FALSE with @error set if there is none. */
gboolean mp_queue_monitor_ask (MpQueueMonitor        *self,
                               const MpQueueQuestion *question,
                               GError               **error);
/* Takes what the observer has as the new sample. */
gboolean mp_queue_monitor_take_sample (MpQueueMonitor *self,
                                       GError        **error);
/* Takes what the observer has found as messages. */
GPtrArray *mp_queue_monitor_take_messages (MpQueueMonitor        *self,
                                           const MpQueueQuestion *question,
                                           guint64               *next,
                                           GError               **error);

/* What is asked to peek at messages. */
MpQueueQuestion mp_queue_monitor_ask_for_messages (guint64 start,
                                                   guint   max);

G_END_DECLS
