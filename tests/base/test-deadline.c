/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <gio/gio.h>

#include "base/mp-deadline.h"
#include "base/mp-errno.h"

static void
test_never (void)
{
  static const gint64 timeouts[] = { -1, G_MININT64, G_MAXINT64, G_MAXINT64 - 1 };
  struct timespec     left;

  for (gsize i = 0; i < G_N_ELEMENTS (timeouts); i++)
    g_assert_cmpint (mp_deadline_for_timeout (timeouts[i]), ==, MP_DEADLINE_NEVER);

  g_assert_cmpint (mp_deadline_get_left (MP_DEADLINE_NEVER), ==, -1);
  g_assert_false (mp_deadline_has_passed (MP_DEADLINE_NEVER));
  g_assert_null (mp_deadline_fill_left (MP_DEADLINE_NEVER, &left));
}

static void
test_passed (void)
{
  struct timespec left = { -1, -1 };
  gint64          deadline = mp_deadline_for_timeout (0);

  g_assert_true (mp_deadline_has_passed (deadline));
  g_assert_cmpint (mp_deadline_get_left (deadline), ==, 0);
  g_assert_true (mp_deadline_fill_left (0, &left) == &left);
  g_assert_cmpint (left.tv_sec, ==, 0);
  g_assert_cmpint (left.tv_nsec, ==, 0);
}

static void
test_left (void)
{
  const gint64    hour_us = G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC;
  gint64          deadline = mp_deadline_for_timeout (hour_us + 5);
  struct timespec left;

  g_assert_false (mp_deadline_has_passed (deadline));
  g_assert_cmpint (mp_deadline_get_left (deadline), <=, hour_us + 5);
  g_assert_cmpint (mp_deadline_get_left (deadline), >, hour_us / 2);
  g_assert_true (mp_deadline_fill_left (deadline, &left) == &left);
  g_assert_cmpint (left.tv_sec, >, 1800);
  g_assert_cmpint (left.tv_sec, <=, 3600);
  g_assert_cmpint (left.tv_nsec, >=, 0);
  g_assert_cmpint (left.tv_nsec, <, 1000 * 1000 * 1000);
}

static void
test_errno (void)
{
  g_autoptr (GError) error = NULL;

  errno = EINTR;
  g_assert_false (mp_set_error_from_errno (&error, ENOENT, "Reading “%s”", "100%"));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_true (g_str_has_prefix (error->message, "Reading “100%”: "));
  g_assert_cmpint (errno, ==, EINTR);

  g_assert_false (mp_set_error_from_errno (NULL, ENOENT, "Nobody asks"));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/deadline/never", test_never);
  g_test_add_func ("/deadline/passed", test_passed);
  g_test_add_func ("/deadline/left", test_left);
  g_test_add_func ("/errno/error", test_errno);
  return g_test_run ();
}
