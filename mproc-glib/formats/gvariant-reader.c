/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gvariant-reader.h"
#include "gvariant.h"
#include "variant-type.h"
#include "base/mp-small-array.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* GLib reads nothing that is nested deeper, so this reader does not either. */
#define MAX_DEPTH 128

/* Each level of nested variants takes at least two bytes, so a payload smaller than this cannot be
 * nested too deeply. */
#define SHALLOW_PAYLOAD 256

/* A container that is being read.  Its contents start at a multiple of its alignment.  The
 * ends of those children that have no fixed size are stored behind the children. */
typedef struct
{
  enum
  {
    ARRAY,
    TUPLE,
    ENTRY,
    LONE_ENTRY /* a dictionary entry that is not in an array */
  } kind;
  guint depth;

  /* Indices into the types of the reader: for an array the type of its element, for a tuple that of
   * its next member; and the type of the container itself. */
  guint type;
  guint whole_type;

  const guint8 *data;
  gsize         size;

  /* Where the previous child ended, where all children end, the stored end to be read next, and the
   * size of each stored end.  They are stored in ascending order in an array and in descending
   * order in a tuple. */
  gsize position;
  gsize limit;
  gsize next_end;
  guint end_size;

  /* The number of parsed types to keep when the container is closed; types of a "v" inside it
   * are dropped. */
  guint n_types;
} Frame;

typedef struct
{
  const guint8 *start;
  MpSink       *sink;

  guint n_frames;
  Frame frames[MAX_DEPTH];

  /* The types of all open "v" values, one entry for each character. */
  MpVariantType *types;
  gsize          n_types;
  gsize          allocated_types;
  MpVariantType  initial_types[64];
} Reader;

static gboolean
refuse (Reader       *self,
        const guint8 *where,
        const char   *what,
        GError      **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
               _ ("Not a serialised variant in normal form: %s at byte %zu"),
               what, (gsize) (where - self->start));
  return FALSE;
}

static guint
get_end_size (gsize size)
{
  return size > G_MAXUINT32 ? 8 : size > G_MAXUINT16 ? 4
                                : size > G_MAXUINT8  ? 2
                                                     : 1;
}

static inline gsize
read_end (const guint8 *data,
          guint         end_size)
{
  guint64 end = 0;

  if (G_LIKELY (end_size == 1))
    return *data;

  memcpy (&end, data, end_size);
  return GUINT64_FROM_LE (end);
}

/* Whether a container of @size bytes with @n stored ends needs integers of exactly @end_size
 * bytes for them. */
static gboolean
is_end_size (gsize size,
             gsize n,
             guint end_size)
{
  return get_end_size (size + n * end_size) == end_size &&
         (end_size == 1 ||
          size + n * (end_size / 2) > (G_GUINT64_CONSTANT (1) << (end_size * 4)) - 1);
}

/* The types that scripting languages use most, already parsed. */
static const MpVariantType list_type[] = {
  { 'a', 2, 7, 0, 2 },
  { 'v', 1, 7, 0, 1 },
};
static const MpVariantType dict_type[] = {
  { 'a', 3, 7, 0, 5 },
  { '{', 2, 7, 0, 4 },
  { 's', 1, 0, 0, 1 },
  { 'v', 1, 7, 0, 1 },
  { '}', 0, 0, 0, 0 },
};

static gboolean
parse_type (Reader       *self,
            const guint8 *text,
            gsize         length,
            guint        *out_type,
            GError      **error)
{
  if (length == 0 || length > MP_GVARIANT_MAX_TYPE_LENGTH)
    return refuse (self, text, "no type, or too long a type,", error);

  if (length > self->allocated_types - self->n_types)
    {
      self->allocated_types = 2 * (self->allocated_types + length);
      self->types = mp_small_array_grow (self->types, self->initial_types,
                                         self->n_types * sizeof *self->types,
                                         self->allocated_types * sizeof *self->types);
    }

  if (length == 2 && memcmp (text, "av", 2) == 0)
    memcpy (self->types + self->n_types, list_type, sizeof list_type);
  else if (length == 5 && memcmp (text, "a{sv}", 5) == 0)
    memcpy (self->types + self->n_types, dict_type, sizeof dict_type);
  else if (!mp_variant_type_parse ((const char *) text, length, self->types + self->n_types))
    return refuse (self, text, "no valid type", error);

  *out_type = self->n_types;
  self->n_types += length;
  return TRUE;
}

static gboolean
read_string (Reader       *self,
             char          code,
             const guint8 *data,
             gsize         size,
             GError      **error)
{
  MpTextFlags flags;

  if (size == 0 || data[size - 1] != '\0')
    return refuse (self, data, "a string without an end", error);

  flags = mp_text_scan (data, size - 1);
  if (flags != MP_TEXT_PLAIN)
    return refuse (self, data, "a string that is not UTF-8", error);
  if (code == 'o' && !g_variant_is_object_path ((const char *) data))
    return refuse (self, data, "no object path", error);
  if (code == 'g' && !g_variant_is_signature ((const char *) data))
    return refuse (self, data, "no signature", error);

  return self->sink->funcs->add_string (self->sink, data, size - 1, flags, error);
}

#define READ(type, data) ({ type number_; memcpy (&number_, data, sizeof number_); number_; })

/* A number or a boolean: @data has exactly the size of its type. */
static gboolean
read_number (Reader       *self,
             char          code,
             const guint8 *data,
             GError      **error)
{
  const MpSinkFuncs *funcs = self->sink->funcs;

  switch (code)
    {
    case 'b':
      if (*data > 1)
        return refuse (self, data, "a boolean that is neither 0 nor 1", error);
      return funcs->add_boolean (self->sink, *data, error);

    case 'y':
      return funcs->add_int (self->sink, *data, error);

    case 'n':
      return funcs->add_int (self->sink, READ (gint16, data), error);

    case 'q':
      return funcs->add_int (self->sink, READ (guint16, data), error);

    case 'i':
    case 'h':
      return funcs->add_int (self->sink, READ (gint32, data), error);

    case 'u':
      return funcs->add_int (self->sink, READ (guint32, data), error);

    case 't':
      if (READ (guint64, data) > G_MAXINT64)
        return funcs->add_uint (self->sink, READ (guint64, data), error);
      G_GNUC_FALLTHROUGH;

    case 'x':
      return funcs->add_int (self->sink, READ (gint64, data), error);

    case 'd':
    default:
      return funcs->add_double (self->sink, READ (double, data), error);
    }
}

/* Fast path for a "v" whose type is a single character. */
static gboolean
read_basic_variant (Reader       *self,
                    const guint8 *data,
                    gsize         size,
                    guint         depth,
                    GError      **error)
{
  char  code = data[size + 1];
  gsize fixed_size = mp_variant_type_get_basic_size (code);

  if (depth + 1 >= MAX_DEPTH)
    return refuse (self, data, "too deep a value", error);
  if (fixed_size == 0)
    return read_string (self, code, data, size, error);
  if (fixed_size != size)
    return refuse (self, data, "a value of the wrong size", error);

  return read_number (self, code, data, error);
}

static MpContainer
get_dict_container (char key)
{
  switch (key)
    {
    case 's':
    case 'o':
    case 'g':
      return MP_CONTAINER_DICT;

    case 'b':
    case 'd':
      return MP_CONTAINER_OTHER_DICT;

    default:
      return MP_CONTAINER_INT_DICT;
    }
}

static Frame *
push_frame (Reader       *self,
            guint         kind,
            guint         type,
            const guint8 *data,
            gsize         size,
            guint         depth)
{
  Frame *frame = &self->frames[self->n_frames++];

  frame->kind = kind;
  frame->depth = depth;
  frame->type = type;
  frame->data = data;
  frame->size = size;
  frame->position = 0;
  frame->limit = size;
  frame->next_end = size;
  /* A container without bytes has no stored ends either: all its members are empty. */
  frame->end_size = size > 0 ? get_end_size (size) : 0;
  frame->n_types = self->n_types;

  return frame;
}

static gboolean
open_array (Reader       *self,
            guint         type,
            const guint8 *data,
            gsize         size,
            guint         depth,
            GError      **error)
{
  const MpVariantType *element = &self->types[type + 1];
  MpContainer          container = MP_CONTAINER_LIST;
  Frame               *frame;

  if (element->code == 'y')
    return self->sink->funcs->add_bytes (self->sink, data, size, FALSE, error);
  if (element->code == '{')
    container = size > 0 ? get_dict_container (element[1].code) : MP_CONTAINER_DICT;
  if (element->fixed_size > 0 && size % element->fixed_size != 0)
    return refuse (self, data, "part of an item", error);
  if (!self->sink->funcs->open (self->sink, container, error))
    return FALSE;

  frame = push_frame (self, ARRAY, type + 1, data, size, depth);
  if (element->fixed_size > 0 || size == 0)
    return TRUE;

  frame->limit = read_end (data + size - frame->end_size, frame->end_size);
  frame->next_end = frame->limit;
  if (frame->limit >= size ||
      (size - frame->limit) % frame->end_size != 0 ||
      !is_end_size (frame->limit, (size - frame->limit) / frame->end_size,
                    frame->end_size))
    return refuse (self, data + size - frame->end_size, "wrong ends of items", error);

  return TRUE;
}

static gboolean
open_members (Reader       *self,
              guint         kind,
              guint         type,
              const guint8 *data,
              gsize         size,
              guint         depth,
              GError      **error)
{
  Frame *frame;

  if (kind == TUPLE && !self->sink->funcs->open (self->sink, MP_CONTAINER_TUPLE, error))
    return FALSE;
  if (kind == LONE_ENTRY &&
      !self->sink->funcs->open (self->sink,
                                get_dict_container (self->types[type + 1].code), error))
    return FALSE;

  frame = push_frame (self, kind, type + 1, data, size, depth);
  frame->whole_type = type;
  return TRUE;
}

/* Reads one value, or opens it if it is a container.  A "v" or a maybe holds at most one value
 * and needs no frame. */
static gboolean
read_value (Reader       *self,
            guint         type,
            const guint8 *data,
            gsize         size,
            guint         depth,
            gboolean      is_entry,
            GError      **error)
{
  for (;; depth++)
    {
      const MpVariantType *row = &self->types[type];
      const guint8        *nul;

      if (depth >= MAX_DEPTH)
        return refuse (self, data, "too deep a value", error);
      if (row->fixed_size > 0 && row->fixed_size != size)
        return refuse (self, data, "a value of the wrong size", error);

      switch (row->code)
        {
        case 'v':
          if (size >= 2 && data[size - 2] == '\0' &&
              mp_variant_type_get_basic_size (data[size - 1]) >= 0)
            return read_basic_variant (self, data, size - 2, depth, error);

          nul = size > 0 ? memrchr (data, '\0', size) : NULL;
          if (nul == NULL)
            return refuse (self, data, "no type", error);
          if (!parse_type (self, nul + 1, data + size - (nul + 1), &type, error))
            return FALSE;
          if (self->types[type].depth >= MAX_DEPTH - depth)
            return refuse (self, data, "too deep a value", error);
          size = nul - data;
          break;

        case 'm':
          if (size == 0)
            return self->sink->funcs->add_none (self->sink, error);
          type++;
          if (self->types[type].fixed_size == 0 && data[--size] != '\0')
            return refuse (self, data + size, "no end of an optional value", error);
          break;

        case 'a':
          return open_array (self, type, data, size, depth, error);

        case '(':
          return open_members (self, TUPLE, type, data, size, depth, error);

        case '{':
          return open_members (self, is_entry ? ENTRY : LONE_ENTRY, type, data, size, depth,
                               error);

        case 's':
        case 'o':
        case 'g':
          return read_string (self, row->code, data, size, error);

        default:
          return read_number (self, row->code, data, error);
        }
    }
}

static gboolean
skip_padding (Reader  *self,
              Frame   *frame,
              guint    alignment,
              gsize    limit,
              GError **error)
{
  for (; frame->position & alignment; frame->position++)
    if (frame->position >= limit || frame->data[frame->position] != '\0')
      return refuse (self, frame->data + frame->position, "wrong padding", error);

  return TRUE;
}

static gboolean
read_element (Reader  *self,
              Frame   *frame,
              GError **error)
{
  const MpVariantType *type = &self->types[frame->type];
  gsize                start, end;

  if (type->fixed_size > 0)
    {
      end = frame->position + type->fixed_size;
    }
  else
    {
      end = read_end (frame->data + frame->next_end, frame->end_size);
      if (end < frame->position || end > frame->limit)
        return refuse (self, frame->data + frame->next_end, "wrong end of an item", error);
      frame->next_end += frame->end_size;
      if (!skip_padding (self, frame, type->alignment, end, error))
        return FALSE;
    }

  start = frame->position;
  frame->position = end;
  return read_value (self, frame->type, frame->data + start, end - start, frame->depth + 1,
                     TRUE, error);
}

static gboolean
read_member (Reader  *self,
             Frame   *frame,
             GError **error)
{
  guint                index = frame->type;
  const MpVariantType *type = &self->types[index];
  char                 after = type[type->next].code;
  gsize                start, end;

  if (!skip_padding (self, frame, type->alignment, frame->limit, error))
    return FALSE;

  start = frame->position;
  if (type->fixed_size > 0)
    {
      end = start + type->fixed_size;
    }
  else if (after == ')' || after == '}')
    {
      end = frame->limit;
    }
  else
    {
      if (frame->limit < start + frame->end_size)
        return refuse (self, frame->data + start, "no end of an item", error);
      frame->limit -= frame->end_size;
      end = read_end (frame->data + frame->limit, frame->end_size);
    }

  if (end < start || end > frame->limit)
    return refuse (self, frame->data + start, "wrong end of an item", error);

  frame->type += type->next;
  frame->position = end;
  return read_value (self, index, frame->data + start, end - start, frame->depth + 1, FALSE,
                     error);
}

/* After the last member there may be padding, if the whole has a fixed size, or the ends
 * of members, and nothing else. */
static gboolean
end_members (Reader  *self,
             Frame   *frame,
             GError **error)
{
  const MpVariantType *whole = &self->types[frame->whole_type];

  if (whole->fixed_size > 0)
    {
      /* The unit type () is serialised as one zero byte. */
      for (; frame->position < frame->size; frame->position++)
        if (frame->data[frame->position] != '\0')
          return refuse (self, frame->data + frame->position, "wrong padding", error);
      return TRUE;
    }

  if (frame->position != frame->limit ||
      (frame->size > 0 && !is_end_size (frame->limit,
                                        (frame->size - frame->limit) / frame->end_size,
                                        frame->end_size)))
    return refuse (self, frame->data + frame->position, "wrong ends of items", error);

  return TRUE;
}

/* Reads the next child of the innermost container, or closes the container. */
static gboolean
read_next (Reader  *self,
           GError **error)
{
  Frame *frame = &self->frames[self->n_frames - 1];
  char   code = self->types[frame->type].code;

  self->n_types = frame->n_types;

  if (frame->kind == ARRAY &&
      (self->types[frame->type].fixed_size > 0 ? frame->position < frame->limit
                                               : frame->next_end < frame->size))
    return read_element (self, frame, error);

  if (frame->kind != ARRAY && code != ')' && code != '}')
    return read_member (self, frame, error);

  if (frame->kind != ARRAY && !end_members (self, frame, error))
    return FALSE;

  self->n_frames--;
  return frame->kind == ENTRY || self->sink->funcs->close (self->sink, error);
}

static gboolean
read_payload (const guint8 *data,
              gsize         size,
              MpSink       *sink,
              GError      **error)
{
  Reader        self;
  gboolean      done;
  const guint8 *nul = size > 2 ? memrchr (data, '\0', size - 1) : NULL;
  guint         type;

  self.start = data;
  self.sink = sink;
  self.n_frames = 0;
  self.types = self.initial_types;
  self.n_types = 0;
  self.allocated_types = G_N_ELEMENTS (self.initial_types);

  if (nul == NULL || data[size - 1] != MP_GVARIANT_NATIVE_MARK)
    return refuse (&self, data, "no type, or no byte order,", error);

  done = parse_type (&self, nul + 1, data + size - 1 - (nul + 1), &type, error) &&
         read_value (&self, type, data, nul - data, 0, FALSE, error);
  while (done && self.n_frames > 0)
    done = read_next (&self, error);

  mp_small_array_free (self.types, self.initial_types);
  return done;
}

/* Payloads in the other byte order are rare; GLib converts them. */
static gboolean
read_foreign_payload (const guint8 *data,
                      gsize         size,
                      MpSink       *sink,
                      GError      **error)
{
  g_autoptr (GBytes) payload = g_bytes_new_static (data, size);
  g_autoptr (GVariant) value = mp_gvariant_load_foreign_payload (payload, error);
  g_autofree guint8 *native = NULL;

  if (value == NULL)
    return FALSE;

  size = mp_gvariant_get_payload_size (value);
  native = g_malloc (size);
  mp_gvariant_store_payload (value, native);
  return read_payload (native, size, sink, error);
}

gboolean
mp_gvariant_read (const guint8 *data,
                  gsize         size,
                  MpSink       *sink,
                  GError      **error)
{
  if (size > 0 && data[size - 1] == MP_GVARIANT_FOREIGN_MARK)
    return read_foreign_payload (data, size, sink, error);

  return read_payload (data, size, sink, error);
}

/* This reader makes the same checks as g_variant_is_normal_form () in half the time. */
GVariant *
mp_gvariant_load_payload (GBytes  *payload,
                          GError **error)
{
  gsize         size;
  const guint8 *data = g_bytes_get_data (payload, &size);
  MpSink        sink;

  if (size > 0 && data[size - 1] == MP_GVARIANT_FOREIGN_MARK)
    return mp_gvariant_load_foreign_payload (payload, error);

  mp_discard_writer_init (&sink, size);
  if (!read_payload (data, size, &sink, error))
    return NULL;

  return mp_gvariant_load_own_payload (payload);
}

gboolean
mp_gvariant_check_depth (GVariant     *value,
                         const guint8 *data,
                         gsize         size,
                         GError      **error)
{
  MpSink sink;

  if (size < SHALLOW_PAYLOAD ||
      (value != NULL && strchr (g_variant_get_type_string (value), 'v') == NULL))
    return TRUE;

  mp_discard_writer_init (&sink, size);
  return mp_gvariant_read (data, size, &sink, error);
}
