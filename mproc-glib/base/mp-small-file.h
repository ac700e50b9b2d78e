/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Reads a file such as those of /proc, as much of it as fits into @text of @size bytes, and adds a
 * NUL.  Returns the length; 0 also if it cannot be read. */
gsize mp_small_file_read (const char *path,
                          char       *text,
                          gsize       size);

G_END_DECLS
