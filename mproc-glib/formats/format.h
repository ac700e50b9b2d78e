/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-format.h"

G_BEGIN_DECLS

#define MP_N_FORMATS (MP_FORMAT_OPAQUE + 1)

/* The name of the format in error messages. */
const char *mp_format_get_name (MpFormat format);

/* Checks that @payload, which may come from an untrusted peer, is valid in @format.  Returns
 * @payload itself, or an equivalent payload that the reader can use without further checks. */
GBytes *mp_format_check (MpFormat format,
                         GBytes  *payload,
                         GError **error);

/* Converts the value to another format; @payload is checked while it is read. */
GBytes *mp_format_convert (MpFormat from,
                           GBytes  *payload,
                           MpFormat to,
                           GError **error);

/* Returns the codec that can read an opaque @payload: its name comes first and ends with a
 * NUL. */
gboolean mp_format_refuse_opaque (const guint8 *payload,
                                  gsize         size,
                                  GError      **error);

G_END_DECLS
