/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "pool-state.h"

G_BEGIN_DECLS

/* The tasks of a pool: giving them to the workers, and their results. */

/* Adds a task.  Returns it settled at once if the pool takes none. */
MpSubmission *mp_pool_add_task (MpPool     *self,
                                const char *function,
                                GVariant   *argument,
                                int         priority);

/* Ends the submission with an error; its task is dropped if no worker can have it yet. */
void mp_pool_give_up_task (MpPool       *self,
                           MpSubmission *submission,
                           GError       *error);
void mp_pool_give_up_all (MpPool       *self,
                          const GError *error);

/* Puts tasks into the queue as long as the workers need some. */
void mp_pool_feed (MpPool *self);

/* Reads what the workers have reported, for a short time. */
void mp_pool_read_reports (MpPool *self);
/* Reads all that was reported before the call, so by workers that have ended. */
void mp_pool_read_all_reports (MpPool *self);

/* Ends the submissions whose tasks were delivered too often. */
void mp_pool_collect_dead_letters (MpPool *self);

/* Removes the submission, which submit () did not hand to a main loop. */
void mp_submission_free (MpSubmission *self);

G_END_DECLS
