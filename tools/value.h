/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "output.h"

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* Messages as text, and text as messages. */

typedef enum
{
  MP_VALUE_JSON,
  MP_VALUE_GVARIANT,
  MP_VALUE_RAW, /* the bytes as they are */
  MP_VALUE_HEX,
} MpValueForm;

/* json, gvariant, raw or hex; NULL is json. */
gboolean mp_value_parse_form (const char  *name,
                              MpValueForm *form);

/* Writes a message that was looked at: its place in the queue, its format, and its value as JSON
 * where that can be, else its bytes.  Of a longer message than @max_size bytes only the beginning
 * is written, in JSON null. */
void mp_value_print (MpMessage *message,
                     guint64    position,
                     guint64    max_size);

/* Writes the value alone, or its beginning, and the end of the line unless it is raw.  FALSE with
 * @error set if the message has no such form. */
gboolean mp_value_write (MpMessage  *message,
                         MpValueForm form,
                         guint64     max_size,
                         GError    **error);

/* What a command reads on its standard input: JSON with the end of a line, or the bytes. */
GBytes *mp_value_to_input (MpMessage  *message,
                           MpValueForm form,
                           GError    **error);

/* The message that @length bytes of text mean. */
MpMessage *mp_value_read (const char *text,
                          gsize       length,
                          MpValueForm form,
                          GError    **error);

G_END_DECLS
