/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-deadline.h"

gint64
mp_deadline_for_timeout (gint64 timeout_us)
{
  gint64 now;

  if (timeout_us < 0)
    return MP_DEADLINE_NEVER;

  now = g_get_monotonic_time ();
  return timeout_us > G_MAXINT64 - now ? MP_DEADLINE_NEVER : now + timeout_us;
}

/* The clock is read only once: MAX () would evaluate it twice, and the second result could be -1,
 * which means no timeout. */
gint64
mp_deadline_get_left (gint64 deadline)
{
  gint64 now;

  if (deadline < 0)
    return MP_DEADLINE_NEVER;

  now = g_get_monotonic_time ();
  return MAX (0, deadline - now);
}

gboolean
mp_deadline_has_passed (gint64 deadline)
{
  return deadline >= 0 && g_get_monotonic_time () >= deadline;
}

const struct timespec *
mp_deadline_fill_left (gint64           deadline,
                       struct timespec *left)
{
  gint64 left_us = mp_deadline_get_left (deadline);

  if (left_us < 0)
    return NULL;

  left->tv_sec = left_us / G_USEC_PER_SEC;
  left->tv_nsec = left_us % G_USEC_PER_SEC * 1000;
  return left;
}
