/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "format.h"
#include "gvariant-reader.h"
#include "gvariant-writer.h"
#include "json-reader.h"
#include "json-writer.h"
#include "pickle-reader.h"
#include "pickle-writer.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>

/* The number of bytes of a codec's name that an error message shows. */
#define MAX_SHOWN_CODEC 64

/* Space for any of the writers, on the stack, for the time of one conversion. */
typedef union
{
  MpSink           sink;
  MpGvariantWriter gvariant;
  MpJsonWriter     json;
  MpPickleWriter   pickle;
} Writer;

/* How the values of a format are read and written. */
typedef struct
{
  const char *name;

  GBytes *(*check) (MpFormat format,
                    GBytes  *payload,
                    GError **error);
  gboolean (*read) (const guint8 *data,
                    gsize         size,
                    MpSink       *sink,
                    GError      **error);
  void (*init_writer) (MpSink *sink,
                       gsize   input_size);
} Format;

static GBytes  *check_by_reading (MpFormat format,
                                  GBytes  *payload,
                                  GError **error);
static GBytes  *check_nothing (MpFormat format,
                               GBytes  *payload,
                               GError **error);
static GBytes  *check_json (MpFormat format,
                            GBytes  *payload,
                            GError **error);
static GBytes  *check_pickle (MpFormat format,
                              GBytes  *payload,
                              GError **error);
static gboolean read_bytes (const guint8 *data,
                            gsize         size,
                            MpSink       *sink,
                            GError      **error);
static gboolean read_opaque (const guint8 *data,
                             gsize         size,
                             MpSink       *sink,
                             GError      **error);

/* Formats without conversions: only the receiver can build an object from its description, and
 * only the codec can read opaque bytes. */
static const Format formats[MP_N_FORMATS] = {
  [MP_FORMAT_GVARIANT] = {
    "GVariant", check_by_reading, mp_gvariant_read, mp_gvariant_writer_init },
  [MP_FORMAT_JSON] = { "JSON", check_json, mp_json_read, mp_json_writer_init },
  [MP_FORMAT_BYTES] = { "bytes", check_nothing, read_bytes, mp_bytes_writer_init },
  [MP_FORMAT_PICKLE] = { "pickle", check_pickle, mp_pickle_read, mp_pickle_writer_init },
  [MP_FORMAT_OBJECT] = { "object", check_by_reading, mp_gvariant_read, NULL },
  [MP_FORMAT_OPAQUE] = { "opaque", check_nothing, read_opaque, NULL },
};

static gboolean
read_bytes (const guint8 *data,
            gsize         size,
            MpSink       *sink,
            GError      **error)
{
  return sink->funcs->add_bytes (sink, data, size, FALSE, error);
}

gboolean
mp_format_refuse_opaque (const guint8 *payload,
                         gsize         size,
                         GError      **error)
{
  g_autofree char *codec = g_strndup ((const char *) payload, MIN (size, MAX_SHOWN_CODEC));
  g_autofree char *name = g_utf8_make_valid (codec, -1);

  g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
               _ ("The message is opaque: reading it needs the codec “%s”"), name);
  return FALSE;
}

static gboolean
read_opaque (const guint8 *data,
             gsize         size,
             MpSink       *sink,
             GError      **error)
{
  return mp_format_refuse_opaque (data, size, error);
}

static GBytes *
check_by_reading (MpFormat format,
                  GBytes  *payload,
                  GError **error)
{
  gsize         size;
  const guint8 *data = g_bytes_get_data (payload, &size);
  MpSink        sink;

  mp_discard_writer_init (&sink, size);
  return formats[format].read (data, size, &sink, error) ? g_bytes_ref (payload) : NULL;
}

static GBytes *
check_nothing (MpFormat format,
               GBytes  *payload,
               GError **error)
{
  return g_bytes_ref (payload);
}

static GBytes *
check_json (MpFormat format,
            GBytes  *payload,
            GError **error)
{
  gsize         size;
  const guint8 *data = g_bytes_get_data (payload, &size);

  return mp_json_check (data, size, error) ? g_bytes_ref (payload) : NULL;
}

/* A pickle that passes the check builds plain values only, so Python may load it.  If loading
 * it would import dill, it is written again in a form that does not. */
static GBytes *
check_pickle (MpFormat format,
              GBytes  *payload,
              GError **error)
{
  gsize         size;
  const guint8 *data = g_bytes_get_data (payload, &size);
  gboolean      needs_dill;

  if (!mp_pickle_check (data, size, &needs_dill, error))
    return NULL;

  return needs_dill ? mp_format_convert (format, payload, format, error)
                    : g_bytes_ref (payload);
}

const char *
mp_format_get_name (MpFormat format)
{
  return formats[format].name;
}

GBytes *
mp_format_check (MpFormat format,
                 GBytes  *payload,
                 GError **error)
{
  return formats[format].check (format, payload, error);
}

GBytes *
mp_format_convert (MpFormat from,
                   GBytes  *payload,
                   MpFormat to,
                   GError **error)
{
  gsize         size;
  const guint8 *data = g_bytes_get_data (payload, &size);
  GBytes       *converted = NULL;
  Writer        writer;

  if (formats[to].init_writer == NULL)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                   _ ("A message in the format %s cannot be converted to the format %s"),
                   formats[from].name, formats[to].name);
      return NULL;
    }

  formats[to].init_writer (&writer.sink, size);
  if (formats[from].read (data, size, &writer.sink, error))
    converted = writer.sink.funcs->finish (&writer.sink, error);
  writer.sink.funcs->clear (&writer.sink);

  return converted;
}
