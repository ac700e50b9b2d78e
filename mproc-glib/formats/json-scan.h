/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Marks in a string something that a JsonNode cannot hold; valid JSON text does not contain this
 * character in a string.  Instead of a backslash it makes "u0000" of the escape of NUL, of the
 * character that is the mark itself and of half of a surrogate pair.  At the beginning of a string,
 * followed by 16 hexadecimal digits, it gives the offset of an integer of many digits in the text.
 */
#define MP_JSON_MARK          '\x01'
#define MP_JSON_OFFSET_FORMAT "%016" G_GINT64_MODIFIER "x"

/* Checks what json-glib accepts wrongly or what can be used to attack it; errors in the order of
 * values, commas, colons and brackets are left to json-glib.  If json-glib has to read another text
 * of the same length, it is returned in @out_text, else NULL.  @out_is_sound: nothing is left that
 * json-glib could refuse. */
gboolean mp_json_scan (const guint8 *data,
                       gsize         size,
                       char        **out_text,
                       gboolean     *out_is_sound,
                       GError      **error);

gboolean mp_json_refuse (const char *what,
                         gsize       offset,
                         GError    **error);

G_END_DECLS
