/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Paths that are not UTF-8: any bytes but NUL can be the path of a socket. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>
#include <glib/gstdio.h>
#include <unistd.h>

#define NAME "a\377\200\342\202"

static void
assert_connects (MpListener *listener,
                 const char *expected)
{
  g_autofree char *address = mp_listener_get_address (listener);
  g_autofree char *shown = g_utf8_make_valid (expected, -1);
  g_autoptr (GError) error = NULL;
  g_autoptr (MpConnection) client = NULL;
  g_autoptr (MpConnection) server = NULL;

  g_assert_cmpstr (address, ==, expected);
  client = mp_connect (address, NULL, -1, NULL, &error);
  g_assert_no_error (error);
  server = mp_listener_accept (listener, -1, NULL, &error);
  g_assert_no_error (error);

  /* A property has text. */
  g_assert_cmpstr (mp_connection_get_peer_address (client), ==, shown);
}

static void
test_path (void)
{
  g_autofree char *folder = g_dir_make_tmp ("mproc-test-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, NAME, NULL);
  g_autofree char *address = g_strconcat ("unix:", path, NULL);
  g_autoptr (GError) error = NULL;
  MpListener *listener = mp_listener_new (address, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  assert_connects (listener, address);
  g_assert_finalize_object (listener);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

static void
test_abstract (void)
{
  g_autofree char *address = g_strdup_printf ("unix-abstract:%s-%d", NAME, (int) getpid ());
  g_autoptr (GError) error = NULL;
  MpListener *listener = mp_listener_new (address, NULL, &error);

  g_assert_no_error (error);
  assert_connects (listener, address);
  g_assert_finalize_object (listener);
}

static void
test_set_address (void)
{
  MpListener      *listener = g_object_new (MP_TYPE_LISTENER, NULL);
  g_autofree char *first = mp_listener_get_address (listener);
  g_autofree char *second = NULL;
  g_autofree char *third = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (first, ==, "unix:");
  mp_listener_set_address (listener, "tcp:127.0.0.1:0");
  second = mp_listener_get_address (listener);
  g_assert_cmpstr (second, ==, "tcp:127.0.0.1:0");
  g_assert_true (mp_listener_listen (listener, &error));
  g_assert_no_error (error);

  /* Not any more. */
  g_test_expect_message ("MprocGLib", G_LOG_LEVEL_CRITICAL, "*assertion '!listens' failed*");
  mp_listener_set_address (listener, "unix:");
  g_test_assert_expected_messages ();
  third = mp_listener_get_address (listener);
  g_assert_true (g_str_has_prefix (third, "tcp:127.0.0.1:"));
  g_assert_finalize_object (listener);
}

/* The message of an error is text. */
static void
test_errors (gconstpointer address)
{
  g_autoptr (GError) connect_error = NULL;
  g_autoptr (GError) listen_error = NULL;

  g_assert_null (mp_connect (address, NULL, -1, NULL, &connect_error));
  g_assert_nonnull (connect_error);
  g_assert_true (g_utf8_validate (connect_error->message, -1, NULL));
  g_assert_null (mp_listener_new (address, NULL, &listen_error));
  g_assert_nonnull (listen_error);
  g_assert_true (g_utf8_validate (listen_error->message, -1, NULL));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/address-bytes/path", test_path);
  g_test_add_func ("/address-bytes/abstract", test_abstract);
  g_test_add_func ("/address-bytes/set-address", test_set_address);
  g_test_add_data_func ("/address-bytes/errors/path", "unix:/nowhere/" NAME, test_errors);
  g_test_add_data_func ("/address-bytes/errors/host", "tcp:" NAME ":1", test_errors);
  g_test_add_data_func ("/address-bytes/errors/scheme", NAME, test_errors);

  return g_test_run ();
}
