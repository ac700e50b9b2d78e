/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/queue-backend.h"

G_BEGIN_DECLS

/* The backends, by the scheme of their URIs. */

/* The backend of queues without a URI, whose name is a scheme too.  Tests replace it. */
extern const MpQueueBackend *mp_queue_default_backend;

/* Returns NULL with @error set if there is no backend for the scheme of @uri. */
const MpQueueBackend *mp_queue_find_backend (const char *uri,
                                             GError    **error);

G_END_DECLS
