/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "sink.h"

G_BEGIN_DECLS

/* GLib reads at most 128 nested containers.  Each list or tuple of ours counts as two of them,
 * each dictionary as three. */
#define MP_GVARIANT_MAX_NESTING 61

/* A container that is being written. */
typedef struct
{
  MpContainer container;
  guint       depth;

  /* Where it starts, where its current entry starts and where that entry's key ends. */
  gsize    start;
  gsize    entry;
  gsize    key_end;
  gboolean has_key;

  /* The index of its first item end in the list of all ends. */
  gsize first_end;
} MpGvariantFrame;

/* Writes the payload of a variant (see gvariant.h) directly as serialised bytes. */
typedef struct
{
  MpSink sink;

  guint           n_frames;
  MpGvariantFrame frames[MP_GVARIANT_MAX_NESTING];

  gsize *ends;
  gsize  n_ends;
  gsize  allocated_ends;
  gsize  initial_ends[64];
} MpGvariantWriter;

void mp_gvariant_writer_init (MpSink *sink,
                              gsize   input_size);

G_END_DECLS
