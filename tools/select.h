/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* The queue that a selector means: NAME, NAME@PID, an id, PID/FD or local:NAME.  NOT_FOUND if there
 * is none, and EXISTS if there are several, with the list of them. */

/* To look at it. */
MpQueueMonitor *mp_queues_select (const char *selector,
                                  GError    **error);
/* To take part in it. */
MpQueue         *mp_queues_open (const char *selector,
                                 GError    **error);
MpJoinableQueue *mp_queues_open_joinable (const char *selector,
                                          GError    **error);

G_END_DECLS
