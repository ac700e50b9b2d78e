/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Sets an error in the domain G_IO_ERROR for the errno @code: @format says what was attempted, and
 * the text of the errno is appended.  Returns FALSE.  Keeps errno. */
gboolean mp_set_error_from_errno (GError    **error,
                                  int         code,
                                  const char *format,
                                  ...) G_GNUC_PRINTF (3, 4);

/* Checks that /proc exists.  Fails with G_IO_ERROR_NOT_SUPPORTED if it does not, for example after
 * chroot (): the errno of opening a file in it would be misleading. */
gboolean mp_check_proc (GError **error);

G_END_DECLS
