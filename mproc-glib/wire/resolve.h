/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "address.h"

G_BEGIN_DECLS

/* The addresses of a host in numbers, an array of MpSocketAddress.  For a name that is no number
 * the system is asked until @deadline.
 *
 * GIO does that in a thread of a pool, which a process that was forked off does not have, and then
 * waits for ever.  This makes a thread of its own for the C library's call, which nothing can
 * interrupt; when the time is over it is left to end by itself. */
GArray *mp_address_resolve (const MpAddress *address,
                            gboolean         passive,
                            gint64           deadline,
                            GCancellable    *cancellable,
                            GError         **error);

G_END_DECLS
