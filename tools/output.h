/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* How the result of a command is written. */

typedef enum
{
  MP_OUTPUT_TABLE,
  MP_OUTPUT_SHORT,
  MP_OUTPUT_PRETTY,
} MpOutputForm;

extern struct MpOutput
{
  MpOutputForm json;
  gboolean     no_header;
  gboolean     quiet;
  gboolean     color; /* tables and events have colours */
} mp_output;

/* Writes text and the end of the line to the standard output, in UTF-8 whatever the locale.  On a
 * terminal, control characters are escaped. */
void mp_output_line (const char *text);
/* Writes out all that was written so far; FALSE with @error set when the reader is gone. */
gboolean mp_output_flush (GError **error);

typedef enum
{
  MP_COLOR_NONE,
  MP_COLOR_STRONG, /* headings */
  MP_COLOR_NOTE,   /* something that a user may want to notice */
  MP_COLOR_ALARM,  /* something is wrong */
} MpOutputColor;

/* Adds text that is safe, in a colour if there are any. */
void mp_output_append (GString      *line,
                       const char   *text,
                       MpOutputColor color);

/* --- JSON --- */

/* Writes the JSON that was built, on one line or several. */
void mp_output_json (JsonBuilder *builder);
/* A time in microseconds since 1970 as ISO 8601 in UTC. */
char *mp_output_time (gint64 time);

/* --- Numbers for people, to be freed with g_free () --- */

char *mp_output_bytes (guint64 n);
char *mp_output_duration (gint64 us);

/* --- Tables --- */

typedef struct _MpTable MpTable;

/* @headings end with NULL; one that begins with '>' is of a column of numbers. */
MpTable *mp_table_new (const char *const *headings);
/* Takes the text of the next cell, row by row. */
void mp_table_take (MpTable *self,
                    char    *text);
/* Gives the last cell a colour, where there are any. */
void mp_table_color (MpTable      *self,
                     MpOutputColor color);
/* Shows a row as the selected one. */
void mp_table_select (MpTable *self,
                      guint    row);
/* Writes the table, no line wider than @width; 0 for any.  Then frees it. */
void mp_table_print (MpTable *self,
                     guint    width);

G_END_DECLS
