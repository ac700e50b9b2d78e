/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* How long handlers may take, in one dispatch, before other sources get a turn. */
#define MP_STREAM_US_PER_DISPATCH 2000

/* The source of an object that emits a signal for each message.  It waits with what @watch makes
 * only while @is_handled says that a handler is connected: a message for which there is none stays
 * where it is, and a watch would then be ready in each turn.  Its callback has to keep @object
 * alive. */
GSource *mp_stream_source_new (gpointer object,
                               gboolean (*is_handled) (gpointer object),
                               GSource *(*watch) (gpointer object));

gboolean mp_stream_source_has_handler (gpointer object,
                                       guint    signal_id);

G_END_DECLS
