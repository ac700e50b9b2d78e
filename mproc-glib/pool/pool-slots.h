/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "pool-state.h"

G_BEGIN_DECLS

/* The workers of a pool: starting, replacing and ending their processes. */

/* Makes room for `n-workers` workers. */
void mp_pool_resize (MpPool *self);
/* Asks workers that are too many to end. */
void mp_pool_dismiss (MpPool *self);

/* Starts the workers that are due.  Returns FALSE with @error set if one could not be started,
 * which will be tried again. */
gboolean mp_pool_start_due (MpPool  *self,
                            GError **error);

/* Removes those that have ended, and plans their replacement.  Returns whether one died. */
gboolean mp_pool_bury (MpPool *self);

/* Sends the signals that are due. */
void mp_pool_send_signals (MpPool *self);

/* Lets all workers end: with SIGTERM at @terminate_at, and SIGKILL after the grace time. */
void mp_pool_end_workers (MpPool *self,
                          gint64  terminate_at);

/* The same when the pool is freed, which does not wait for them. */
void mp_pool_abandon_workers (MpPool *self);

/* When the next start, task timeout or signal is due, or MP_DEADLINE_NEVER. */
gint64 mp_pool_get_due (MpPool *self);

/* Whether a worker runs or will be started. */
gboolean mp_pool_has_workers (MpPool *self);

G_END_DECLS
