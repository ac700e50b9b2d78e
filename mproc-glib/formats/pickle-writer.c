/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pickle-writer.h"
#include "pickle-opcodes.h"

#include <string.h>

/* Only protocol 5 has bytearray; protocol 4 is read by older versions of Python too. */
#define PROTOCOL                4
#define PROTOCOL_WITH_BYTEARRAY 5

/* Makes room for @size bytes of the next item.  A list, a dict or a set gets its MARK opcode
 * before its first item, so that an empty one has none. */
static inline guint8 *
begin_item (MpPickleWriter *self,
            gsize           size,
            GError        **error)
{
  guint   n = self->n_open;
  guint8 *out;

  if (n == 0 || self->open[n - 1].has_items)
    return mp_sink_extend (&self->sink, size, error);

  self->open[n - 1].has_items = TRUE;
  out = mp_sink_extend (&self->sink, size + 1, error);
  if (out == NULL)
    return NULL;

  *out = OP_MARK;
  return out + 1;
}

static inline gboolean
write_opcode (MpPickleWriter *self,
              guint8          opcode,
              GError        **error)
{
  guint8 *out = begin_item (self, 1, error);

  if (out == NULL)
    return FALSE;

  *out = opcode;
  return TRUE;
}

static gboolean
pickle_add_none (MpSink  *sink,
                 GError **error)
{
  return write_opcode ((MpPickleWriter *) sink, OP_NONE, error);
}

static gboolean
pickle_add_boolean (MpSink  *sink,
                    gboolean value,
                    GError **error)
{
  return write_opcode ((MpPickleWriter *) sink, value ? OP_NEWTRUE : OP_NEWFALSE, error);
}

static gboolean
pickle_add_big_int (MpSink       *sink,
                    const guint8 *data,
                    gsize         size,
                    GError      **error)
{
  MpPickleWriter *self = (MpPickleWriter *) sink;
  gboolean        is_short = size <= G_MAXUINT8;
  guint32         length = GUINT32_TO_LE (size);
  guint8         *out = begin_item (self, (is_short ? 2 : 5) + size, error);

  if (out == NULL)
    return FALSE;

  *out++ = is_short ? OP_LONG1 : OP_LONG4;
  memcpy (out, &length, is_short ? 1 : 4);
  memcpy (out + (is_short ? 1 : 4), data, size);
  return TRUE;
}

static gboolean
pickle_add_int (MpSink  *sink,
                gint64   value,
                GError **error)
{
  guint64 bytes = GUINT64_TO_LE (value);
  gsize   size = 8;
  guint8 *out;

  if (value < G_MININT32 || value > G_MAXINT32)
    {
      /* Writes the shortest two's complement form. */
      while (value >= -((gint64) 1 << (8 * size - 9)) && value < (gint64) 1 << (8 * size - 9))
        size--;
      return pickle_add_big_int (sink, (const guint8 *) &bytes, size, error);
    }

  out = begin_item ((MpPickleWriter *) sink, 5, error);
  if (out == NULL)
    return FALSE;

  *out = OP_BININT;
  memcpy (out + 1, &bytes, 4);
  return TRUE;
}

static gboolean
pickle_add_uint (MpSink  *sink,
                 guint64  value,
                 GError **error)
{
  guint64 bytes[2] = { GUINT64_TO_LE (value), 0 };

  return pickle_add_big_int (sink, (const guint8 *) bytes, 9, error);
}

static gboolean
pickle_add_double (MpSink  *sink,
                   double   value,
                   GError **error)
{
  guint8 *out = begin_item ((MpPickleWriter *) sink, 9, error);
  guint64 bits;

  if (out == NULL)
    return FALSE;

  memcpy (&bits, &value, sizeof bits);
  bits = GUINT64_TO_BE (bits);
  *out = OP_BINFLOAT;
  memcpy (out + 1, &bits, sizeof bits);
  return TRUE;
}

static gboolean
write_data (MpSink       *sink,
            guint8        opcode,
            guint         length_size,
            const guint8 *data,
            gsize         size,
            GError      **error)
{
  guint64 length = GUINT64_TO_LE (size);
  guint8 *out = begin_item ((MpPickleWriter *) sink, 1 + length_size + size, error);

  if (out == NULL)
    return FALSE;

  *out = opcode;
  memcpy (out + 1, &length, length_size);
  if (size > 0)
    memcpy (out + 1 + length_size, data, size);
  return TRUE;
}

static gboolean
pickle_add_string (MpSink       *sink,
                   const guint8 *text,
                   gsize         length,
                   MpTextFlags   flags,
                   GError      **error)
{
  if (length > G_MAXUINT32)
    return write_data (sink, OP_BINUNICODE8, 8, text, length, error);

  return write_data (sink, OP_BINUNICODE, 4, text, length, error);
}

static gboolean
pickle_add_bytes (MpSink       *sink,
                  const guint8 *data,
                  gsize         size,
                  gboolean      is_mutable,
                  GError      **error)
{
  MpPickleWriter *self = (MpPickleWriter *) sink;

  if (is_mutable)
    {
      self->has_bytearray = TRUE;
      return write_data (sink, OP_BYTEARRAY8, 8, data, size, error);
    }

  if (size > G_MAXUINT32)
    return write_data (sink, OP_BINBYTES8, 8, data, size, error);

  return write_data (sink, OP_BINBYTES, 4, data, size, error);
}

static gboolean
pickle_open (MpSink     *sink,
             MpContainer container,
             GError    **error)
{
  static const guint8 opcodes[] = {
    [MP_CONTAINER_LIST] = OP_EMPTY_LIST,
    [MP_CONTAINER_TUPLE] = 0,
    [MP_CONTAINER_DICT] = OP_EMPTY_DICT,
    [MP_CONTAINER_INT_DICT] = OP_EMPTY_DICT,
    [MP_CONTAINER_OTHER_DICT] = OP_EMPTY_DICT,
    [MP_CONTAINER_SET] = OP_EMPTY_SET,
    [MP_CONTAINER_FROZENSET] = OP_MARK,
  };
  MpPickleWriter *self = (MpPickleWriter *) sink;
  guint8          opcode = opcodes[container];
  guint8         *out = begin_item (self, opcode != 0 ? 1 : 0, error);

  if (out == NULL)
    return FALSE;
  if (self->n_open == MP_PICKLE_MAX_NESTING)
    return mp_sink_refuse ("A value that is nested so deep", "a pickle", error);

  if (opcode != 0)
    *out = opcode;
  self->open[self->n_open].container = container;
  self->open[self->n_open].has_items = container == MP_CONTAINER_FROZENSET;
  self->n_open++;
  return TRUE;
}

static gboolean
pickle_close (MpSink  *sink,
              GError **error)
{
  static const struct
  {
    guint8 empty, filled;
  } opcodes[] = {
    [MP_CONTAINER_LIST] = { 0, OP_APPENDS },
    [MP_CONTAINER_TUPLE] = { OP_EMPTY_TUPLE, OP_TUPLE },
    [MP_CONTAINER_DICT] = { 0, OP_SETITEMS },
    [MP_CONTAINER_INT_DICT] = { 0, OP_SETITEMS },
    [MP_CONTAINER_OTHER_DICT] = { 0, OP_SETITEMS },
    [MP_CONTAINER_SET] = { 0, OP_ADDITEMS },
    [MP_CONTAINER_FROZENSET] = { OP_FROZENSET, OP_FROZENSET },
  };
  MpPickleWriter *self = (MpPickleWriter *) sink;
  guint           n = --self->n_open;
  guint8          container = self->open[n].container;
  guint8          opcode = self->open[n].has_items ? opcodes[container].filled
                                                   : opcodes[container].empty;
  guint8         *out = mp_sink_extend (sink, opcode != 0 ? 1 : 0, error);

  if (out == NULL)
    return FALSE;

  if (opcode != 0)
    *out = opcode;
  return TRUE;
}

static GBytes *
pickle_finish (MpSink  *sink,
               GError **error)
{
  MpPickleWriter *self = (MpPickleWriter *) sink;
  guint8         *out = mp_sink_extend (sink, 1, error);

  if (out == NULL)
    return NULL;

  *out = OP_STOP;
  if (self->has_bytearray)
    sink->data[1] = PROTOCOL_WITH_BYTEARRAY;
  return mp_sink_steal_bytes (sink);
}

static const MpSinkFuncs pickle_funcs = {
  .add_none = pickle_add_none,
  .add_boolean = pickle_add_boolean,
  .add_int = pickle_add_int,
  .add_uint = pickle_add_uint,
  .add_big_int = pickle_add_big_int,
  .add_double = pickle_add_double,
  .add_string = pickle_add_string,
  .add_bytes = pickle_add_bytes,
  .open = pickle_open,
  .close = pickle_close,
  .finish = pickle_finish,
  .clear = mp_sink_clear,
};

void
mp_pickle_writer_init (MpSink *sink,
                       gsize   input_size)
{
  MpPickleWriter *self = (MpPickleWriter *) sink;

  /* The initial buffer is larger than the two bytes of the header. */
  mp_sink_init (sink, &pickle_funcs, input_size);
  sink->data[0] = OP_PROTO;
  sink->data[1] = PROTOCOL;
  sink->size = 2;
  self->has_bytearray = FALSE;
  self->n_open = 0;
}
