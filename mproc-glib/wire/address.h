/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <sys/socket.h>

G_BEGIN_DECLS

/* Where a listener is: unix:/path, unix: (a private path is picked), unix-abstract:name,
 * tcp:host:port and tls:host:port, where a host with colons stands in brackets. */
typedef enum
{
  MP_ADDRESS_UNIX,
  MP_ADDRESS_ABSTRACT,
  MP_ADDRESS_TCP,
  MP_ADDRESS_TLS
} MpAddressKind;

typedef struct
{
  MpAddressKind kind;

  /* The path, the name or the host; an empty path is to be picked. */
  char   *name;
  guint16 port;
} MpAddress;

typedef struct
{
  struct sockaddr_storage storage;
  socklen_t               length;
} MpSocketAddress;

MpAddress *mp_address_parse (const char *text,
                             GError    **error);
void       mp_address_free (MpAddress *self);

/* The text of what the kernel says; @kind tells TLS from TCP. */
char *mp_address_format (const MpSocketAddress *address,
                         MpAddressKind          kind);

/* Fills in a Unix address; fails when the path is too long. */
gboolean mp_address_fill_unix (MpAddressKind    kind,
                               const char      *name,
                               MpSocketAddress *address,
                               GError         **error);

/* Adds the MpSocketAddress of a host that is known without asking for it. */
gboolean mp_address_add_known (const MpAddress *self,
                               gboolean         passive,
                               GArray          *addresses);
gboolean mp_address_needs_resolver (const MpAddress *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpAddress, mp_address_free)

G_END_DECLS
