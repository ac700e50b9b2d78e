/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-backend.h"

G_BEGIN_DECLS

/* The queue in shared memory, as MpQueue calls it. */

#define MP_SHARED_QUEUE_SCHEME "memory"

extern const MpQueueBackend mp_shared_queue_backend;

/* How many 4 KiB units the queue has in use: for tests. */
guint mp_shared_queue_count_units (gpointer self);

G_END_DECLS
