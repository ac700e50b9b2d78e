/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-queue-monitor.h"

#include "memory/queue-observer.h"
#include "sample-history.h"

G_BEGIN_DECLS

struct _MpQueueMonitor
{
  GObject parent_instance;

  const MpQueueObserver *observer;
  gpointer               observed;
  MpQueueIdentity        identity;
  guint64                device, inode;
  int                    pid, fd; /* a descriptor of the queue; pid -1 when it was closed */
  MpQueueSample          sample;
  MpSampleHistory        history;
};

G_END_DECLS
