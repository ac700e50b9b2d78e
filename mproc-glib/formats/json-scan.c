/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "json-scan.h"
#include "json-writer.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

/* How many bytes of memory json-glib needs for a scalar and for a container, and how many it may
 * need for a whole text.  Without that limit small texts could use up the memory: a scalar takes as
 * few as two bytes of text, as in "0,", and a container three. */
#define SCALAR_SIZE    110
#define CONTAINER_SIZE 350
#define MAX_TREE_SIZE  (G_GUINT64_CONSTANT (512) << 20)

/* An integer of fewer characters fits into 64 bits; json-glib does not notice when a longer one
 * does not.  It is as long as the string with a mark that replaces it. */
#define LONG_INTEGER 19

/* The kinds of token that may come next. */
typedef enum
{
  VALUE = 1 << 0,
  NAME = 1 << 1,
  COLON = 1 << 2,
  COMMA = 1 << 3,
  END = 1 << 4,
} Expected;

typedef struct
{
  const guint8 *start;
  const guint8 *p;
  const guint8 *end;

  /* A copy of the text with marks in it, made when the first mark is needed. */
  char *copy;

  guint   depth;
  guint64 tree_size; /* the memory that json-glib needs for the values so far, in bytes */

  /* Whether all tokens so far were in a valid order, and the open brackets. */
  gboolean in_order;
  Expected expected;
  guint8   brackets[MP_JSON_MAX_NESTING];
} Scan;

gboolean
mp_json_refuse (const char *what,
                gsize       offset,
                GError    **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
               _ ("Not JSON: %s at byte %zu"), what, offset);
  return FALSE;
}

static gboolean
refuse (Scan         *self,
        const guint8 *where,
        const char   *what,
        GError      **error)
{
  return mp_json_refuse (what, where - self->start, error);
}

static inline guint8
peek (Scan *self)
{
  return self->p < self->end ? *self->p : '\0';
}

static char *
get_copy (Scan         *self,
          const guint8 *where)
{
  if (self->copy == NULL)
    self->copy = g_memdup2 (self->start, self->end - self->start);

  return self->copy + (where - self->start);
}

/* Reads four hexadecimal digits, and returns the position after them. */
static const guint8 *
read_unit (Scan         *self,
           const guint8 *p,
           guint        *out_unit)
{
  const guint8 *end = self->end - p > 4 ? p + 4 : self->end;

  *out_unit = 0;
  for (; p < end && g_ascii_isxdigit (*p); p++)
    *out_unit = *out_unit << 4 | g_ascii_xdigit_value (*p);

  return p;
}

/* Json-glib leaks memory when it parses half of a surrogate pair. */
static gboolean
scan_unit (Scan    *self,
           GError **error)
{
  const guint8 *start = self->p, *end;
  guint         first, second;

  end = read_unit (self, start + 2, &first);
  if (end - start != 6)
    return refuse (self, end, "no hexadecimal digit", error);

  self->p = end;
  if (first >= 0xd800 && first < 0xdc00 && self->end - end > 6 &&
      end[0] == '\\' && end[1] == 'u' &&
      read_unit (self, end + 2, &second) == end + 6 &&
      second >= 0xdc00 && second <= 0xdfff)
    self->p = end + 6;
  else if (first == 0 || first == MP_JSON_MARK || (first >= 0xd800 && first <= 0xdfff))
    *get_copy (self, start) = MP_JSON_MARK;

  return TRUE;
}

/* Skips the characters of a string that need no further look. */
static inline void
skip_plain (Scan *self)
{
  const guint8 *p = self->p, *end = self->end;

  while (p < end && *p >= ' ' && *p != '"' && *p != '\\')
    p++;
  self->p = p;
}

static gboolean
scan_string (Scan    *self,
             GError **error)
{
  for (self->p++;;)
    {
      skip_plain (self);
      if (peek (self) != '\\')
        break;
      if (self->end - self->p > 1 && self->p[1] == 'u')
        {
          if (!scan_unit (self, error))
            return FALSE;
        }
      else if (self->end - self->p > 1 && self->p[1] != '\0' &&
               strchr ("\"\\/bfnrt", self->p[1]) != NULL)
        self->p += 2;
      else
        return refuse (self, self->p, "an unknown escape", error);
    }

  if (peek (self) != '"')
    return refuse (self, self->p, "no end of a string", error);

  self->p++;
  return TRUE;
}

static gboolean
scan_digits (Scan    *self,
             GError **error)
{
  const guint8 *start = self->p;

  while (g_ascii_isdigit (peek (self)))
    self->p++;

  return self->p > start || refuse (self, start, "no digit", error);
}

static void
mark_integer (Scan         *self,
              const guint8 *start)
{
  char *copy = get_copy (self, start);

  memset (copy, ' ', self->p - start);
  copy[0] = '"';
  copy[1] = MP_JSON_MARK;
  g_snprintf (copy + 2, LONG_INTEGER - 2, MP_JSON_OFFSET_FORMAT,
              (guint64) (start - self->start));
  copy[LONG_INTEGER - 1] = '"';
}

static gboolean
scan_number (Scan    *self,
             GError **error)
{
  const guint8 *start = self->p;
  gboolean      is_integer = TRUE;

  if (*start == '-')
    self->p++;
  if (peek (self) == '0' && self->end - self->p > 1 && g_ascii_isdigit (self->p[1]))
    return refuse (self, self->p, "a number that begins with zero", error);
  if (!scan_digits (self, error))
    return FALSE;

  if (peek (self) == '.')
    {
      is_integer = FALSE;
      self->p++;
      if (!scan_digits (self, error))
        return FALSE;
    }

  if (peek (self) == 'e' || peek (self) == 'E')
    {
      is_integer = FALSE;
      self->p++;
      if (peek (self) == '+' || peek (self) == '-')
        self->p++;
      if (!scan_digits (self, error))
        return FALSE;
    }

  if (is_integer && self->p - start >= LONG_INTEGER)
    mark_integer (self, start);
  return TRUE;
}

static gboolean
scan_word (Scan    *self,
           GError **error)
{
  static const char *const words[] = { "null", "true", "false" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      gsize length = strlen (words[i]);

      if ((gsize) (self->end - self->p) >= length && memcmp (self->p, words[i], length) == 0)
        {
          self->p += length;
          return TRUE;
        }
    }

  return refuse (self, self->p, "no value", error);
}

static gboolean
scan_value (Scan    *self,
            GError **error)
{
  gboolean is_container = *self->p == '{' || *self->p == '[';

  self->tree_size += is_container ? CONTAINER_SIZE : SCALAR_SIZE;
  if (self->tree_size > MAX_TREE_SIZE)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_TOO_LARGE,
                   _ ("JSON text whose values need more than %" PRIu64 " bytes"),
                   MAX_TREE_SIZE);
      return FALSE;
    }

  switch (*self->p)
    {
    case '{':
    case '[':
      if (self->depth == MP_JSON_MAX_NESTING)
        return refuse (self, self->p, "too deep a value", error);
      self->brackets[self->depth++] = *self->p++;
      return TRUE;

    case '"':
      return scan_string (self, error);

    default:
      if (*self->p == '-' || g_ascii_isdigit (*self->p))
        return scan_number (self, error);
      return scan_word (self, error);
    }
}

static gboolean
is_in_object (Scan *self)
{
  return self->depth > 0 && self->brackets[self->depth - 1] == '{';
}

/* Returns the kind of the token that starts here, and which kinds may follow it. */
static Expected
classify (Scan     *self,
          Expected *out_next)
{
  switch (*self->p)
    {
    case '{':
      *out_next = NAME | END;
      return VALUE;

    case '[':
      *out_next = VALUE | END;
      return VALUE;

    case ',':
      *out_next = is_in_object (self) ? NAME : VALUE;
      return COMMA;

    case ':':
      *out_next = VALUE;
      return COLON;

    case ']':
    case '}':
      *out_next = COMMA | END;
      return is_in_object (self) == (*self->p == '}') ? END : 0;

    case '"':
      if (self->expected & NAME)
        {
          *out_next = COLON;
          return NAME;
        }
      G_GNUC_FALLTHROUGH;

    default:
      *out_next = COMMA | END;
      return VALUE;
    }
}

static void
check_order (Scan *self)
{
  Expected next, token = classify (self, &next);

  self->in_order = self->in_order && (self->expected & token) != 0;
  self->expected = next;
}

/* Scans one scalar, one separator or one bracket. */
static gboolean
scan_token (Scan    *self,
            GError **error)
{
  check_order (self);
  if (self->depth == 0 && self->tree_size > 0)
    return refuse (self, self->p, "more than one value", error);

  switch (self->depth > 0 ? *self->p : 0)
    {
    case ']':
    case '}':
      self->depth--;
      G_GNUC_FALLTHROUGH;

    case ',':
    case ':':
      self->p++;
      return TRUE;

    default:
      return scan_value (self, error);
    }
}

static inline void
skip_space (Scan *self)
{
  while (self->p < self->end &&
         (*self->p == ' ' || *self->p == '\n' || *self->p == '\r' || *self->p == '\t'))
    self->p++;
}

/* Skips characters of ASCII other than NUL, eight at a time. */
static const guint8 *
skip_ascii (const guint8 *p,
            const guint8 *end)
{
  const guint64 ones = G_GUINT64_CONSTANT (0x0101010101010101);
  guint64       eight;

  for (; end - p >= (gssize) sizeof eight; p += sizeof eight)
    {
      memcpy (&eight, p, sizeof eight);
      /* The subtraction borrows from the highest bit of a byte only if one is 0. */
      if (((eight | (eight - ones)) & (ones << 7)) != 0)
        break;
    }
  return p;
}

gboolean
mp_json_scan (const guint8 *data,
              gsize         size,
              char        **out_text,
              gboolean     *out_is_sound,
              GError      **error)
{
  Scan        self;
  const char *valid_end, *unknown = (const char *) skip_ascii (data, data + size);
  gboolean    done = TRUE;

  /* Clearing all the brackets would cost more than a short text. */
  self.start = self.p = data;
  self.end = data + size;
  self.copy = NULL;
  self.depth = 0;
  self.tree_size = 0;
  self.in_order = TRUE;
  self.expected = VALUE;

  if (size > G_MAXINT)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_TOO_LARGE,
                   _ ("JSON text of more than %d bytes"), G_MAXINT);
      return FALSE;
    }
  if (!g_utf8_validate_len (unknown, (const char *) self.end - unknown, &valid_end))
    return mp_json_refuse ("text that is not UTF-8", (const guint8 *) valid_end - data, error);

  for (skip_space (&self); done && self.p < self.end; skip_space (&self))
    done = scan_token (&self, error);

  if (done && (self.depth > 0 || self.tree_size == 0))
    done = refuse (&self, self.end, self.depth > 0 ? "no bracket" : "no value", error);

  if (done)
    {
      *out_text = self.copy;
      *out_is_sound = self.in_order && self.copy == NULL;
    }
  else
    g_free (self.copy);
  return done;
}
