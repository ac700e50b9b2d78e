/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* Writes all that is known of a queue, its processes and at most @max_tasks of its tasks; FALSE
 * with @error set when it cannot be read. */
gboolean mp_show_print (MpQueueMonitor *monitor,
                        guint           max_tasks,
                        GError        **error);

G_END_DECLS
