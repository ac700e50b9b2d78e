/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Text that came from a queue or a process, for a terminal: control characters become \xNN, as do
 * bytes that are not UTF-8.  Free it with g_free (). */
char *mp_terminal_escape (const char *text);
/* The same for bytes, which may contain NUL. */
char *mp_terminal_escape_bytes (const char *bytes,
                                gsize       n);

/* Whether a terminal only shows the character: it is not a control character, nor one that changes
 * how others are shown. */
gboolean mp_terminal_is_harmless (gunichar character);

/* Whether the standard output is a terminal that knows escape sequences. */
gboolean mp_terminal_is_smart (void);

/* How many columns the text takes.  The escape sequences of colours take none. */
guint mp_terminal_width (const char *text);

/* The text, at most so many columns wide; what is cut ends with an ellipsis. */
char *mp_terminal_ellipsize (const char *text,
                             guint       width);

/* The columns and lines of the terminal that is the standard output; 80 and 24 where it is none. */
void mp_terminal_size (guint *columns,
                       guint *lines);

G_END_DECLS
