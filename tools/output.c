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

static const struct
{
  const char *begin, *end;
} colors[] = {
  [MP_COLOR_NONE] = { "", "" },
  [MP_COLOR_STRONG] = { "\033[1m", "\033[22m" },
  [MP_COLOR_NOTE] = { "\033[33m", "\033[39m" },
  [MP_COLOR_ALARM] = { "\033[31m", "\033[39m" },
};

void
mp_output_append (GString      *line,
                  const char   *text,
                  MpOutputColor color)
{
  if (!mp_output.color)
    color = MP_COLOR_NONE;
  g_string_append (line, colors[color].begin);
  g_string_append (line, text);
  g_string_append (line, colors[color].end);
}

/* --- JSON ---------------------------------------------------------------------------------- */

/* Escapes characters that JsonGenerator leaves as they are, although a terminal would act on them
 * or show them misleadingly.  They occur only in strings. */
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

#define NO_ROW G_MAXUINT

typedef struct
{
  char         *text;
  MpOutputColor color;
} Cell;

struct _MpTable
{
  const char *const *headings;
  guint              n_columns;
  GArray            *cells; /* Cell */
  guint              selected;
};

static void
cell_clear (gpointer cell)
{
  g_free (((Cell *) cell)->text);
}

MpTable *
mp_table_new (const char *const *headings)
{
  MpTable *self = g_new0 (MpTable, 1);

  self->headings = headings;
  self->n_columns = g_strv_length ((GStrv) headings);
  self->cells = g_array_new (FALSE, FALSE, sizeof (Cell));
  g_array_set_clear_func (self->cells, cell_clear);
  self->selected = NO_ROW;
  return self;
}

void
mp_table_take (MpTable *self,
               char    *text)
{
  const Cell cell = { mp_terminal_escape (text), MP_COLOR_NONE };

  g_array_append_val (self->cells, cell);
  g_free (text);
}

void
mp_table_color (MpTable      *self,
                MpOutputColor color)
{
  g_array_index (self->cells, Cell, self->cells->len - 1).color = color;
}

void
mp_table_select (MpTable *self,
                 guint    row)
{
  self->selected = row;
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
             const Cell *cell,
             guint       width,
             gboolean    right,
             gboolean    last)
{
  guint padding = width - MIN (width, mp_terminal_width (cell->text));

  if (right)
    g_string_append_printf (line, "%*s", (int) padding, "");
  mp_output_append (line, cell->text, cell->color);
  if (!right && !last)
    g_string_append_printf (line, "%*s", (int) padding, "");
}

static void
print_line (const GString *line,
            guint          width,
            gboolean       is_selected)
{
  g_autofree char *cut = width != 0 ? mp_terminal_ellipsize (line->str, width)
                                    : g_strdup (line->str);

  if (is_selected)
    g_print ("\033[7m%s\033[27m\n", cut);
  else
    g_print ("%s\n", cut);
}

/* Returns a cell of the table, whose row 0 contains the headings. */
static Cell
cell_at (MpTable *self,
         guint    row,
         guint    column)
{
  if (row == 0)
    return (Cell){ (char *) heading_of (self, column), MP_COLOR_STRONG };
  return g_array_index (self->cells, Cell, (row - 1) * self->n_columns + column);
}

void
mp_table_print (MpTable *self,
                guint    width)
{
  g_autofree guint *widths = g_new0 (guint, self->n_columns);
  const guint       first = mp_output.no_header ? 1 : 0;
  const guint       n_rows = self->cells->len / self->n_columns;

  for (guint row = first; row <= n_rows; row++)
    for (guint column = 0; column < self->n_columns; column++)
      widths[column] =
        MAX (widths[column], mp_terminal_width (cell_at (self, row, column).text));

  for (guint row = first; row <= n_rows; row++)
    {
      g_autoptr (GString) line = g_string_new (NULL);

      for (guint column = 0; column < self->n_columns; column++)
        {
          const Cell cell = cell_at (self, row, column);

          g_string_append (line, column > 0 ? "  " : "");
          append_cell (line, &cell, widths[column], is_number (self, column),
                       column == self->n_columns - 1);
        }
      print_line (line, width, row > 0 && row - 1 == self->selected);
    }
  g_array_unref (self->cells);
  g_free (self);
}
