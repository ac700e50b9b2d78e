/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "address.h"

#include <glib/gi18n-lib.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#define LONGEST_HOST 253

static const struct
{
  const char   *prefix;
  MpAddressKind kind;
} schemes[] = {
  { "unix:", MP_ADDRESS_UNIX },
  { "unix-abstract:", MP_ADDRESS_ABSTRACT },
  { "tcp:", MP_ADDRESS_TCP },
  { "tls:", MP_ADDRESS_TLS },
  { "fd:", MP_ADDRESS_FD },
};

static MpAddress *
refuse (const char *text,
        const char *why,
        GError    **error)
{
  g_autofree char *shown = g_strndup (text, 200);
  g_autofree char *valid = g_utf8_make_valid (shown, -1);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               _ ("“%s” is not an address: %s"), valid,
               why);
  return NULL;
}

static MpAddress *
address_new (MpAddressKind kind,
             const char   *name,
             gsize         length,
             guint16       port)
{
  MpAddress *self = g_new0 (MpAddress, 1);

  self->kind = kind;
  self->name = g_strndup (name, length);
  self->port = port;
  return self;
}

void
mp_address_free (MpAddress *self)
{
  g_free (self->name);
  g_free (self);
}

static MpAddress *
parse_unix (const char   *text,
            MpAddressKind kind,
            const char   *name,
            GError      **error)
{
  MpSocketAddress ignored;

  if (kind == MP_ADDRESS_ABSTRACT && *name == '\0')
    return refuse (text, "an abstract socket needs a name", error);
  if (*name != '\0' && !mp_address_fill_unix (kind, name, &ignored, error))
    return NULL;

  return address_new (kind, name, strlen (name), 0);
}

static MpAddress *
parse_inet (const char   *text,
            MpAddressKind kind,
            const char   *rest,
            GError      **error)
{
  const char *colon = strrchr (rest, ':');
  const char *host = rest;
  gsize       host_length;
  guint64     port;

  if (colon == NULL || !g_ascii_string_to_unsigned (colon + 1, 10, 0, G_MAXUINT16, &port, NULL))
    return refuse (text, "it needs a host, a colon and a port from 0 to 65535", error);

  host_length = colon - rest;
  if (host_length >= 2 && *host == '[' && colon[-1] == ']')
    {
      host++;
      host_length -= 2;
    }
  else if (memchr (host, ':', host_length) != NULL)
    {
      return refuse (text, "a host with colons has to stand in brackets", error);
    }

  if (host_length > LONGEST_HOST)
    return refuse (text, "the name of the host is too long", error);

  return address_new (kind, host, host_length, (guint16) port);
}

static MpAddress *
parse_fd (const char *text,
          const char *number,
          GError    **error)
{
  guint64    fd;
  MpAddress *self;

  if (!g_ascii_string_to_unsigned (number, 10, 0, G_MAXINT, &fd, NULL))
    return refuse (text, "it needs the number of a descriptor", error);

  self = address_new (MP_ADDRESS_FD, "", 0, 0);
  self->fd = (int) fd;
  return self;
}

MpAddress *
mp_address_parse (const char *text,
                  GError    **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (schemes); i++)
    {
      const char *rest = text + strlen (schemes[i].prefix);

      if (!g_str_has_prefix (text, schemes[i].prefix))
        continue;
      if (schemes[i].kind == MP_ADDRESS_UNIX || schemes[i].kind == MP_ADDRESS_ABSTRACT)
        return parse_unix (text, schemes[i].kind, rest, error);
      if (schemes[i].kind == MP_ADDRESS_FD)
        return parse_fd (text, rest, error);

      return parse_inet (text, schemes[i].kind, rest, error);
    }

  return refuse (text, "it begins with none of unix:, unix-abstract:, tcp:, tls: and fd:", error);
}

gboolean
mp_address_fill_unix (MpAddressKind    kind,
                      const char      *name,
                      MpSocketAddress *address,
                      GError         **error)
{
  struct sockaddr_un un = { .sun_family = AF_UNIX };
  gsize              length = strlen (name);
  gsize              lead = kind == MP_ADDRESS_ABSTRACT ? 1 : 0;

  if (length > sizeof un.sun_path - 1)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG,
                   _ ("The name of a Unix socket has %zu bytes; the system allows %zu"),
                   length, sizeof un.sun_path - 1);
      return FALSE;
    }

  memcpy (un.sun_path + lead, name, length);
  memset (address, 0, sizeof *address);
  memcpy (&address->storage, &un, sizeof un);
  address->length = offsetof (struct sockaddr_un, sun_path) + length + 1;
  return TRUE;
}

static char *
format_unix (const MpSocketAddress *address)
{
  const struct sockaddr_un *un = (const struct sockaddr_un *) &address->storage;
  gsize                     lead = offsetof (struct sockaddr_un, sun_path);
  gsize                     length = address->length > lead ? address->length - lead : 0;
  gboolean                  abstract = length > 0 && un->sun_path[0] == '\0';
  g_autofree char          *name = abstract ? g_strndup (un->sun_path + 1, length - 1)
                                            : g_strndup (un->sun_path, length);

  return g_strconcat (abstract ? "unix-abstract:" : "unix:", name, NULL);
}

char *
mp_address_format (const MpSocketAddress *address,
                   MpAddressKind          kind)
{
  const char *scheme = kind == MP_ADDRESS_TLS ? "tls" : "tcp";
  g_autoptr (GSocketAddress) native = NULL;
  g_autofree char *host = NULL;
  guint16          port;

  if (address->length == 0 || address->storage.ss_family == AF_UNIX)
    return format_unix (address);

  native = g_socket_address_new_from_native ((gpointer) &address->storage, address->length);
  if (!G_IS_INET_SOCKET_ADDRESS (native))
    return g_strdup (scheme);

  host =
    g_inet_address_to_string (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (native)));
  port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (native));
  return strchr (host, ':') != NULL ? g_strdup_printf ("%s:[%s]:%u", scheme, host, port)
                                    : g_strdup_printf ("%s:%s:%u", scheme, host, port);
}

gboolean
mp_address_has_host (const MpAddress *self)
{
  return self->kind == MP_ADDRESS_TCP || self->kind == MP_ADDRESS_TLS;
}

gboolean
mp_address_needs_resolver (const MpAddress *self)
{
  return (self->kind == MP_ADDRESS_TCP || self->kind == MP_ADDRESS_TLS) && *self->name != '\0' &&
         !g_hostname_is_ip_address (self->name) && !g_str_equal (self->name, "localhost");
}

static void
add_inet (GArray       *addresses,
          GInetAddress *host,
          guint16       port)
{
  g_autoptr (GSocketAddress) native = g_inet_socket_address_new (host, port);
  MpSocketAddress address = { {
                                0,
                              },
                              0 };

  address.length = g_socket_address_get_native_size (native);
  if (g_socket_address_to_native (native, &address.storage, sizeof address.storage, NULL))
    g_array_append_val (addresses, address);
}

/* Adds a numeric address, or one that needs no name resolution: "localhost", for which Python's
 * peers use IPv4, so that comes first. */
gboolean
mp_address_add_known (const MpAddress *self,
                      gboolean         passive,
                      GArray          *addresses)
{
  const char *name = self->name;
  g_autoptr (GInetAddress) host = NULL;

  if (*name == '\0')
    name = passive ? "0.0.0.0" : "127.0.0.1";
  else if (g_str_equal (name, "localhost"))
    name = "127.0.0.1";

  host = g_inet_address_new_from_string (name);
  if (host == NULL)
    return FALSE;

  add_inet (addresses, host, self->port);
  if (g_str_equal (self->name, "localhost") && !passive)
    {
      g_autoptr (GInetAddress) other = g_inet_address_new_from_string ("::1");

      add_inet (addresses, other, self->port);
    }

  return TRUE;
}
