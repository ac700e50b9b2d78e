/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/mp-fd-identity.h"
#include "net/address.h"

G_BEGIN_DECLS

/* A bound socket that listens, and the files that belong to it. */
typedef struct
{
  int             fd;
  MpFdIdentity    identity; /* of the descriptor */
  MpSocketAddress address;

  /* The socket file and the private directory around it, or NULL. */
  char *path;
  char *directory;

  /* The process that created the files, and the identity of the socket file.  A forked child does
   * not remove them, nor is the file removed after another process has replaced it. */
  pid_t owner;
  dev_t device;
  ino_t inode;
} MpListening;

/* Listens at @address, without waiting: @found has the numeric address of its host, and is not read
 * if it has none. */
gboolean mp_listening_open (MpListening           *self,
                            const MpAddress       *address,
                            const MpSocketAddress *found,
                            guint                  backlog,
                            GError               **error);
void     mp_listening_close (MpListening *self);

/* Whether the descriptor is still that of the socket: the program may have closed it.  Safe in fork
 * hooks. */
gboolean mp_listening_has_socket (const MpListening *self);

G_END_DECLS
