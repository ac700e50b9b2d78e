/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "sink.h"

G_BEGIN_DECLS

/* The nesting that json-glib can parse safely: writing more would produce text that no reader
 * accepts. */
#define MP_JSON_MAX_NESTING 128

/* Writes JSON text, as compact as JavaScript's own. */
typedef struct
{
  MpSink sink;

  guint n_open;
  struct
  {
    guint8 is_object;
    guint8 has_items;
    guint8 has_key;
  } open[MP_JSON_MAX_NESTING];
} MpJsonWriter;

void mp_json_writer_init (MpSink *sink,
                          gsize   input_size);

G_END_DECLS
