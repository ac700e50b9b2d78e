/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>
#include <time.h>

G_BEGIN_DECLS

/* A deadline is a time of the monotonic clock in microseconds, or MP_DEADLINE_NEVER.  A timeout
 * is a number of microseconds, where a negative one has no end. */
#define MP_DEADLINE_NEVER G_GINT64_CONSTANT (-1)

/* The deadline of a call that may take @timeout_us from now. */
gint64 mp_deadline_for_timeout (gint64 timeout_us);

/* The timeout until then: at least 0, or -1 for ever. */
gint64 mp_deadline_get_left (gint64 deadline);

gboolean mp_deadline_has_passed (gint64 deadline);

/* What ppoll () takes: @left filled in, or NULL for ever. */
const struct timespec *mp_deadline_fill_left (gint64           deadline,
                                              struct timespec *left);

G_END_DECLS
