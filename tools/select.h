/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* Find the queue that a selector means: NAME, NAME@PID, an id, PID/FD, local:NAME or the URI of a
 * queue on a server.  NOT_FOUND if there is none, and EXISTS if there are several, with the list of
 * them. */

/* Returns a monitor, to observe the queue. */
MpQueueMonitor *mp_queues_select (const char *selector,
                                  GError    **error);
/* Whether a selector is a URI of a server, and whether it names no queue there, so that it means
 * all of them. */
gboolean mp_queues_is_on_server (const char *selector);
gboolean mp_queues_is_server (const char *selector);
/* Returns a monitor for each queue that the selector means. */
GPtrArray *mp_queues_select_all (const char *selector,
                                 GError    **error);
/* Opens the queue, to put and get. */
MpQueue         *mp_queues_open (const char *selector,
                                 GError    **error);
MpJoinableQueue *mp_queues_open_joinable (const char *selector,
                                          GError    **error);

G_END_DECLS
