/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A character that marks in a string what a JsonNode cannot hold; valid JSON text does not contain
 * it in a string.  It replaces the backslash of the escapes of NUL, of this character itself and of
 * half of a surrogate pair: json-glib then reads a mark and, for example, "u0000".  A long integer
 * is replaced by a string of the mark and 16 hexadecimal digits, the offset of the integer in the
 * text. */
#define MP_JSON_MARK          '\x01'
#define MP_JSON_OFFSET_FORMAT "%016" G_GINT64_MODIFIER "x"

/* Checks what json-glib accepts wrongly or what can be used to attack it; errors in the order of
 * values, commas, colons and brackets are left to json-glib.  If json-glib has to read another text
 * of the same length, it is returned in @out_text, else NULL.  @out_is_sound is set
 * to whether the scan has checked everything, so that json-glib need not check the text again. */
gboolean mp_json_scan (const guint8 *data,
                       gsize         size,
                       char        **out_text,
                       gboolean     *out_is_sound,
                       GError      **error);

gboolean mp_json_refuse (const char *what,
                         gsize       offset,
                         GError    **error);

G_END_DECLS
