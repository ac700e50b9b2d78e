/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* Writes a table of the processes that have the queues open, with what each holds and how far it
 * got; at most @max rows, no line wider than @width (0 for any). */
void mp_holders_print (GPtrArray *monitors,
                       guint      max,
                       guint      width);

/* The progress of a task, for people to read. */
char *mp_holders_dup_progress (GVariant *task);

G_END_DECLS
