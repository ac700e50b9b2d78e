/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How many processors this process can use at a time, at least 1: those that it may run on, and no
 * more than the quota of its control groups allows. */
guint mp_processors_count (void);

/* The quota in processors, or 0 if there is none.  @root is the folder of the control groups, and
 * @groups what /proc/self/cgroup says. */
double mp_processors_read_quota (const char *root,
                                 const char *groups);

G_END_DECLS
