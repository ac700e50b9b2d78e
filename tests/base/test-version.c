/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#if !MP_CHECK_VERSION(1, 0, 0)
#error "MP_CHECK_VERSION () is of no use in #if"
#endif

static void
test_version (void)
{
  g_autofree char *version = g_strdup_printf ("%d.%d.%d", MP_MAJOR_VERSION, MP_MINOR_VERSION,
                                              MP_MICRO_VERSION);

  g_assert_cmpstr (version, ==, PACKAGE_VERSION);
  g_assert_cmpuint (mp_get_major_version (), ==, MP_MAJOR_VERSION);
  g_assert_cmpuint (mp_get_minor_version (), ==, MP_MINOR_VERSION);
  g_assert_cmpuint (mp_get_micro_version (), ==, MP_MICRO_VERSION);
}

static void
test_check_version (void)
{
  g_assert_true (MP_CHECK_VERSION (MP_MAJOR_VERSION, MP_MINOR_VERSION, MP_MICRO_VERSION));
  g_assert_true (MP_CHECK_VERSION (MP_MAJOR_VERSION - 1, MP_MINOR_VERSION + 1, 99));
  g_assert_false (MP_CHECK_VERSION (MP_MAJOR_VERSION, MP_MINOR_VERSION, MP_MICRO_VERSION + 1));
  g_assert_false (MP_CHECK_VERSION (MP_MAJOR_VERSION, MP_MINOR_VERSION + 1, 0));
  g_assert_false (MP_CHECK_VERSION (MP_MAJOR_VERSION + 1, 0, 0));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/version/numbers", test_version);
  g_test_add_func ("/version/check", test_check_version);

  return g_test_run ();
}
