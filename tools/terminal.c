/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "terminal.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void
append_escaped (GString      *escaped,
                const guint8 *bytes,
                gsize         n)
{
  for (gsize i = 0; i < n; i++)
    g_string_append_printf (escaped, "\\x%02x", bytes[i]);
}

/* Format characters are not harmless: some reverse the order of the text that follows. */
gboolean
mp_terminal_is_harmless (gunichar character)
{
  GUnicodeType type = g_unichar_type (character);

  return type != G_UNICODE_CONTROL && type != G_UNICODE_FORMAT &&
         type != G_UNICODE_LINE_SEPARATOR && type != G_UNICODE_PARAGRAPH_SEPARATOR &&
         type != G_UNICODE_UNASSIGNED && type != G_UNICODE_PRIVATE_USE;
}

/* GLib takes a NUL for the end of the text. */
static gunichar
read_character (const char *text,
                gsize       length)
{
  return *text == '\0' ? 0 : g_utf8_get_char_validated (text, (gssize) length);
}

char *
mp_terminal_escape_bytes (const char *bytes,
                          gsize       n)
{
  GString *escaped = g_string_sized_new (n + 1);

  while (n > 0)
    {
      gunichar character = read_character (bytes, n);
      gsize    length = 1;

      if (character != (gunichar) -1 && character != (gunichar) -2)
        length = (gsize) (g_utf8_next_char (bytes) - bytes);
      if (length == 1 && (guint8) *bytes >= 0x80)
        append_escaped (escaped, (const guint8 *) bytes, 1);
      else if (mp_terminal_is_harmless (character))
        g_string_append_len (escaped, bytes, (gssize) length);
      else
        append_escaped (escaped, (const guint8 *) bytes, length);
      bytes += length;
      n -= length;
    }
  return g_string_free (escaped, FALSE);
}

char *
mp_terminal_escape (const char *text)
{
  return mp_terminal_escape_bytes (text, strlen (text));
}

static guint
width_of (gunichar character)
{
  if (g_unichar_iszerowidth (character))
    return 0;
  return g_unichar_iswide (character) ? 2 : 1;
}

/* Skips the escape sequences at @text.  They are colours, as mp_output_append () writes them. */
static const char *
skip_colors (const char *text)
{
  while (text[0] == '\033' && strchr (text, 'm') != NULL)
    text = strchr (text, 'm') + 1;
  return text;
}

guint
mp_terminal_width (const char *text)
{
  guint width = 0;

  for (text = skip_colors (text); *text != '\0'; text = skip_colors (g_utf8_next_char (text)))
    width += width_of (g_utf8_get_char (text));
  return width;
}

char *
mp_terminal_ellipsize (const char *text,
                       guint       width)
{
  const char *end = skip_colors (text);
  guint       used = 0;

  if (mp_terminal_width (text) <= width)
    return g_strdup (text);
  while (*end != '\0' && used + width_of (g_utf8_get_char (end)) + 1 <= width)
    {
      used += width_of (g_utf8_get_char (end));
      end = skip_colors (g_utf8_next_char (end));
    }
  return g_strdup_printf ("%.*s%s%s", (int) (end - text), text, width > 0 ? "…" : "",
                          strchr (text, '\033') != NULL ? "\033[0m" : "");
}

gboolean
mp_terminal_is_smart (void)
{
  const char *name = g_getenv ("TERM");

  return isatty (STDOUT_FILENO) && name != NULL && strcmp (name, "dumb") != 0;
}

void
mp_terminal_size (guint *columns,
                  guint *lines)
{
  struct winsize size;
  gboolean       known = ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) == 0;

  *columns = known && size.ws_col > 0 ? size.ws_col : 80;
  *lines = known && size.ws_row > 0 ? size.ws_row : 24;
}
