/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A full-screen display on a terminal: the alternate screen, and keys one by one. */

/* FALSE when the standard output or input is no terminal, or one that knows no such thing. */
gboolean mp_screen_open (void);
void     mp_screen_close (void);
/* Until the end, all that is printed is collected. */
void mp_screen_begin (void);
/* Shows it in place of the last picture, as much of it as there is room for. */
void mp_screen_end (void);

G_END_DECLS
