/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "output.h"

#include "terminal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct MpOutput mp_output;

void
mp_output_line (const char *text)
{
  g_autofree char *safe = isatty (STDOUT_FILENO) ? mp_terminal_escape (text) : NULL;

  fputs (safe != NULL ? safe : text, stdout);
  putchar ('\n');
  fflush (stdout);
}

gboolean
mp_output_flush (GError **error)
{
  if (fflush (stdout) == 0 && !ferror (stdout))
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "cannot write: %s",
               g_strerror (errno));
  return FALSE;
}

/* --- JSON ---------------------------------------------------------------------------------- */

/* The generator leaves characters as they are that a terminal, or who reads on one, takes for
 * something else.  Outside of strings there are none. */
static void
print_json (const char *text)
{
  g_autoptr (GString) safe = g_string_sized_new (strlen (text));

  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar character = g_utf8_get_char (text);

      if (character == '\n' || mp_terminal_is_harmless (character))
        g_string_append_unichar (safe, character);
      else if (character < 0x10000)
        g_string_append_printf (safe, "\\u%04x", character);
      else
        g_string_append_printf (safe, "\\u%04x\\u%04x", 0xd800 + ((character - 0x10000) >> 10),
                                0xdc00 + ((character - 0x10000) & 0x3ff));
    }
  fputs (safe->str, stdout);
  putchar ('\n');
  fflush (stdout);
}

void
mp_output_json (JsonBuilder *builder)
{
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autofree char *text = NULL;

  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, mp_output.json == MP_OUTPUT_PRETTY);
  text = json_generator_to_data (generator, NULL);
  print_json (text);
}

char *
mp_output_time (gint64 time)
{
  g_autoptr (GDateTime) seconds = g_date_time_new_from_unix_utc (time / G_USEC_PER_SEC);
  g_autoptr (GDateTime) exact = NULL;

  if (seconds == NULL)
    return NULL;
  exact = g_date_time_add (seconds, time % G_USEC_PER_SEC);
  return exact != NULL ? g_date_time_format_iso8601 (exact) : NULL;
}

/* --- Numbers -------------------------------------------------------------------------------- */

char *
mp_output_bytes (guint64 n)
{
  return g_format_size_full (n, G_FORMAT_SIZE_DEFAULT);
}

char *
mp_output_duration (gint64 us)
{
  double seconds = (double) us / G_USEC_PER_SEC;

  if (us < 1000)
    return g_strdup_printf ("%dµs", (int) us);
  if (us < G_USEC_PER_SEC)
    return g_strdup_printf ("%dms", (int) (us / 1000));
  if (seconds < 100)
    return g_strdup_printf ("%.1fs", seconds);
  if (seconds < 6000)
    return g_strdup_printf ("%.0fmin", seconds / 60);
  return g_strdup_printf ("%.0fh", seconds / 3600);
}

/* --- Tables ---------------------------------------------------------------------------------- */

struct _MpTable
{
  const char *const *headings;
  guint              n_columns;
  GPtrArray         *cells;
};

MpTable *
mp_table_new (const char *const *headings)
{
  MpTable *self = g_new0 (MpTable, 1);

  self->headings = headings;
  self->n_columns = g_strv_length ((GStrv) headings);
  self->cells = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
mp_table_take (MpTable *self,
               char    *text)
{
  g_ptr_array_add (self->cells, mp_terminal_escape (text));
  g_free (text);
}

static gboolean
is_number (MpTable *self,
           guint    column)
{
  return self->headings[column][0] == '>';
}

static const char *
heading_of (MpTable *self,
            guint    column)
{
  return self->headings[column] + is_number (self, column);
}

static void
append_cell (GString    *line,
             const char *text,
             guint       width,
             gboolean    right,
             gboolean    last)
{
  guint padding = width - MIN (width, mp_terminal_width (text));

  if (right)
    g_string_append_printf (line, "%*s", (int) padding, "");
  g_string_append (line, text);
  if (!right && !last)
    g_string_append_printf (line, "%*s", (int) padding, "");
}

static void
print_line (const GString *line,
            guint          width)
{
  g_autofree char *cut = NULL;

  if (width == 0)
    {
      g_print ("%s\n", line->str);
      return;
    }
  cut = mp_terminal_ellipsize (line->str, width);
  g_print ("%s\n", cut);
}

void
mp_table_print (MpTable *self,
                guint    width)
{
  g_autofree guint *widths = g_new0 (guint, self->n_columns);
  guint             n_rows = self->cells->len / self->n_columns;

  for (guint column = 0; column < self->n_columns; column++)
    widths[column] = mp_output.no_header ? 0 : mp_terminal_width (heading_of (self, column));
  for (guint i = 0; i < self->cells->len; i++)
    widths[i % self->n_columns] = MAX (widths[i % self->n_columns],
                                       mp_terminal_width (g_ptr_array_index (self->cells, i)));

  for (guint row = mp_output.no_header ? 1 : 0; row <= n_rows; row++)
    {
      g_autoptr (GString) line = g_string_new (NULL);

      for (guint column = 0; column < self->n_columns; column++)
        {
          g_string_append (line, column > 0 ? "  " : "");
          append_cell (line,
                       row == 0 ? heading_of (self, column)
                                : g_ptr_array_index (self->cells,
                                                     (row - 1) * self->n_columns + column),
                       widths[column], is_number (self, column), column == self->n_columns - 1);
        }
      print_line (line, width);
    }
  g_ptr_array_unref (self->cells);
  g_free (self);
}
