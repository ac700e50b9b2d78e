/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pickle-text.h"
#include "pickle-functions.h"

#include <string.h>

/* Python's own limit for the digits of an integer. */
#define MAX_BIG_INT_DIGITS 4300

/* Not 0: a GByteArray of size 0 has no data. */
#define SMALLEST_TEXT 64

static gboolean
take_line (MpPickleMachine *self,
           const guint8   **out_line,
           gsize           *out_length,
           GError         **error)
{
  const guint8 *line = self->data + self->next;
  const guint8 *end = memchr (line, '\n', self->size - self->next);

  if (end == NULL)
    return mp_pickle_machine_refuse (self, "no end of a line", error);

  *out_line = line;
  *out_length = end - line;
  self->next += end - line + 1;
  return TRUE;
}

/* Whether @text is an integer as Python writes it: an optional minus, and no leading zeros. */
static gboolean
push_digits (MpPickleMachine *self,
             const guint8    *text,
             gsize            length,
             GError         **error)
{
  gboolean is_negative = length > 0 && text[0] == '-';
  gsize    first = is_negative ? 1 : 0;
  gboolean overflow = FALSE;
  guint64  value = 0;

  if (length <= first || length - first > MAX_BIG_INT_DIGITS ||
      (text[first] == '0' && length != 1))
    return mp_pickle_machine_refuse (self, "no integer", error);

  for (gsize i = first; i < length; i++)
    {
      if (text[i] < '0' || text[i] > '9')
        return mp_pickle_machine_refuse (self, "no integer", error);
      overflow = overflow || !g_uint64_checked_mul (&value, value, 10) ||
                 !g_uint64_checked_add (&value, value, text[i] - '0');
    }

  if (overflow || (is_negative && value > (guint64) G_MAXINT64 + 1))
    return mp_pickle_machine_push_data (self, MP_NODE_BIG_INT_TEXT, text, length);
  if (is_negative)
    return mp_pickle_machine_push_int (self, (gint64) -value);

  return value > G_MAXINT64 ? mp_pickle_machine_push_uint (self, value)
                            : mp_pickle_machine_push_int (self, value);
}

gboolean
mp_pickle_run_int_text (MpPickleMachine         *self,
                        const MpPickleOperation *operation,
                        const guint8            *argument,
                        GError                 **error)
{
  const guint8 *line = NULL;
  gsize         length = 0;

  if (!take_line (self, &line, &length, error))
    return FALSE;

  /* True and False in protocols 0 and 1. */
  if (length == 2 && line[0] == '0' && (line[1] == '0' || line[1] == '1'))
    return mp_pickle_machine_push (self, line[1] == '1' ? MP_TRUE_NODE : MP_FALSE_NODE);

  return push_digits (self, line, length, error);
}

gboolean
mp_pickle_run_long_text (MpPickleMachine         *self,
                         const MpPickleOperation *operation,
                         const guint8            *argument,
                         GError                 **error)
{
  const guint8 *line = NULL;
  gsize         length = 0;

  if (!take_line (self, &line, &length, error))
    return FALSE;
  if (length < 2 || line[length - 1] != 'L')
    return mp_pickle_machine_refuse (self, "no integer", error);

  return push_digits (self, line, length - 1, error);
}

/* A float in the form of Python's repr (). */
gboolean
mp_pickle_run_double_text (MpPickleMachine         *self,
                           const MpPickleOperation *operation,
                           const guint8            *argument,
                           GError                 **error)
{
  const guint8 *line = NULL;
  gsize         length = 0;
  char          text[40];
  char         *end;
  double        value;

  if (!take_line (self, &line, &length, error))
    return FALSE;
  if (length == 0 || length >= sizeof text)
    return mp_pickle_machine_refuse (self, "no number", error);

  memcpy (text, line, length);
  text[length] = '\0';
  value = g_ascii_strtod (text, &end);
  if (end != text + length ||
      (strspn (text, "0123456789+-.e") != length &&
       !g_str_equal (text, "inf") && !g_str_equal (text, "-inf") &&
       !g_str_equal (text, "nan")))
    return mp_pickle_machine_refuse (self, "no number", error);

  return mp_pickle_machine_push_double (self, value);
}

/* Decodes one character of a line in Python's raw-unicode-escape encoding. */
static gboolean
read_raw_character (MpPickleMachine *self,
                    const guint8   **p,
                    const guint8    *end,
                    gunichar        *out_character,
                    GError         **error)
{
  gunichar character = 0;
  guint    n_digits;

  if (**p != '\\')
    {
      *out_character = *(*p)++;
      return TRUE;
    }

  n_digits = end - *p < 2 ? 0 : (*p)[1] == 'u' ? 4
                              : (*p)[1] == 'U' ? 8
                                               : 0;
  *p += 2;
  if (n_digits == 0 || end - *p < (gssize) n_digits)
    return mp_pickle_machine_refuse (self, "an unknown escape", error);

  for (guint i = 0; i < n_digits; i++, (*p)++)
    {
      if (!g_ascii_isxdigit (**p))
        return mp_pickle_machine_refuse (self, "an unknown escape", error);
      character = character << 4 | g_ascii_xdigit_value (**p);
    }

  *out_character = character;
  return character <= 0x10ffff ||
         mp_pickle_machine_refuse (self, "an unknown character", error);
}

gboolean
mp_pickle_run_string_text (MpPickleMachine         *self,
                           const MpPickleOperation *operation,
                           const guint8            *argument,
                           GError                 **error)
{
  g_autoptr (GByteArray) text = g_byte_array_sized_new (SMALLEST_TEXT);
  const guint8 *p = NULL, *end;
  gsize         length = 0;
  guint32       number = 0;

  if (!take_line (self, &p, &length, error))
    return FALSE;

  for (end = p + length; p < end;)
    {
      gunichar character = 0;
      guint8   bytes[4];

      if (!read_raw_character (self, &p, end, &character, error))
        return FALSE;
      g_byte_array_append (text, bytes, mp_text_write (character, bytes));
    }

  if (!mp_pickle_machine_make_bytes (self, MP_NODE_STRING, text->data, text->len, &number,
                                     error))
    return FALSE;

  self->nodes[number].text_flags = mp_text_scan (text->data, text->len);
  return mp_pickle_machine_push (self, number);
}

static gboolean
take_index (MpPickleMachine *self,
            guint64         *out_index,
            GError         **error)
{
  const guint8 *line = NULL;
  gsize         length = 0;
  guint64       index = 0;

  if (!take_line (self, &line, &length, error))
    return FALSE;
  if (length == 0 || length > 10 || (line[0] == '0' && length > 1))
    return mp_pickle_machine_refuse (self, "no index", error);

  for (gsize i = 0; i < length; i++)
    {
      if (line[i] < '0' || line[i] > '9')
        return mp_pickle_machine_refuse (self, "no index", error);
      index = index * 10 + line[i] - '0';
    }

  *out_index = index;
  return TRUE;
}

gboolean
mp_pickle_run_put_text (MpPickleMachine         *self,
                        const MpPickleOperation *operation,
                        const guint8            *argument,
                        GError                 **error)
{
  guint64 index = 0;

  return take_index (self, &index, error) && mp_pickle_machine_put (self, index, error);
}

gboolean
mp_pickle_run_get_text (MpPickleMachine         *self,
                        const MpPickleOperation *operation,
                        const guint8            *argument,
                        GError                 **error)
{
  guint64 index = 0;

  return take_index (self, &index, error) && mp_pickle_machine_get (self, index, error);
}

gboolean
mp_pickle_run_global (MpPickleMachine         *self,
                      const MpPickleOperation *operation,
                      const guint8            *argument,
                      GError                 **error)
{
  const guint8 *module = NULL, *name = NULL;
  gsize         module_length = 0, name_length = 0;
  guint32       number = 0;

  return take_line (self, &module, &module_length, error) &&
         take_line (self, &name, &name_length, error) &&
         mp_pickle_function_find (self, module, module_length, name, name_length, &number,
                                  error) &&
         mp_pickle_machine_push (self, number);
}

/* An instance of a class: always refused, with the name of the class in the message. */
gboolean
mp_pickle_run_inst (MpPickleMachine         *self,
                    const MpPickleOperation *operation,
                    const guint8            *argument,
                    GError                 **error)
{
  const guint8 *module = NULL, *name = NULL;
  gsize         module_length = 0, name_length = 0;
  guint32       number = 0;

  if (!take_line (self, &module, &module_length, error) ||
      !take_line (self, &name, &name_length, error) ||
      !mp_pickle_function_find (self, module, module_length, name, name_length, &number,
                                error))
    return FALSE;

  return mp_pickle_machine_refuse_function (self, &self->nodes[number], error);
}
