/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <gio/gio.h>
#include <string.h>

#include "net/address.h"
#include "net/resolve.h"

typedef struct
{
  const char   *text;
  MpAddressKind kind;
  const char   *name;
  guint16       port;
} Valid;

static const Valid valid[] = {
  { "unix:/tmp/socket", MP_ADDRESS_UNIX, "/tmp/socket", 0 },
  { "unix:relative", MP_ADDRESS_UNIX, "relative", 0 },
  { "unix:", MP_ADDRESS_UNIX, "", 0 },
  { "unix:/with:colon", MP_ADDRESS_UNIX, "/with:colon", 0 },
  { "unix-abstract:name", MP_ADDRESS_ABSTRACT, "name", 0 },
  { "tcp:localhost:6000", MP_ADDRESS_TCP, "localhost", 6000 },
  { "tcp:127.0.0.1:0", MP_ADDRESS_TCP, "127.0.0.1", 0 },
  { "tcp:[::1]:65535", MP_ADDRESS_TCP, "::1", 65535 },
  { "tcp::80", MP_ADDRESS_TCP, "", 80 },
  { "tls:example.org:443", MP_ADDRESS_TLS, "example.org", 443 },
  { "fd:3", MP_ADDRESS_FD, "", 0 },
};

static void
test_valid (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (valid); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MpAddress) address = mp_address_parse (valid[i].text, &error);

      g_assert_no_error (error);
      g_assert_cmpint (address->kind, ==, valid[i].kind);
      g_assert_cmpstr (address->name, ==, valid[i].name);
      g_assert_cmpint (address->port, ==, valid[i].port);
    }
}

static void
test_invalid (void)
{
  static const char *const invalid[] = {
    "",
    "unix",
    "/tmp/socket",
    "unix-abstract:",
    "tcp:",
    "fd:",
    "fd:-1",
    "fd:4294967299",
    "fd:3 ",
    "tcp:localhost",
    "tcp:localhost:",
    "tcp:localhost:-1",
    "tcp:localhost:+1",
    "tcp:localhost: 1",
    "tcp:localhost:65536",
    "tcp:localhost:80x",
    "tcp:::1:80",
    "udp:localhost:1",
    "TCP:localhost:1",
    "\xff",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (invalid); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (mp_address_parse (invalid[i], &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
    }
}

/* The system allows 107 bytes, and its error for more is unclear. */
static void
test_length (void)
{
  for (gsize n = 106; n < 110; n++)
    {
      g_autofree char *name = g_strnfill (n, 'x');
      g_autofree char *path = g_strconcat ("unix:", name, NULL);
      g_autofree char *abstract = g_strconcat ("unix-abstract:", name, NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (MpAddress) one = mp_address_parse (path, &error);
      g_autoptr (MpAddress) other = mp_address_parse (abstract, NULL);

      g_assert_true ((one != NULL) == (n <= 107));
      g_assert_true ((other != NULL) == (n <= 107));
      if (one == NULL)
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG);
    }
}

/* A parsed address is formatted as the same text. */
static void
test_format (void)
{
  static const char *const texts[] = {
    "unix:/tmp/socket",
    "unix-abstract:name",
    "tcp:127.0.0.1:6000",
    "tcp:[::1]:6000",
    "tls:127.0.0.1:443",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (MpAddress) address = mp_address_parse (texts[i], &error);
      g_autoptr (GArray) resolved = NULL;
      g_autofree char *text = NULL;

      g_assert_no_error (error);
      g_assert_false (mp_address_needs_resolver (address));
      resolved = mp_address_resolve (address, FALSE, -1, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpint (resolved->len, ==, 1);
      text = mp_address_format (&g_array_index (resolved, MpSocketAddress, 0), address->kind);
      g_assert_cmpstr (text, ==, texts[i]);
    }
}

/* Python uses IPv4 for localhost, so that is tried first. */
static void
test_localhost (void)
{
  g_autoptr (MpAddress) address = mp_address_parse ("tcp:localhost:1", NULL);
  g_autoptr (MpAddress) far = mp_address_parse ("tcp:example.org:1", NULL);
  g_autoptr (GArray) resolved = mp_address_resolve (address, FALSE, -1, NULL, NULL);

  g_assert_cmpint (resolved->len, ==, 2);
  g_assert_cmpint (g_array_index (resolved, MpSocketAddress, 0).storage.ss_family, ==, AF_INET);
  g_assert_cmpint (g_array_index (resolved, MpSocketAddress, 1).storage.ss_family, ==, AF_INET6);
  g_assert_true (mp_address_needs_resolver (far));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/address/valid", test_valid);
  g_test_add_func ("/address/invalid", test_invalid);
  g_test_add_func ("/address/length", test_length);
  g_test_add_func ("/address/format", test_format);
  g_test_add_func ("/address/localhost", test_localhost);

  return g_test_run ();
}
