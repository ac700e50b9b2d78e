/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Sets an error in the domain G_IO_ERROR for what a system call said: what was to be done, as
 * @format says, and why it could not be.  Returns FALSE.  Keeps errno. */
gboolean mp_set_error_from_errno (GError    **error,
                                  int         code,
                                  const char *format,
                                  ...) G_GNUC_PRINTF (3, 4);

G_END_DECLS
