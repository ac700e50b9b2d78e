/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/queue-backend.h"

G_BEGIN_DECLS

/* The backend for queues on a Redis or Valkey server; see redis-uri.h for the URIs. */

extern const MpQueueBackend mp_redis_queue_backend;

G_END_DECLS
