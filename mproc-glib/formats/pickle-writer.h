/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "sink.h"

G_BEGIN_DECLS

#define MP_PICKLE_MAX_NESTING 1000

/* Writes a pickle that every Python since 3.4 can read; one that contains a bytearray, every Python
 * since 3.8.  It uses no memo and refers to no function or class. */
typedef struct
{
  MpSink sink;

  gboolean has_bytearray;
  guint    n_open;

  /* What the outermost value is and whether each container has an item yet. */
  struct
  {
    guint8 container;
    guint8 has_items;
  } open[MP_PICKLE_MAX_NESTING];
} MpPickleWriter;

void mp_pickle_writer_init (MpSink *sink,
                            gsize   input_size);

G_END_DECLS
