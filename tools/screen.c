/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static gboolean       is_open;

gboolean
mp_screen_open (void)
{
  const char    *terminal = g_getenv ("TERM");
  struct termios raw;

  if (!isatty (STDIN_FILENO) || !isatty (STDOUT_FILENO) || terminal == NULL ||
      strcmp (terminal, "dumb") == 0 || tcgetattr (STDIN_FILENO, &saved) == -1)
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

void
mp_screen_begin (void)
{
  g_print ("\033[H\033[2J");
}

void
mp_screen_end (void)
{
  fflush (stdout);
}
