/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "screen.h"

#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static gboolean       is_open;
static GString       *picture; /* what was printed since mp_screen_begin () */

gboolean
mp_screen_open (void)
{
  struct termios raw;

  if (!isatty (STDIN_FILENO) || !mp_terminal_is_smart () ||
      tcgetattr (STDIN_FILENO, &saved) == -1)
    return FALSE;

  raw = saved;
  raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  if (tcsetattr (STDIN_FILENO, TCSAFLUSH, &raw) == -1)
    return FALSE;
  is_open = TRUE;
  atexit (mp_screen_close);
  g_print ("\033[?1049h\033[?25l");
  return TRUE;
}

void
mp_screen_close (void)
{
  if (!is_open)
    return;
  is_open = FALSE;
  g_print ("\033[?25h\033[?1049l");
  fflush (stdout);
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &saved);
}

static void
collect (const char *text)
{
  g_string_append (picture, text);
}

void
mp_screen_begin (void)
{
  picture = g_string_new (NULL);
  g_set_print_handler (collect);
}

/* The last line stays empty, since a line feed there would scroll the screen. */
void
mp_screen_end (void)
{
  g_auto (GStrv) lines = g_strsplit (g_strchomp (picture->str), "\n", -1);
  guint width, height;

  g_set_print_handler (NULL);
  g_string_assign (picture, "\033[H\033[2J");
  mp_terminal_size (&width, &height);
  for (guint i = 0; lines[i] != NULL && i + 1 < height; i++)
    {
      g_autofree char *cut = mp_terminal_ellipsize (lines[i], width);

      g_string_append_printf (picture, "%s\n", cut);
    }
  fputs (picture->str, stdout);
  fflush (stdout);
  g_string_free (g_steal_pointer (&picture), TRUE);
}
