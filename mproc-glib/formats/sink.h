/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "text.h"

#include <glib.h>

G_BEGIN_DECLS

/* The interface between the reader of one format and the writer of another: the reader reports the
 * parts of one value, in order.  Between mp_sink_open () and mp_sink_close () come the items of the
 * container; of a dictionary first a key, then its value.  The reader has checked everything that
 * it reports, keeps the nesting correct and stops at the first FALSE. */

typedef enum
{
  MP_CONTAINER_LIST,
  MP_CONTAINER_TUPLE,
  MP_CONTAINER_DICT,     /* all keys are strings; or there are none */
  MP_CONTAINER_INT_DICT, /* all keys are integers */
  MP_CONTAINER_OTHER_DICT,
  MP_CONTAINER_SET,
  MP_CONTAINER_FROZENSET
} MpContainer;

typedef struct _MpSink MpSink;

/* A writer.  add_uint () is for what exceeds a gint64, add_big_int () for what exceeds a
 * guint64: two's complement, little-endian.  Text is UTF-8; its flags say what a format
 * may not be able to hold.  finish () gives the payload; clear () is always called. */
typedef struct
{
  gboolean (*add_none) (MpSink  *self,
                        GError **error);
  gboolean (*add_boolean) (MpSink  *self,
                           gboolean value,
                           GError **error);
  gboolean (*add_int) (MpSink  *self,
                       gint64   value,
                       GError **error);
  gboolean (*add_uint) (MpSink  *self,
                        guint64  value,
                        GError **error);
  gboolean (*add_big_int) (MpSink       *self,
                           const guint8 *data,
                           gsize         size,
                           GError      **error);
  gboolean (*add_double) (MpSink  *self,
                          double   value,
                          GError **error);
  gboolean (*add_string) (MpSink       *self,
                          const guint8 *text,
                          gsize         length,
                          MpTextFlags   flags,
                          GError      **error);
  gboolean (*add_bytes) (MpSink       *self,
                         const guint8 *data,
                         gsize         size,
                         gboolean      is_mutable,
                         GError      **error);
  gboolean (*open) (MpSink     *self,
                    MpContainer container,
                    GError    **error);
  gboolean (*close) (MpSink  *self,
                     GError **error);
  GBytes *(*finish) (MpSink  *self,
                     GError **error);
  void (*clear) (MpSink *self);
} MpSinkFuncs;

struct _MpSink
{
  const MpSinkFuncs *funcs;

  /* The output so far.  Its limit keeps a pickle of 226 bytes from growing to gigabytes. */
  guint8 *data;
  gsize   size;
  gsize   allocated;
  gsize   limit;
};

void     mp_sink_init (MpSink            *self,
                       const MpSinkFuncs *funcs,
                       gsize              input_size);
void     mp_sink_clear (MpSink *self);
GBytes  *mp_sink_steal_bytes (MpSink *self);
gboolean mp_sink_grow (MpSink  *self,
                       gsize    size,
                       GError **error);
gboolean mp_sink_refuse (const char *what,
                         const char *format,
                         GError    **error);

const char *mp_container_get_name (MpContainer container);

/* Makes room for @size more bytes and returns their address. */
static inline guint8 *
mp_sink_extend (MpSink  *self,
                gsize    size,
                GError **error)
{
  guint8 *end;

  if (G_UNLIKELY (size > self->allocated - self->size) &&
      !mp_sink_grow (self, size, error))
    return NULL;

  end = self->data + self->size;
  self->size += size;
  return end;
}

/* A writer that checks and keeps nothing, for readers that only check. */
void mp_discard_writer_init (MpSink *self,
                             gsize   input_size);

/* The format BYTES: nothing but bytes. */
void mp_bytes_writer_init (MpSink *self,
                           gsize   input_size);

G_END_DECLS
