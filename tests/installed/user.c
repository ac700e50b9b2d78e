/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <mproc-glib/mproc-glib.h>

int
main (void)
{
  g_autoptr (GError) error = g_error_new_literal (MP_ERROR, MP_ERROR_EMPTY, "nothing there");

  g_print ("%s\n", error->message);

  return 0;
}
