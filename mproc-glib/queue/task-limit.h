/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-joinable-queue-private.h"

G_BEGIN_DECLS

/* How many tasks a worker takes from each queue that it was given at its start.  Then gets fail as
 * after a shutdown, so that the worker ends and can be replaced.  The process that starts it sets
 * an environment variable to the limit and its own process id, so that the variable has no effect
 * in children of the worker, which inherit it. */
#define MP_TASK_LIMIT_VARIABLE "MPROC_GLIB_MAX_TASKS"

/* The value of the variable for children of this process. */
char *mp_task_limit_to_string (guint limit);

/* Returns the limit for this process; 0 is none. */
guint mp_task_limit_get (void);

/* Called with each task that was got. */
void mp_task_limit_count (MpJoinableQueue *queue);

G_END_DECLS
