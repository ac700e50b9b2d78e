/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "pool-state.h"

G_BEGIN_DECLS

/* What a pool tells the program: signals, notifications, and results.  They are collected while the
 * pool is at work, and told at the end, so that no foreign code runs in between. */

enum
{
  MP_POOL_SIGNAL_WORKER_STARTED,
  MP_POOL_SIGNAL_WORKER_ENDED,
  MP_POOL_SIGNAL_FAILED,
  MP_POOL_SIGNAL_ENDED,
  MP_POOL_N_SIGNALS
};

extern guint mp_pool_signals[MP_POOL_N_SIGNALS];

void mp_pool_add_event (MpPool            *self,
                        const MpPoolEvent *event);

gboolean mp_pool_has_events (MpPool *self);
/* Calls foreign code; the caller has a reference. */
void mp_pool_tell (MpPool *self);

/* Frees a call of stop_async (). */
void mp_pool_stop_free (gpointer stop);

/* When the pool is freed. */
void mp_pool_drop_events (MpPool *self);

G_END_DECLS
