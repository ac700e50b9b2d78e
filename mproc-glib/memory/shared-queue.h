/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-backend.h"

G_BEGIN_DECLS

/* The backend for queues in shared memory. */

#define MP_SHARED_QUEUE_SCHEME "memory"

extern const MpQueueBackend mp_shared_queue_backend;

/* The number of 4 KiB units in use.  For tests. */
guint mp_shared_queue_count_units (gpointer self);

G_END_DECLS
