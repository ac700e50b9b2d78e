/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A full-screen display on a terminal: the alternate screen, and keys one by one. */

/* Returns FALSE if the standard output or input is not a terminal with these features. */
gboolean mp_screen_open (void);
void     mp_screen_close (void);
/* From now on, what is printed is collected. */
void mp_screen_begin (void);
/* Replaces the content of the screen by what was collected, as far as there is room. */
void mp_screen_end (void);

G_END_DECLS
