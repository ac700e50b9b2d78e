/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gvariant-writer.h"
#include "gvariant.h"
#include "base/mp-small-array.h"
#include "mp-error.h"

#include <string.h>

/* Everything here follows the specification of the serialisation: an item is a "v", which
 * is aligned to eight bytes and consists of the value, NUL and the value's type; the ends
 * of the items of a container follow its last item, in integers that are just as large as
 * the size of the container needs. */

/* The maximum depth of a container, counted as GLib does. */
#define MAX_DEPTH (2 * (MP_GVARIANT_MAX_NESTING - 1))

/* The type string of the container has one character for each item. */
#define MAX_TUPLE (MP_GVARIANT_MAX_TYPE_LENGTH - 2)

/* Up to this many keys are compared pairwise; more are sorted. */
#define FEW_KEYS 8

static inline gsize
align (gsize size)
{
  return (size + 7) & ~(gsize) 7;
}

static guint
get_end_size (gsize body_size,
              gsize n_ends)
{
  if (body_size + n_ends <= G_MAXUINT8)
    return 1;
  if (body_size + 2 * n_ends <= G_MAXUINT16)
    return 2;
  if (body_size + 4 * n_ends <= G_MAXUINT32)
    return 4;
  return 8;
}

static inline void
write_end (guint8 *out,
           gsize   end,
           guint   end_size)
{
  guint64 little_endian = GUINT64_TO_LE (end);

  memcpy (out, &little_endian, end_size);
}

static void
keep_end (MpGvariantWriter *self,
          gsize             end)
{
  if (G_UNLIKELY (self->n_ends == self->allocated_ends))
    {
      gsize size = self->allocated_ends * sizeof *self->ends;

      self->allocated_ends *= 2;
      self->ends = mp_small_array_grow (self->ends, self->initial_ends, size, 2 * size);
    }

  self->ends[self->n_ends++] = end;
}

static inline MpGvariantFrame *
peek_frame (MpGvariantWriter *self)
{
  return self->n_frames > 0 ? &self->frames[self->n_frames - 1] : NULL;
}

static inline gboolean
is_dict (MpContainer container)
{
  return container == MP_CONTAINER_DICT || container == MP_CONTAINER_INT_DICT;
}

static gboolean
pad (MpGvariantWriter *self,
     GError          **error)
{
  gsize   size = align (self->sink.size) - self->sink.size;
  guint8 *out = mp_sink_extend (&self->sink, size, error);

  if (out == NULL)
    return FALSE;

  memset (out, 0, size);
  return TRUE;
}

/* Makes room for the @size bytes of a value and writes NUL and @type behind them. */
static inline guint8 *
begin_value (MpGvariantWriter *self,
             gsize             size,
             const char       *type,
             gsize             type_length,
             GError          **error)
{
  gsize   padding = align (self->sink.size) - self->sink.size;
  guint8 *out = mp_sink_extend (&self->sink, padding + size + 1 + type_length, error);

  if (G_UNLIKELY (out == NULL))
    return NULL;

  memset (out, 0, padding);
  out += padding;
  out[size] = '\0';
  memcpy (out + size + 1, type, type_length);

  return out;
}

/* The "v" that was just written is complete, and so is the dictionary entry whose value it is. */
static inline gboolean
end_value (MpGvariantWriter *self,
           GError          **error)
{
  MpGvariantFrame *frame = peek_frame (self);

  if (frame == NULL)
    return TRUE;

  if (frame->container == MP_CONTAINER_DICT)
    {
      guint   end_size = get_end_size (self->sink.size - frame->entry, 1);
      guint8 *out = mp_sink_extend (&self->sink, end_size, error);

      if (out == NULL)
        return FALSE;
      write_end (out, frame->key_end - frame->entry, end_size);
    }

  frame->has_key = FALSE;
  keep_end (self, self->sink.size - frame->start);
  return TRUE;
}

static inline gboolean
expects_key (MpGvariantWriter *self)
{
  MpGvariantFrame *frame = peek_frame (self);

  return frame != NULL && is_dict (frame->container) && !frame->has_key;
}

static guint8 *
begin_key (MpGvariantWriter *self,
           gsize             size,
           GError          **error)
{
  MpGvariantFrame *frame = peek_frame (self);
  guint8          *out;

  if (!pad (self, error))
    return NULL;

  frame->entry = self->sink.size;
  out = mp_sink_extend (&self->sink, size, error);
  frame->key_end = self->sink.size;
  frame->has_key = TRUE;

  return out;
}

static gboolean
gvariant_add_none (MpSink  *sink,
                   GError **error)
{
  MpGvariantWriter *self = (MpGvariantWriter *) sink;

  return begin_value (self, 0, "mv", 2, error) != NULL && end_value (self, error);
}

static gboolean
gvariant_add_boolean (MpSink  *sink,
                      gboolean value,
                      GError **error)
{
  MpGvariantWriter *self = (MpGvariantWriter *) sink;
  guint8           *out = begin_value (self, 1, "b", 1, error);

  if (out == NULL)
    return FALSE;

  *out = value ? 1 : 0;
  return end_value (self, error);
}

static gboolean
add_number (MpGvariantWriter *self,
            gconstpointer     number,
            const char       *type,
            GError          **error)
{
  guint8 *out = begin_value (self, 8, type, 1, error);

  if (out == NULL)
    return FALSE;

  memcpy (out, number, 8);
  return end_value (self, error);
}

static gboolean
gvariant_add_int (MpSink  *sink,
                  gint64   value,
                  GError **error)
{
  MpGvariantWriter *self = (MpGvariantWriter *) sink;
  guint8           *out;

  if (!expects_key (self))
    return add_number (self, &value, "x", error);

  out = begin_key (self, sizeof value, error);
  if (out == NULL)
    return FALSE;

  memcpy (out, &value, sizeof value);
  return TRUE;
}

static gboolean
gvariant_add_uint (MpSink  *sink,
                   guint64  value,
                   GError **error)
{
  MpGvariantWriter *self = (MpGvariantWriter *) sink;

  if (expects_key (self))
    return mp_sink_refuse ("A key above 2^63 - 1", "GVariant", error);

  return add_number (self, &value, "t", error);
}

static gboolean
gvariant_add_big_int (MpSink       *sink,
                      const guint8 *data,
                      gsize         size,
                      GError      **error)
{
  return mp_sink_refuse ("An integer of more than 64 bits", "GVariant", error);
}

static gboolean
gvariant_add_double (MpSink  *sink,
                     double   value,
                     GError **error)
{
  return add_number ((MpGvariantWriter *) sink, &value, "d", error);
}

static gboolean
gvariant_add_string (MpSink       *sink,
                     const guint8 *text,
                     gsize         length,
                     MpTextFlags   flags,
                     GError      **error)
{
  MpGvariantWriter *self = (MpGvariantWriter *) sink;
  gboolean          is_key = expects_key (self);
  guint8           *out;

  if (flags & MP_TEXT_HAS_NUL)
    return mp_sink_refuse ("A string with a NUL character", "GVariant", error);
  if (flags & MP_TEXT_HAS_SURROGATE)
    return mp_sink_refuse ("A string with half of a surrogate pair", "GVariant", error);

  out = is_key ? begin_key (self, length + 1, error)
               : begin_value (self, length + 1, "s", 1, error);
  if (out == NULL)
    return FALSE;

  memcpy (out, text, length);
  out[length] = '\0';
  return is_key || end_value (self, error);
}

static gboolean
gvariant_add_bytes (MpSink       *sink,
                    const guint8 *data,
                    gsize         size,
                    gboolean      is_mutable,
                    GError      **error)
{
  MpGvariantWriter *self = (MpGvariantWriter *) sink;
  guint8           *out = begin_value (self, size, "ay", 2, error);

  if (out == NULL)
    return FALSE;

  if (size > 0)
    memcpy (out, data, size);
  return end_value (self, error);
}

static gboolean
gvariant_open (MpSink     *sink,
               MpContainer container,
               GError    **error)
{
  MpGvariantWriter *self = (MpGvariantWriter *) sink;
  MpGvariantFrame  *parent = peek_frame (self);
  MpGvariantFrame  *frame;
  guint             depth = 0;

  if (container == MP_CONTAINER_OTHER_DICT || container >= MP_CONTAINER_SET)
    return mp_sink_refuse (mp_container_get_name (container), "GVariant", error);
  if (parent != NULL)
    depth = parent->depth + (is_dict (parent->container) ? 3 : 2);
  if (depth > MAX_DEPTH)
    return mp_sink_refuse ("A value that is nested so deep", "GVariant", error);
  if (!pad (self, error))
    return FALSE;

  frame = &self->frames[self->n_frames++];
  frame->container = container;
  frame->depth = depth;
  frame->start = self->sink.size;
  frame->has_key = FALSE;
  frame->first_end = self->n_ends;
  return TRUE;
}

/* Compares keys in place: they are NUL-terminated strings. */
static int
compare_strings (gconstpointer a,
                 gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static int
compare_ints (gconstpointer a,
              gconstpointer b)
{
  return memcmp (*(gconstpointer const *) a, *(gconstpointer const *) b, 8);
}

/* Duplicate keys are refused, since one reader would take the first and another the last.
 * Sorting has no worst case that a hostile peer could provoke, unlike hashing. */
static gboolean
has_key_twice (MpGvariantWriter *self,
               MpGvariantFrame  *frame)
{
  GCompareFunc compare =
    frame->container == MP_CONTAINER_DICT ? compare_strings : compare_ints;
  gsize                     n = self->n_ends - frame->first_end;
  gconstpointer             few[FEW_KEYS];
  g_autofree gconstpointer *many = n > FEW_KEYS ? g_new (gconstpointer, n) : NULL;
  gconstpointer            *keys = n > FEW_KEYS ? many : few;
  gsize                     entry = 0;

  for (gsize i = 0; i < n; i++)
    {
      keys[i] = self->sink.data + frame->start + entry;
      entry = align (self->ends[frame->first_end + i]);
      for (gsize j = 0; n <= FEW_KEYS && j < i; j++)
        if (compare (&keys[i], &keys[j]) == 0)
          return TRUE;
    }

  if (n > FEW_KEYS)
    {
      qsort (keys, n, sizeof *keys, compare);
      for (gsize i = 1; i < n; i++)
        if (compare (&keys[i - 1], &keys[i]) == 0)
          return TRUE;
    }

  return FALSE;
}

/* Writes the ends of the items: in order for an array, in reverse and without the last one for
 * a tuple. */
static gboolean
write_ends (MpGvariantWriter *self,
            MpGvariantFrame  *frame,
            GError          **error)
{
  const gsize *ends = self->ends + frame->first_end;
  gsize        n = self->n_ends - frame->first_end;
  gboolean     is_tuple = frame->container == MP_CONTAINER_TUPLE;
  gsize        n_written = is_tuple && n > 0 ? n - 1 : n;
  guint        end_size = get_end_size (self->sink.size - frame->start, n_written);
  guint8      *out = mp_sink_extend (&self->sink, n_written * end_size, error);

  if (out == NULL)
    return FALSE;

  for (gsize i = 0; i < n_written; i++)
    write_end (out + i * end_size, ends[is_tuple ? n_written - 1 - i : i], end_size);

  return TRUE;
}

static gboolean
write_tuple_type (MpGvariantWriter *self,
                  gsize             n,
                  GError          **error)
{
  /* The unit type () has no items, but one byte. */
  gsize   size = n > 0 ? n + 3 : 4;
  guint8 *out;

  if (n > MAX_TUPLE)
    return mp_sink_refuse ("A tuple of so many items", "GVariant", error);

  out = mp_sink_extend (&self->sink, size, error);
  if (out == NULL)
    return FALSE;

  memset (out, 'v', size);
  out[0] = '\0';
  if (n == 0)
    out[1] = '\0';
  out[size - n - 2] = '(';
  out[size - 1] = ')';
  return TRUE;
}

static gboolean
write_type (MpGvariantWriter *self,
            const char       *type,
            GError          **error)
{
  gsize   size = strlen (type) + 1;
  guint8 *out = mp_sink_extend (&self->sink, size, error);

  if (out == NULL)
    return FALSE;

  out[0] = '\0';
  memcpy (out + 1, type, size - 1);
  return TRUE;
}

static gboolean
gvariant_close (MpSink  *sink,
                GError **error)
{
  MpGvariantWriter *self = (MpGvariantWriter *) sink;
  MpGvariantFrame  *frame = peek_frame (self);
  gsize             n = self->n_ends - frame->first_end;

  if (is_dict (frame->container) && n > 1 && has_key_twice (self, frame))
    return mp_sink_refuse ("A dictionary that has a key twice", "GVariant", error);
  if (!write_ends (self, frame, error))
    return FALSE;

  self->n_ends = frame->first_end;
  self->n_frames--;

  switch (frame->container)
    {
    case MP_CONTAINER_TUPLE:
      if (!write_tuple_type (self, n, error))
        return FALSE;
      break;

    case MP_CONTAINER_LIST:
    case MP_CONTAINER_DICT:
    case MP_CONTAINER_INT_DICT:
    case MP_CONTAINER_OTHER_DICT:
    case MP_CONTAINER_SET:
    case MP_CONTAINER_FROZENSET:
    default:
      if (!write_type (self,
                       frame->container == MP_CONTAINER_LIST   ? "av"
                       : frame->container == MP_CONTAINER_DICT ? "a{sv}"
                                                               : "a{xv}",
                       error))
        return FALSE;
      break;
    }

  return end_value (self, error);
}

static GBytes *
gvariant_finish (MpSink  *sink,
                 GError **error)
{
  guint8 *out = mp_sink_extend (sink, 1, error);

  if (out == NULL)
    return NULL;

  *out = MP_GVARIANT_NATIVE_MARK;
  return mp_sink_steal_bytes (sink);
}

static void
gvariant_clear (MpSink *sink)
{
  MpGvariantWriter *self = (MpGvariantWriter *) sink;

  mp_small_array_free (self->ends, self->initial_ends);
  mp_sink_clear (sink);
}

static const MpSinkFuncs gvariant_funcs = {
  .add_none = gvariant_add_none,
  .add_boolean = gvariant_add_boolean,
  .add_int = gvariant_add_int,
  .add_uint = gvariant_add_uint,
  .add_big_int = gvariant_add_big_int,
  .add_double = gvariant_add_double,
  .add_string = gvariant_add_string,
  .add_bytes = gvariant_add_bytes,
  .open = gvariant_open,
  .close = gvariant_close,
  .finish = gvariant_finish,
  .clear = gvariant_clear,
};

void
mp_gvariant_writer_init (MpSink *sink,
                         gsize   input_size)
{
  MpGvariantWriter *self = (MpGvariantWriter *) sink;

  mp_sink_init (sink, &gvariant_funcs, input_size);
  self->n_frames = 0;
  self->n_ends = 0;
  self->ends = self->initial_ends;
  self->allocated_ends = G_N_ELEMENTS (self->initial_ends);
}
