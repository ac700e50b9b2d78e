/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "json-reader.h"
#include "json-writer.h"
#include "mp-error.h"

#include <string.h>

/* Of a number as short as this there is a copy on the stack. */
#define SHORT_NUMBER 64

/* A double holds each integer up to 2^53 and each power of ten up to 10^22. */
#define LARGEST_EXACT_INTEGER (G_GUINT64_CONSTANT (1) << 53)
#define LARGEST_EXACT_POWER 22

typedef struct
{
  const guint8 *start;
  const guint8 *p;
  const guint8 *end;
  MpSink       *sink;

  guint         n_open;
  gboolean      is_object[MP_JSON_MAX_NESTING];

  /* Strings with escapes are put together here. */
  GByteArray   *scratch;
} Reader;

static gboolean
refuse (Reader        *self,
        const guint8  *where,
        const char    *what,
        GError       **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
               "Not JSON: %s at byte %" G_GSIZE_FORMAT, what,
               (gsize) (where - self->start));
  return FALSE;
}

static inline void
skip_space (Reader *self)
{
  while (self->p < self->end
         && (*self->p == ' ' || *self->p == '\n' || *self->p == '\r' || *self->p == '\t'))
    self->p++;
}

/* The next character, or 0: no character of JSON's own is that. */
static inline guint8
peek (Reader *self)
{
  return self->p < self->end ? *self->p : '\0';
}

static inline gboolean
is_digit (guint8 byte)
{
  return byte >= '0' && byte <= '9';
}

static gboolean
read_unit (Reader  *self,
           guint   *out_unit,
           GError **error)
{
  guint unit = 0;

  for (guint i = 0; i < 4; i++, self->p++)
    {
      if (!g_ascii_isxdigit (peek (self)))
        return refuse (self, self->p, "no hexadecimal digit", error);
      unit = unit << 4 | g_ascii_xdigit_value (*self->p);
    }

  *out_unit = unit;
  return TRUE;
}

/* The four digits of an escape, and those of a second one if the two are a pair. */
static gboolean
read_escaped_unit (Reader       *self,
                   gunichar     *out_character,
                   MpTextFlags  *flags,
                   GError      **error)
{
  guint first, second;

  if (!read_unit (self, &first, error))
    return FALSE;

  *out_character = first;
  if (first == 0)
    *flags |= MP_TEXT_HAS_NUL;
  if (first < 0xd800 || first > 0xdfff)
    return TRUE;

  if (first < 0xdc00 && self->end - self->p >= 6
      && self->p[0] == '\\' && self->p[1] == 'u')
    {
      const guint8 *before = self->p;

      self->p += 2;
      if (!read_unit (self, &second, error))
        return FALSE;
      if (second >= 0xdc00 && second <= 0xdfff)
        {
          *out_character = 0x10000 + ((first & 0x3ff) << 10 | (second & 0x3ff));
          return TRUE;
        }
      self->p = before;
    }

  *flags |= MP_TEXT_HAS_SURROGATE;
  return TRUE;
}

static gboolean
read_escape (Reader       *self,
             MpTextFlags  *flags,
             GError      **error)
{
  static const char names[] = "\"\\/bfnrt";
  static const char values[] = "\"\\/\b\f\n\r\t";
  const guint8 *where = self->p;
  guint8 name, bytes[4];
  const char *found;
  gunichar character;

  self->p++;
  name = peek (self);
  self->p++;

  if (name == 'u')
    {
      if (!read_escaped_unit (self, &character, flags, error))
        return FALSE;
      g_byte_array_append (self->scratch, bytes, mp_text_write (character, bytes));
      return TRUE;
    }

  found = name != '\0' ? strchr (names, name) : NULL;
  if (found == NULL)
    return refuse (self, where, "an unknown escape", error);

  g_byte_array_append (self->scratch, (const guint8 *) values + (found - names), 1);
  return TRUE;
}

/* Finds the part of a string that stands for itself. */
static gboolean
read_plain (Reader        *self,
            const guint8 **out_start,
            GError       **error)
{
  const guint8 *p = self->p;

  while (p < self->end && *p >= 0x20 && *p != '"' && *p != '\\')
    p++;

  *out_start = self->p;
  self->p = p;
  if (p == self->end || *p < 0x20)
    return refuse (self, p, "no end of a string", error);
  if (mp_text_scan (*out_start, p - *out_start) != MP_TEXT_PLAIN)
    return refuse (self, *out_start, "a string that is not UTF-8", error);

  return TRUE;
}

static gboolean
read_string (Reader  *self,
             GError **error)
{
  MpTextFlags flags = MP_TEXT_PLAIN;
  const guint8 *start;

  if (peek (self) != '"')
    return refuse (self, self->p, "no string", error);

  self->p++;
  if (!read_plain (self, &start, error))
    return FALSE;
  if (*self->p == '"')
    return self->sink->funcs->add_string (self->sink, start, self->p++ - start, flags, error);

  if (self->scratch == NULL)
    self->scratch = g_byte_array_new ();
  g_byte_array_set_size (self->scratch, 0);
  g_byte_array_append (self->scratch, start, self->p - start);

  while (*self->p != '"')
    {
      if (!read_escape (self, &flags, error) || !read_plain (self, &start, error))
        return FALSE;
      g_byte_array_append (self->scratch, start, self->p - start);
    }

  self->p++;
  return self->sink->funcs->add_string (self->sink, self->scratch->data, self->scratch->len,
                                        flags, error);
}

/* A double of @text, which is not NUL-terminated. */
static double
parse_double (const guint8 *text,
              gsize         length)
{
  char buffer[SHORT_NUMBER];
  g_autofree char *copy = length < sizeof buffer ? NULL : g_malloc (length + 1);
  char *number = copy != NULL ? copy : buffer;

  memcpy (number, text, length);
  number[length] = '\0';
  return g_ascii_strtod (number, NULL);
}

static gboolean
read_digits (Reader   *self,
             guint64  *value,
             gboolean *overflow,
             gsize    *n_digits,
             GError  **error)
{
  const guint8 *start = self->p;

  for (; is_digit (peek (self)); self->p++)
    if (!g_uint64_checked_mul (value, *value, 10)
        || !g_uint64_checked_add (value, *value, *self->p - '0'))
      *overflow = TRUE;

  *n_digits = self->p - start;
  return *n_digits > 0 || refuse (self, self->p, "no digit", error);
}

static gboolean
read_exponent (Reader  *self,
               gint64  *out_exponent,
               GError **error)
{
  guint64 exponent = 0;
  gboolean is_negative, overflow = FALSE;
  gsize n_digits;

  self->p++;
  is_negative = peek (self) == '-';
  if (is_negative || peek (self) == '+')
    self->p++;
  if (!read_digits (self, &exponent, &overflow, &n_digits, error))
    return FALSE;

  exponent = overflow ? G_MAXINT32 : MIN (exponent, G_MAXINT32);
  *out_exponent = is_negative ? -(gint64) exponent : (gint64) exponent;
  return TRUE;
}

/* Few digits and a small exponent need one exact operation; what is harder is left to the
 * C library. */
static double
make_double (const guint8 *text,
             gsize         length,
             guint64       digits,
             gboolean      overflow,
             gint64        exponent)
{
  static const double powers[] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  };
  double value;

  if (overflow || digits > LARGEST_EXACT_INTEGER || ABS (exponent) > LARGEST_EXACT_POWER)
    return parse_double (text, length);

  value = exponent < 0 ? digits / powers[-exponent] : digits * powers[exponent];
  return *text == '-' ? -value : value;
}

/* An integer is one that has neither fraction nor exponent and fits into 64 bits; what
 * does not fit is the double that JavaScript meant when it wrote it. */
static gboolean
read_number (Reader  *self,
             GError **error)
{
  const guint8 *start = self->p;
  guint64 digits = 0;
  gint64 exponent = 0;
  gsize n_digits;
  gboolean overflow = FALSE, is_integer = TRUE, is_negative = *start == '-';

  self->p += is_negative ? 1 : 0;
  if (peek (self) == '0' && self->end - self->p > 1 && is_digit (self->p[1]))
    return refuse (self, self->p, "a number that begins with zero", error);
  if (!read_digits (self, &digits, &overflow, &n_digits, error))
    return FALSE;

  if (peek (self) == '.')
    {
      self->p++;
      is_integer = FALSE;
      if (!read_digits (self, &digits, &overflow, &n_digits, error))
        return FALSE;
    }

  if ((peek (self) | 0x20) == 'e')
    {
      n_digits = is_integer ? 0 : n_digits;
      is_integer = FALSE;
      if (!read_exponent (self, &exponent, error))
        return FALSE;
    }

  if (is_integer && !overflow && !is_negative && digits <= G_MAXINT64)
    return self->sink->funcs->add_int (self->sink, digits, error);
  if (is_integer && !overflow && !is_negative)
    return self->sink->funcs->add_uint (self->sink, digits, error);
  if (is_integer && !overflow && digits <= (guint64) G_MAXINT64 + 1)
    return self->sink->funcs->add_int (self->sink, (gint64) -digits, error);

  exponent -= is_integer ? 0 : (gint64) n_digits;
  return self->sink->funcs->add_double (self->sink,
                                        make_double (start, self->p - start, digits, overflow,
                                                     exponent),
                                        error);
}

static gboolean
read_word (Reader      *self,
           const char  *word,
           GError     **error)
{
  gsize length = strlen (word);

  if ((gsize) (self->end - self->p) < length || memcmp (self->p, word, length) != 0)
    return refuse (self, self->p, "no value", error);

  self->p += length;
  return TRUE;
}

static gboolean
read_key (Reader  *self,
          GError **error)
{
  skip_space (self);
  if (!read_string (self, error))
    return FALSE;

  skip_space (self);
  if (peek (self) != ':')
    return refuse (self, self->p, "no colon", error);

  self->p++;
  return TRUE;
}

static gboolean
open_container (Reader  *self,
                GError **error)
{
  gboolean is_object = *self->p == '{';

  if (self->n_open == MP_JSON_MAX_NESTING)
    return refuse (self, self->p, "too deep a value", error);
  if (!self->sink->funcs->open (self->sink,
                                is_object ? MP_CONTAINER_DICT : MP_CONTAINER_LIST, error))
    return FALSE;

  self->p++;
  self->is_object[self->n_open++] = is_object;
  return TRUE;
}

/* Reads a value, of a container only its beginning. */
static gboolean
read_value (Reader  *self,
            GError **error)
{
  const MpSinkFuncs *funcs = self->sink->funcs;

  skip_space (self);
  switch (peek (self))
    {
    case '{':
    case '[':
      return open_container (self, error);

    case '"':
      return read_string (self, error);

    case 'n':
      return read_word (self, "null", error) && funcs->add_none (self->sink, error);

    case 't':
      return read_word (self, "true", error)
             && funcs->add_boolean (self->sink, TRUE, error);

    case 'f':
      return read_word (self, "false", error)
             && funcs->add_boolean (self->sink, FALSE, error);

    default:
      if (peek (self) != '-' && !is_digit (peek (self)))
        return refuse (self, self->p, "no value", error);
      return read_number (self, error);
    }
}

/* Reads what follows a value or a bracket in the innermost container: another value, or
 * the end. */
static gboolean
read_next (Reader   *self,
           gboolean  is_first,
           GError  **error)
{
  gboolean is_object = self->is_object[self->n_open - 1];

  skip_space (self);
  if (peek (self) == (is_object ? '}' : ']'))
    {
      self->p++;
      self->n_open--;
      return self->sink->funcs->close (self->sink, error);
    }

  if (!is_first)
    {
      if (peek (self) != ',')
        return refuse (self, self->p, "no comma and no bracket", error);
      self->p++;
    }

  if (is_object && !read_key (self, error))
    return FALSE;

  return read_value (self, error);
}

gboolean
mp_json_read (const guint8  *data,
              gsize          size,
              MpSink        *sink,
              GError       **error)
{
  Reader self;
  gboolean done;
  guint n_open = 0;

  self.start = self.p = data;
  self.end = data + size;
  self.sink = sink;
  self.n_open = 0;
  self.scratch = NULL;

  done = read_value (&self, error);
  while (done && self.n_open > 0)
    {
      gboolean is_first = self.n_open > n_open;

      n_open = self.n_open;
      done = read_next (&self, is_first, error);
    }

  skip_space (&self);
  if (done && self.p != self.end)
    done = refuse (&self, self.p, "more than one value", error);

  if (self.scratch != NULL)
    g_byte_array_unref (self.scratch);
  return done;
}
