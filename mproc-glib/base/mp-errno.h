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

/* Whether /proc is there.  Fails with G_IO_ERROR_NOT_SUPPORTED where it is not, as after chroot (),
 * which the errno of who wanted a file in it does not tell. */
gboolean mp_check_proc (GError **error);

G_END_DECLS
