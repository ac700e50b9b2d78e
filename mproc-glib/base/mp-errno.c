/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-errno.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <unistd.h>

gboolean
mp_set_error_from_errno (GError    **error,
                         int         code,
                         const char *format,
                         ...)
{
  int              saved_errno = errno;
  g_autofree char *what = NULL;
  g_autofree char *shown = NULL;
  va_list          arguments;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  /* The name of a file can be any bytes; a message has to be UTF-8. */
  shown = g_utf8_make_valid (what, -1);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s: %s", shown,
               g_strerror (code));
  errno = saved_errno;
  return FALSE;
}

gboolean
mp_check_proc (GError **error)
{
  if (access ("/proc/self/fd", X_OK) == 0)
    return TRUE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                       _ ("Queues need /proc, which is not mounted here"));
  return FALSE;
}
