/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>
#include <time.h>

G_BEGIN_DECLS

/* A deadline is a time of the monotonic clock in microseconds, or MP_DEADLINE_NEVER.  A timeout is
 * a number of microseconds; negative means no timeout. */
#define MP_DEADLINE_NEVER G_GINT64_CONSTANT (-1)

/* Returns the deadline of a call that may take @timeout_us from now. */
gint64 mp_deadline_for_timeout (gint64 timeout_us);

/* Returns the time left until @deadline: at least 0, or -1 for MP_DEADLINE_NEVER. */
gint64 mp_deadline_get_left (gint64 deadline);

gboolean mp_deadline_has_passed (gint64 deadline);

/* The same as an argument for ppoll (): @left, or NULL for MP_DEADLINE_NEVER. */
const struct timespec *mp_deadline_fill_left (gint64           deadline,
                                              struct timespec *left);

G_END_DECLS
