/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "text.h"

#include <string.h>

#define HIGH_BITS G_GUINT64_CONSTANT (0x8080808080808080)
#define LOW_BITS  G_GUINT64_CONSTANT (0x0101010101010101)

static inline gboolean
is_continuation (guint8 byte)
{
  return (byte & 0xc0) == 0x80;
}

/* Returns the length of the character at @p, or 0 if it is invalid. */
static guint
measure_character (const guint8 *p,
                   const guint8 *end,
                   MpTextFlags  *flags)
{
  if (p[0] < 0x80)
    return 1;

  if (p[0] >= 0xc2 && p[0] < 0xe0)
    return end - p >= 2 && is_continuation (p[1]) ? 2 : 0;

  if (p[0] >= 0xe0 && p[0] < 0xf0)
    {
      if (end - p < 3 || !is_continuation (p[1]) || !is_continuation (p[2]) ||
          (p[0] == 0xe0 && p[1] < 0xa0))
        return 0;
      if (p[0] == 0xed && p[1] >= 0xa0)
        *flags |= MP_TEXT_HAS_SURROGATE;
      return 3;
    }

  if (p[0] < 0xf0 || p[0] > 0xf4 || end - p < 4 ||
      !is_continuation (p[1]) || !is_continuation (p[2]) || !is_continuation (p[3]) ||
      (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
    return 0;
  return 4;
}

MpTextFlags
mp_text_scan (const guint8 *text,
              gsize         length)
{
  const guint8 *p = text, *end = text + length;
  MpTextFlags   flags = MP_TEXT_PLAIN;

  while (p < end)
    {
      guint size;

      /* Most text is ASCII: check eight characters at once. */
      while (end - p >= 8)
        {
          guint64 word;

          memcpy (&word, p, sizeof word);
          if ((word & HIGH_BITS) != 0 || ((word - LOW_BITS) & ~word & HIGH_BITS) != 0)
            break;
          p += 8;
        }

      if (p == end)
        break;
      if (*p == '\0')
        flags |= MP_TEXT_HAS_NUL;

      size = *p < 0x80 ? 1 : measure_character (p, end, &flags);
      if (size == 0)
        return MP_TEXT_INVALID;
      p += size;
    }

  return flags;
}

guint
mp_text_write (gunichar character,
               guint8  *out)
{
  if (character < 0x80)
    {
      out[0] = character;
      return 1;
    }
  if (character < 0x800)
    {
      out[0] = 0xc0 | character >> 6;
      out[1] = 0x80 | (character & 0x3f);
      return 2;
    }
  if (character < 0x10000)
    {
      out[0] = 0xe0 | character >> 12;
      out[1] = 0x80 | (character >> 6 & 0x3f);
      out[2] = 0x80 | (character & 0x3f);
      return 3;
    }

  out[0] = 0xf0 | character >> 18;
  out[1] = 0x80 | (character >> 12 & 0x3f);
  out[2] = 0x80 | (character >> 6 & 0x3f);
  out[3] = 0x80 | (character & 0x3f);
  return 4;
}
