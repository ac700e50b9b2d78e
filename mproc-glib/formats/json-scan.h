/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What stands in a string for what a JsonNode cannot hold; no JSON text has it in a string.
 * In the place of a backslash it makes "u0000" of the escape of NUL, of the character that
 * is the mark itself and of half a surrogate pair.  At the beginning, before 16 hexadecimal
 * digits, it says at which byte of the text there was an integer of many digits. */
#define MP_JSON_MARK          '\x01'
#define MP_JSON_OFFSET_FORMAT "%016" G_GINT64_MODIFIER "x"

/* Checks where json-glib is lax, wrong or open to attack; what is wrong with the order of
 * values, commas, colons and brackets is left to it to say.  If it has to read another text
 * instead, of the same length, then that is in @out_text, else NULL.  @out_is_sound: nothing
 * is left that it could find. */
gboolean mp_json_scan (const guint8 *data,
                       gsize         size,
                       char        **out_text,
                       gboolean     *out_is_sound,
                       GError      **error);

gboolean mp_json_refuse (const char *what,
                         gsize       offset,
                         GError    **error);

G_END_DECLS
