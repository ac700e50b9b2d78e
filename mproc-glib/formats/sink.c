/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "sink.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* The most that a value may grow when its format changes.  Sharing is lost in a conversion, so
 * a few bytes of a pickle could stand for any number of values. */
#define LARGEST_FREE_OUTPUT (1024 * 1024)
#define LARGEST_EXPANSION   16

#define SMALLEST_ALLOCATION 192
#define LARGEST_WASTE       1024

void
mp_sink_init (MpSink            *self,
              const MpSinkFuncs *funcs,
              gsize              input_size)
{
  self->funcs = funcs;
  self->size = 0;
  self->limit = LARGEST_FREE_OUTPUT;
  if (input_size < (G_MAXSIZE - LARGEST_FREE_OUTPUT) / LARGEST_EXPANSION)
    self->limit += input_size * LARGEST_EXPANSION;
  self->allocated = MIN (SMALLEST_ALLOCATION + 2 * input_size, self->limit);
  self->data = g_malloc (self->allocated);
}

void
mp_sink_clear (MpSink *self)
{
  g_clear_pointer (&self->data, g_free);
}

GBytes *
mp_sink_steal_bytes (MpSink *self)
{
  /* Shrinks the result: a message may wait for long, and should not hold much more memory than
   * it needs. */
  if (self->allocated - self->size > self->size / 2 + LARGEST_WASTE)
    self->data = g_realloc (self->data, self->size);

  return g_bytes_new_take (g_steal_pointer (&self->data), self->size);
}

gboolean
mp_sink_grow (MpSink  *self,
              gsize    size,
              GError **error)
{
  if (size > self->limit - self->size)
    {
      g_set_error (error, MP_ERROR, MP_ERROR_TOO_LARGE,
                   _ ("The value needs more than %zu bytes in the new format"),
                   self->limit);
      return FALSE;
    }

  self->allocated = MIN (self->limit, MAX (self->allocated * 2, self->size + size));
  self->data = g_realloc (self->data, self->allocated);
  return TRUE;
}

gboolean
mp_sink_refuse (const char *what,
                const char *format,
                GError    **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED, _ ("%s cannot be represented as %s"), what,
               format);
  return FALSE;
}

const char *
mp_container_get_name (MpContainer container)
{
  static const char *const names[] = {
    [MP_CONTAINER_LIST] = "A list",
    [MP_CONTAINER_TUPLE] = "A tuple",
    [MP_CONTAINER_DICT] = "A dict",
    [MP_CONTAINER_INT_DICT] = "A dict with int keys",
    [MP_CONTAINER_OTHER_DICT] = "A dict with keys other than str, or other than int,",
    [MP_CONTAINER_SET] = "A set",
    [MP_CONTAINER_FROZENSET] = "A frozenset",
  };

  return names[container];
}

static gboolean
discard_none (MpSink  *self,
              GError **error)
{
  return TRUE;
}

static gboolean
discard_boolean (MpSink  *self,
                 gboolean value,
                 GError **error)
{
  return TRUE;
}

static gboolean
discard_int (MpSink  *self,
             gint64   value,
             GError **error)
{
  return TRUE;
}

static gboolean
discard_uint (MpSink  *self,
              guint64  value,
              GError **error)
{
  return TRUE;
}

static gboolean
discard_big_int (MpSink       *self,
                 const guint8 *data,
                 gsize         size,
                 GError      **error)
{
  return TRUE;
}

static gboolean
discard_double (MpSink  *self,
                double   value,
                GError **error)
{
  return TRUE;
}

static gboolean
discard_string (MpSink       *self,
                const guint8 *text,
                gsize         length,
                MpTextFlags   flags,
                GError      **error)
{
  return TRUE;
}

static gboolean
discard_bytes (MpSink       *self,
               const guint8 *data,
               gsize         size,
               gboolean      is_mutable,
               GError      **error)
{
  return TRUE;
}

static gboolean
discard_container (MpSink     *self,
                   MpContainer container,
                   GError    **error)
{
  return TRUE;
}

static GBytes *
finish_bytes (MpSink  *self,
              GError **error)
{
  return mp_sink_steal_bytes (self);
}

static const MpSinkFuncs discard_funcs = {
  .add_none = discard_none,
  .add_boolean = discard_boolean,
  .add_int = discard_int,
  .add_uint = discard_uint,
  .add_big_int = discard_big_int,
  .add_double = discard_double,
  .add_string = discard_string,
  .add_bytes = discard_bytes,
  .open = discard_container,
  .close = discard_none,
  .finish = finish_bytes,
  .clear = mp_sink_clear,
};

void
mp_discard_writer_init (MpSink *self,
                        gsize   input_size)
{
  self->funcs = &discard_funcs;
  self->data = NULL;
  self->size = 0;
  self->allocated = 0;
  self->limit = 0;
}

static gboolean
bytes_refuse_none (MpSink  *self,
                   GError **error)
{
  return mp_sink_refuse ("None", "bytes", error);
}

static gboolean
bytes_refuse_boolean (MpSink  *self,
                      gboolean value,
                      GError **error)
{
  return mp_sink_refuse ("A truth value", "bytes", error);
}

static gboolean
bytes_refuse_int (MpSink  *self,
                  gint64   value,
                  GError **error)
{
  return mp_sink_refuse ("An integer", "bytes", error);
}

static gboolean
bytes_refuse_uint (MpSink  *self,
                   guint64  value,
                   GError **error)
{
  return mp_sink_refuse ("An integer", "bytes", error);
}

static gboolean
bytes_refuse_big_int (MpSink       *self,
                      const guint8 *data,
                      gsize         size,
                      GError      **error)
{
  return mp_sink_refuse ("An integer", "bytes", error);
}

static gboolean
bytes_refuse_double (MpSink  *self,
                     double   value,
                     GError **error)
{
  return mp_sink_refuse ("A number", "bytes", error);
}

static gboolean
bytes_refuse_string (MpSink       *self,
                     const guint8 *text,
                     gsize         length,
                     MpTextFlags   flags,
                     GError      **error)
{
  return mp_sink_refuse ("A string", "bytes", error);
}

static gboolean
bytes_add_bytes (MpSink       *self,
                 const guint8 *data,
                 gsize         size,
                 gboolean      is_mutable,
                 GError      **error)
{
  guint8 *out = mp_sink_extend (self, size, error);

  if (out == NULL)
    return FALSE;
  if (size > 0)
    memcpy (out, data, size);

  return TRUE;
}

static gboolean
bytes_refuse_container (MpSink     *self,
                        MpContainer container,
                        GError    **error)
{
  return mp_sink_refuse (mp_container_get_name (container), "bytes", error);
}

static const MpSinkFuncs bytes_funcs = {
  .add_none = bytes_refuse_none,
  .add_boolean = bytes_refuse_boolean,
  .add_int = bytes_refuse_int,
  .add_uint = bytes_refuse_uint,
  .add_big_int = bytes_refuse_big_int,
  .add_double = bytes_refuse_double,
  .add_string = bytes_refuse_string,
  .add_bytes = bytes_add_bytes,
  .open = bytes_refuse_container,
  .close = bytes_refuse_none,
  .finish = finish_bytes,
  .clear = mp_sink_clear,
};

void
mp_bytes_writer_init (MpSink *self,
                      gsize   input_size)
{
  mp_sink_init (self, &bytes_funcs, input_size);
}
