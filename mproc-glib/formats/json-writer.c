/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "json-writer.h"

#include <math.h>
#include <string.h>

/* Below this limit a number multiplied by a million is still an exact double. */
#define LARGEST_SIMPLE_DOUBLE 1e9

/* Makes room for @size bytes of the next value, and writes the comma or the colon before it. */
static inline guint8 *
begin_value (MpJsonWriter *self,
             gsize         size,
             GError      **error)
{
  guint   n = self->n_open;
  guint8 *out;
  char    separator = ',';

  if (n == 0)
    return mp_sink_extend (&self->sink, size, error);

  if (self->open[n - 1].has_key)
    separator = ':';
  if (self->open[n - 1].is_object)
    self->open[n - 1].has_key = !self->open[n - 1].has_key;
  if (!self->open[n - 1].has_items)
    {
      self->open[n - 1].has_items = TRUE;
      return mp_sink_extend (&self->sink, size, error);
    }

  out = mp_sink_extend (&self->sink, size + 1, error);
  if (out == NULL)
    return NULL;

  *out = separator;
  return out + 1;
}

static gboolean
write_text (MpJsonWriter *self,
            const char   *text,
            gsize         length,
            GError      **error)
{
  guint8 *out = begin_value (self, length, error);

  if (out == NULL)
    return FALSE;

  memcpy (out, text, length);
  return TRUE;
}

static gboolean
json_add_none (MpSink  *sink,
               GError **error)
{
  return write_text ((MpJsonWriter *) sink, "null", 4, error);
}

static gboolean
json_add_boolean (MpSink  *sink,
                  gboolean value,
                  GError **error)
{
  return write_text ((MpJsonWriter *) sink, value ? "true" : "false", value ? 4 : 5, error);
}

static gboolean
write_integer (MpSink  *sink,
               guint64  value,
               gboolean is_negative,
               GError **error)
{
  char  text[24];
  char *start = text + sizeof text;

  do
    *--start = '0' + value % 10;
  while ((value /= 10) > 0);
  if (is_negative)
    *--start = '-';

  return write_text ((MpJsonWriter *) sink, start, text + sizeof text - start, error);
}

static gboolean
json_add_int (MpSink  *sink,
              gint64   value,
              GError **error)
{
  return write_integer (sink, value < 0 ? -(guint64) value : (guint64) value, value < 0,
                        error);
}

static gboolean
json_add_uint (MpSink  *sink,
               guint64  value,
               GError **error)
{
  return write_integer (sink, value, FALSE, error);
}

static gboolean
json_add_big_int (MpSink       *sink,
                  const guint8 *data,
                  gsize         size,
                  GError      **error)
{
  return mp_sink_refuse ("An integer of more than 64 bits", "JSON", error);
}

/* Fast path: most decimal numbers are an integer divided by a small power of ten, and that
 * division is exact, so the text is read back as the same number. */
static gboolean
write_decimal (MpJsonWriter *self,
               double        value,
               gboolean     *out_done,
               GError      **error)
{
  static const double powers[] = { 1e1, 1e2, 1e3, 1e4, 1e5, 1e6 };
  char                text[32];
  char               *end = text + sizeof text;

  for (guint i = 0; i < G_N_ELEMENTS (powers); i++)
    {
      guint64 digits = (guint64) (fabs (value) * powers[i] + 0.5);
      char   *start = end;

      if (digits / powers[i] != fabs (value))
        continue;

      for (guint n = 0; n < i + 2 || digits > 0; digits /= 10, n++)
        {
          if (n == i + 1)
            *--start = '.';
          *--start = '0' + digits % 10;
        }
      if (signbit (value))
        *--start = '-';

      *out_done = TRUE;
      return write_text (self, start, end - start, error);
    }

  *out_done = FALSE;
  return TRUE;
}

static gboolean
json_add_double (MpSink  *sink,
                 double   value,
                 GError **error)
{
  static const char *const formats[] = { "%.15g", "%.16g", "%.17g" };
  MpJsonWriter            *self = (MpJsonWriter *) sink;
  char                     text[G_ASCII_DTOSTR_BUF_SIZE + 2];
  gboolean                 done;

  if (!isfinite (value))
    return mp_sink_refuse ("A number that is not finite", "JSON", error);

  if (fabs (value) < LARGEST_SIMPLE_DOUBLE)
    {
      if (!write_decimal (self, value, &done, error))
        return FALSE;
      if (done)
        return TRUE;
    }

  /* Writes the shortest text that is read back as the same number; not for integers. */
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_ascii_formatd (text, G_ASCII_DTOSTR_BUF_SIZE, formats[i], value);
      if (g_ascii_strtod (text, NULL) == value)
        break;
    }
  if (strpbrk (text, ".e") == NULL)
    strcat (text, ".0");

  return write_text (self, text, strlen (text), error);
}

static inline gboolean
needs_escape (guint8 byte)
{
  return byte < 0x20 || byte == '"' || byte == '\\';
}

static inline gboolean
is_surrogate (const guint8 *p)
{
  return p[0] == 0xed && p[1] >= 0xa0;
}

/* Writes a character that has to be escaped in a string. */
static guint8 *
escape (guint8       *out,
        const guint8 *p)
{
  static const char digits[] = "0123456789abcdef";
  static const char names[] = "btn\0fr";
  guint             unit = *p;

  *out++ = '\\';
  if (unit >= '\b' && unit <= '\r' && names[unit - '\b'] != '\0')
    {
      *out++ = names[unit - '\b'];
      return out;
    }
  if (unit == '"' || unit == '\\')
    {
      *out++ = unit;
      return out;
    }

  if (unit == 0xed)
    unit = 0xd000 | (p[1] & 0x3f) << 6 | (p[2] & 0x3f);
  *out++ = 'u';
  for (int shift = 12; shift >= 0; shift -= 4)
    *out++ = digits[unit >> shift & 0xf];
  return out;
}

static gsize
count_escapes (const guint8 *text,
               gsize         length,
               MpTextFlags   flags)
{
  gsize n = 0;

  for (gsize i = 0; i < length; i++)
    n += needs_escape (text[i]);
  for (gsize i = 0; (flags & MP_TEXT_HAS_SURROGATE) && i + 2 < length; i++)
    n += is_surrogate (text + i);

  return n;
}

static gboolean
json_add_string (MpSink       *sink,
                 const guint8 *text,
                 gsize         length,
                 MpTextFlags   flags,
                 GError      **error)
{
  MpJsonWriter *self = (MpJsonWriter *) sink;
  gsize         n = count_escapes (text, length, flags);
  guint8       *start = begin_value (self, length + 5 * n + 2, error);
  guint8       *out = start;

  if (out == NULL)
    return FALSE;

  *out++ = '"';
  if (n == 0 && length > 0)
    out = (guint8 *) memcpy (out, text, length) + length;
  for (gsize i = 0; n > 0 && i < length; i++)
    {
      gboolean surrogate = text[i] == 0xed && i + 2 < length && is_surrogate (text + i);

      if (surrogate || needs_escape (text[i]))
        out = escape (out, text + i);
      else
        *out++ = text[i];
      if (surrogate)
        i += 2;
    }
  *out++ = '"';

  /* Returns the unused part of the reserved space. */
  sink->size = out - sink->data;
  return TRUE;
}

static gboolean
json_add_bytes (MpSink       *sink,
                const guint8 *data,
                gsize         size,
                gboolean      is_mutable,
                GError      **error)
{
  return mp_sink_refuse ("Bytes", "JSON", error);
}

static gboolean
json_open (MpSink     *sink,
           MpContainer container,
           GError    **error)
{
  MpJsonWriter *self = (MpJsonWriter *) sink;
  gboolean      is_object = container == MP_CONTAINER_DICT;

  if (container > MP_CONTAINER_DICT)
    return mp_sink_refuse (mp_container_get_name (container), "JSON", error);
  if (self->n_open == MP_JSON_MAX_NESTING)
    return mp_sink_refuse ("A value that is nested so deep", "JSON", error);
  if (!write_text (self, is_object ? "{" : "[", 1, error))
    return FALSE;

  self->open[self->n_open].is_object = is_object;
  self->open[self->n_open].has_items = FALSE;
  self->open[self->n_open].has_key = FALSE;
  self->n_open++;
  return TRUE;
}

static gboolean
json_close (MpSink  *sink,
            GError **error)
{
  MpJsonWriter *self = (MpJsonWriter *) sink;
  guint8       *out = mp_sink_extend (sink, 1, error);

  if (out == NULL)
    return FALSE;

  *out = self->open[--self->n_open].is_object ? '}' : ']';
  return TRUE;
}

static GBytes *
json_finish (MpSink  *sink,
             GError **error)
{
  return mp_sink_steal_bytes (sink);
}

static const MpSinkFuncs json_funcs = {
  .add_none = json_add_none,
  .add_boolean = json_add_boolean,
  .add_int = json_add_int,
  .add_uint = json_add_uint,
  .add_big_int = json_add_big_int,
  .add_double = json_add_double,
  .add_string = json_add_string,
  .add_bytes = json_add_bytes,
  .open = json_open,
  .close = json_close,
  .finish = json_finish,
  .clear = mp_sink_clear,
};

void
mp_json_writer_init (MpSink *sink,
                     gsize   input_size)
{
  MpJsonWriter *self = (MpJsonWriter *) sink;

  mp_sink_init (sink, &json_funcs, input_size);
  self->n_open = 0;
}
