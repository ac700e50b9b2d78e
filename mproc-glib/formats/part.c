/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "part.h"

#include "json-reader.h"
#include "json-writer.h"
#include "mp-error.h"
#include "pickle-reader.h"
#include "pickle-writer.h"

#include <glib/gi18n-lib.h>

/* Passes on to a writer only the parts of one item of the outermost container. */
typedef struct
{
  MpSink  sink;
  MpSink *writer;
  guint   index;

  /* How many containers are open, and how many items of the outermost one have begun. */
  guint depth;
  guint n_items;
} Part;

static gboolean
refuse (GError **error)
{
  g_set_error_literal (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                       _ ("The value is not a list or tuple with the expected number of items"));
  return FALSE;
}

/* Whether the next part belongs to the requested item. */
static gboolean
is_wanted (Part *self)
{
  if (self->depth == 1)
    self->n_items++;
  return self->n_items == self->index + 1;
}

#define FORWARD(call)         \
  Part *part = (Part *) self; \
                              \
  if (part->depth == 0)       \
    return refuse (error);    \
  if (!is_wanted (part))      \
    return TRUE;              \
  return part->writer->funcs->call

static gboolean
add_none (MpSink  *self,
          GError **error)
{
  FORWARD (add_none)
  (part->writer, error);
}

static gboolean
add_boolean (MpSink  *self,
             gboolean value,
             GError **error)
{
  FORWARD (add_boolean)
  (part->writer, value, error);
}

static gboolean
add_int (MpSink  *self,
         gint64   value,
         GError **error)
{
  FORWARD (add_int)
  (part->writer, value, error);
}

static gboolean
add_uint (MpSink  *self,
          guint64  value,
          GError **error)
{
  FORWARD (add_uint)
  (part->writer, value, error);
}

static gboolean
add_big_int (MpSink       *self,
             const guint8 *data,
             gsize         size,
             GError      **error)
{
  FORWARD (add_big_int)
  (part->writer, data, size, error);
}

static gboolean
add_double (MpSink  *self,
            double   value,
            GError **error)
{
  FORWARD (add_double)
  (part->writer, value, error);
}

static gboolean
add_string (MpSink       *self,
            const guint8 *text,
            gsize         length,
            MpTextFlags   flags,
            GError      **error)
{
  FORWARD (add_string)
  (part->writer, text, length, flags, error);
}

static gboolean
add_bytes (MpSink       *self,
           const guint8 *data,
           gsize         size,
           gboolean      is_mutable,
           GError      **error)
{
  FORWARD (add_bytes)
  (part->writer, data, size, is_mutable, error);
}

static gboolean
open_container (MpSink     *self,
                MpContainer container,
                GError    **error)
{
  Part *part = (Part *) self;

  if (part->depth == 0 && container != MP_CONTAINER_LIST && container != MP_CONTAINER_TUPLE)
    return refuse (error);
  if (part->depth > 0 && is_wanted (part) &&
      !part->writer->funcs->open (part->writer, container, error))
    return FALSE;

  part->depth++;
  return TRUE;
}

static gboolean
close_container (MpSink  *self,
                 GError **error)
{
  Part *part = (Part *) self;

  part->depth--;
  if (part->depth == 0 || part->n_items != part->index + 1)
    return TRUE;

  return part->writer->funcs->close (part->writer, error);
}

static GBytes *
finish (MpSink  *self,
        GError **error)
{
  MpSink *writer = ((Part *) self)->writer;

  return writer->funcs->finish (writer, error);
}

static void
clear (MpSink *self)
{
  MpSink *writer = ((Part *) self)->writer;

  writer->funcs->clear (writer);
}

static const MpSinkFuncs part_funcs = {
  add_none,
  add_boolean,
  add_int,
  add_uint,
  add_big_int,
  add_double,
  add_string,
  add_bytes,
  open_container,
  close_container,
  finish,
  clear,
};

GBytes *
mp_part_extract (MpFormat format,
                 GBytes  *payload,
                 guint    index,
                 guint    n_items,
                 GError **error)
{
  union
  {
    MpSink         sink;
    MpJsonWriter   json;
    MpPickleWriter pickle;
  } writer;
  gsize         size;
  const guint8 *data = g_bytes_get_data (payload, &size);
  GBytes       *item = NULL;
  gboolean      was_read;
  Part          part = { { &part_funcs }, &writer.sink, index };

  if (format == MP_FORMAT_JSON)
    {
      mp_json_writer_init (&writer.sink, size);
      was_read = mp_json_read (data, size, &part.sink, error);
    }
  else
    {
      mp_pickle_writer_init (&writer.sink, size);
      was_read = mp_pickle_read (data, size, &part.sink, error);
    }

  if (was_read && part.n_items != n_items)
    refuse (error);
  else if (was_read)
    item = finish (&part.sink, error);
  clear (&part.sink);
  return item;
}
