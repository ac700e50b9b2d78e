/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* Waits until nothing is queued; TIMED_OUT if that takes longer.  A queue does not notify that
 * it is empty, so this checks repeatedly, at growing intervals. */
gboolean mp_wait_until_empty (MpQueue *queue,
                              gint64   timeout_us,
                              GError **error);

G_END_DECLS
