/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* Find the queue that a selector means: NAME, NAME@PID, an id, PID/FD or local:NAME.  NOT_FOUND if
 * there is none, and EXISTS if there are several, with the list of them. */

/* Returns a monitor, to observe the queue. */
MpQueueMonitor *mp_queues_select (const char *selector,
                                  GError    **error);
/* Opens the queue, to put and get. */
MpQueue         *mp_queues_open (const char *selector,
                                 GError    **error);
MpJoinableQueue *mp_queues_open_joinable (const char *selector,
                                          GError    **error);

G_END_DECLS
