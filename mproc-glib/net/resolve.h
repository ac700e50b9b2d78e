/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "address.h"

G_BEGIN_DECLS

/* Resolves a host to an array of MpSocketAddress.  Names that are not numeric are looked up by the
 * system until @deadline.
 *
 * GIO uses a thread pool for that, whose threads a forked child does not have, so it would wait for
 * ever.  This function starts a thread of its own for getaddrinfo (), which cannot be interrupted;
 * after the deadline that thread is left to end by itself. */
GArray *mp_address_resolve (const MpAddress *address,
                            gboolean         passive,
                            gint64           deadline,
                            GCancellable    *cancellable,
                            GError         **error);

G_END_DECLS
