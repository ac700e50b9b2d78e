/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "redis-uri.h"

#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

/* User and password for another process: in a sealed memory file, not in the URI.  So they can
 * be passed to a child and over Unix sockets, but not over a network. */

/* Appends a descriptor, if there is anything to pass.  FALSE with @error set. */
gboolean mp_redis_share_write (const MpRedisSecrets *secrets,
                               GUnixFDList          *descriptors,
                               GError              **error);
/* Replaces @secrets by what @descriptors contains, which may be NULL. */
gboolean mp_redis_share_read (GUnixFDList    *descriptors,
                              MpRedisSecrets *secrets,
                              GError        **error);

G_END_DECLS
