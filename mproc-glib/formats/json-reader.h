/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "sink.h"

G_BEGIN_DECLS

/* Reads JSON text (strictly RFC 8259) from an untrusted source and reports its parts to @sink.
 * Errors give the byte at which reading stopped. */
gboolean mp_json_read (const guint8 *data,
                       gsize         size,
                       MpSink       *sink,
                       GError      **error);

/* Whether mp_json_read () would accept the text. */
gboolean mp_json_check (const guint8 *data,
                        gsize         size,
                        GError      **error);

G_END_DECLS
