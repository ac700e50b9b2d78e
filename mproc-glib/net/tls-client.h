/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "transport.h"

G_BEGIN_DECLS

/* How to connect by TLS. */
typedef struct
{
  GTlsDatabase    *database;    /* the certificate authorities to trust; NULL: the system's */
  GTlsCertificate *certificate; /* the one to present, or NULL */
  gint64           timeout_us;  /* of the handshake, once the peer has begun it */
} MpTlsSettings;

/* Runs the handshake of TLS as a client, blocking.  Takes ownership of @fd.  It may take the time
 * of @settings from when the listener has sent something: before that a busy listener may let the
 * client wait until @deadline.  Fails at once in a forked child without GLib's threads. */
MpTransport *mp_tls_connect (int                  fd,
                             const char          *host,
                             guint16              port,
                             const MpTlsSettings *settings,
                             gint64               deadline,
                             GCancellable        *cancellable,
                             GError             **error);

/* Creates a GIO connection over @fd, which it takes ownership of.  Each read may take @timeout_us,
 * if that is not negative. */
GIOStream *mp_tls_wrap_socket (int      fd,
                               gint64   timeout_us,
                               GError **error);

G_END_DECLS
