/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <sys/socket.h>

G_BEGIN_DECLS

/* The address of a listener: unix:/path, unix: (a private path is chosen), unix-abstract:name,
 * tcp:host:port or tls:host:port, where a host with colons is in brackets; or fd:number, a socket
 * that listens already. */
typedef enum
{
  MP_ADDRESS_UNIX,
  MP_ADDRESS_ABSTRACT,
  MP_ADDRESS_TCP,
  MP_ADDRESS_TLS,
  MP_ADDRESS_FD
} MpAddressKind;

typedef struct
{
  MpAddressKind kind;

  /* The path, the name or the host.  If the path is empty, one is chosen. */
  char   *name;
  guint16 port;

  /* Of MP_ADDRESS_FD. */
  int fd;
} MpAddress;

typedef struct
{
  struct sockaddr_storage storage;
  socklen_t               length;
} MpSocketAddress;

MpAddress *mp_address_parse (const char *text,
                             GError    **error);
void       mp_address_free (MpAddress *self);

/* Formats a kernel address as text; @kind distinguishes TLS from TCP. */
char *mp_address_format (const MpSocketAddress *address,
                         MpAddressKind          kind);

/* Fills in a Unix address.  Fails if the path is too long. */
gboolean mp_address_fill_unix (MpAddressKind    kind,
                               const char      *name,
                               MpSocketAddress *address,
                               GError         **error);

/* Adds the addresses of a host that needs no name resolution.  Returns FALSE for other hosts. */
gboolean mp_address_add_known (const MpAddress *self,
                               gboolean         passive,
                               GArray          *addresses);
gboolean mp_address_needs_resolver (const MpAddress *self);
gboolean mp_address_has_host (const MpAddress *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpAddress, mp_address_free)

G_END_DECLS
