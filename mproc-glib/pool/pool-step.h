/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "pool-state.h"

G_BEGIN_DECLS

/* What a pool does whenever something has happened. */

/* Does all that is due, and calls no foreign code. */
void mp_pool_step (MpPool *self);

/* Waits until something is due.  Returns FALSE without an error on timeout or, if @flags request
 * it, after a signal handler has run. */
gboolean mp_pool_sleep (MpPool       *self,
                        MpWaitFlags   flags,
                        gint64        timeout_us,
                        GCancellable *cancellable,
                        GError      **error);

/* Whether something is due, or to be told. */
gboolean mp_pool_is_due (MpPool *self);

/* Lets the workers end.  If @finish, they first do all tasks. */
void mp_pool_begin_end (MpPool  *self,
                        gboolean finish);

/* Starts the first workers.  Returns FALSE with @error set. */
gboolean mp_pool_open (MpPool  *self,
                       GError **error);

/* A source for the main context of the pool, which does all of this there. */
GSource *mp_pool_source_new (MpPool *self);

G_END_DECLS
