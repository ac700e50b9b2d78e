/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-backend.h"

G_BEGIN_DECLS

/* Queues of this user with a name: local:NAME?PARAMETERS.  There is no server: each process opens
 * the files, which remain, with the messages, until the queue is removed or the machine is shut
 * down. */

#define MP_LOCAL_QUEUE_SCHEME "local"

/* Opens the queue, or creates it unless the URI forbids that.  Fails if a parameter of the URI, or
 * the mode of @wanted, which may be NULL, differs from that of the existing queue. */
gpointer mp_local_queue_open (const char            *uri,
                              const MpQueueSettings *wanted,
                              GError               **error);
/* Removes the name of the queue and shuts it down.  The memory is freed when no process has it open
 * any more.  Returns FALSE with the error of @call set on failure. */
gboolean mp_local_queue_remove (const char  *uri,
                                MpQueueCall *call);

G_END_DECLS
