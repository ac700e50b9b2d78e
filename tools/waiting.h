/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* Waits until nothing is queued; TIMED_OUT if that takes longer.  Nothing tells that a queue is
 * empty: it is looked at again and again, ever less often. */
gboolean mp_wait_until_empty (MpQueue *queue,
                              gint64   timeout_us,
                              GError **error);

G_END_DECLS
