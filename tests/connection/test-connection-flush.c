/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

static void
test_flush (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *large = g_malloc0 (1 << 22);
  MpConnection      *first, *second;

  g_assert_true (mp_pipe (TRUE, &first, &second, &error));
  g_assert_true (mp_connection_flush (first, 0, NULL, &error));
  /* A part of it is sent, so it counts as sent. */
  g_assert_true (mp_connection_send_data (first, large, 1 << 22, 0, NULL, &error));
  g_assert_false (mp_connection_flush (first, 1000, NULL, &error));
  g_assert_no_error (error);

  g_assert_finalize_object (second);
  g_assert_false (mp_connection_flush (first, -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  g_assert_finalize_object (first);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/connection/flush", test_flush);

  return g_test_run ();
}
