/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-format.h"

G_BEGIN_DECLS

#define MP_N_FORMATS (MP_FORMAT_OPAQUE + 1)

/* What the user calls the format, for messages of errors. */
const char *mp_format_get_name (MpFormat format);

/* Whether @payload, which may come from a stranger, is what @format says.  Returns it, or
 * another that says the same and that its reader can use without more ado. */
GBytes *mp_format_check (MpFormat format,
                         GBytes  *payload,
                         GError **error);

/* The same value in another format; checks @payload as it reads it. */
GBytes *mp_format_convert (MpFormat from,
                           GBytes  *payload,
                           MpFormat to,
                           GError **error);

/* Says which codec it takes to read an opaque @payload: its name comes first, up to a NUL. */
gboolean mp_format_refuse_opaque (const guint8 *payload,
                                  gsize         size,
                                  GError      **error);

G_END_DECLS
