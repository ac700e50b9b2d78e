/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "sink.h"

G_BEGIN_DECLS

/* Reads JSON text (RFC 8259, nothing more) from anybody and tells @sink what is in it.
 * Errors name the byte at which reading it ended. */
gboolean mp_json_read (const guint8 *data,
                       gsize         size,
                       MpSink       *sink,
                       GError      **error);

/* Whether mp_json_read () would read it. */
gboolean mp_json_check (const guint8 *data,
                        gsize         size,
                        GError      **error);

G_END_DECLS
