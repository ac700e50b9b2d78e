/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A full-screen display on a terminal: the alternate screen, and keys one by one. */

/* FALSE when the standard output or input is no terminal, or one that knows no such thing. */
gboolean mp_screen_open (void);
void     mp_screen_close (void);
/* Begins a new picture at the upper left corner, over the old one. */
void mp_screen_begin (void);
/* Clears what is left of the old picture. */
void mp_screen_end (void);

G_END_DECLS
