/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "layout.h"
#include "queue-backend.h"

G_BEGIN_DECLS

/* The queue in shared memory: the operations, and the table that MpQueue calls. */

typedef struct
{
  MpQueueMode mode;
  guint32     max_size;       /* 0: unlimited */
  guint64     max_bytes;      /* 0: as many as is sensible */
  guint32     max_deliveries; /* 0: unlimited */
} MpSharedQueueSettings;

#define MP_SHARED_QUEUE_SCHEME "memory:"

extern const MpQueueBackend mp_shared_queue_backend;

gpointer mp_shared_queue_new (const MpSharedQueueSettings *settings,
                              GError                     **error);
gpointer mp_shared_queue_open (int      fd,
                               int      bell_fd,
                               GError **error);
void     mp_shared_queue_get_settings (gpointer               self,
                                       MpSharedQueueSettings *settings);
/* How long a waiter may spin before it sleeps; 0 is not at all. */
void mp_shared_queue_set_spin (gpointer self,
                               guint    spin_us);
/* How many 4 KiB units the queue has in use: for tests. */
guint mp_shared_queue_count_units (gpointer self);

G_END_DECLS
