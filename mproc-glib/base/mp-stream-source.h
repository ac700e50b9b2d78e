/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* How long the handlers of one dispatch may take before other sources are dispatched. */
#define MP_STREAM_US_PER_DISPATCH 2000

/* Creates the source of an object that emits a signal for each message.  It waits with the source
 * that @watch creates only while @is_handled says that a handler is connected: otherwise messages
 * are not taken, and the source would be dispatched in each iteration.  Its callback has to keep
 * @object alive. */
GSource *mp_stream_source_new (gpointer object,
                               gboolean (*is_handled) (gpointer object),
                               GSource *(*watch) (gpointer object));

gboolean mp_stream_source_has_handler (gpointer object,
                                       guint    signal_id);

G_END_DECLS
