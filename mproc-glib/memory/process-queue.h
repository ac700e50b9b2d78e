/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Queues of other processes, identified by a process and its descriptor of the queue's memory:
 * process:PID/FD. */

#define MP_PROCESS_QUEUE_SCHEME "process"

/* Opens the queue as one more participant.  NULL with @error set. */
gpointer mp_process_queue_open (const char *uri,
                                GError    **error);

G_END_DECLS
