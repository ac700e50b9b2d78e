/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Strings of Python and JavaScript can hold what a variant cannot: NUL, and halves of
 * surrogate pairs, which are then encoded as three bytes each. */
typedef enum
{
  MP_TEXT_PLAIN = 0,
  MP_TEXT_HAS_NUL = 1 << 0,
  MP_TEXT_HAS_SURROGATE = 1 << 1,
  MP_TEXT_INVALID = 1 << 2
} MpTextFlags;

MpTextFlags mp_text_scan (const guint8 *text,
                          gsize         length);

/* Writes @character, which may be half of a surrogate pair, and returns how many bytes it
 * took: at most four. */
guint mp_text_write (gunichar character,
                     guint8  *out);

G_END_DECLS
