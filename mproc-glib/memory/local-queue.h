/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-backend.h"

G_BEGIN_DECLS

/* Queues of this user with a name: local:NAME?PARAMETERS.  Nobody serves them; each process opens
 * the files, and they stay with their messages until the queue is removed or the machine ends. */

#define MP_LOCAL_QUEUE_SCHEME "local"

/* Opens the queue, or creates it unless the URI forbids.  A parameter of the URI that differs from
 * what the queue has is an error, as is the mode of @wanted, which may be NULL. */
gpointer mp_local_queue_open (const char            *uri,
                              const MpQueueSettings *wanted,
                              GError               **error);
/* Takes the queue away from its name, and returns it, for the caller to shut down; its files go
 * with its last user.  NULL with @error set. */
gpointer mp_local_queue_remove (const char *uri,
                                GError    **error);

G_END_DECLS
