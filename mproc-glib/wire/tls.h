/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "channel.h"
#include "handshake.h"

G_BEGIN_DECLS

/* TLS by GIO.  Its handshake blocks, so a listener does it in threads; these are at most so
 * many, for all listeners. */
#define MP_TLS_MAX_THREADS 32

/* What came of a handshake that was begun with @cancellable. */
typedef struct
{
  GCancellable *cancellable;
  MpChannel    *channel;
  GError       *error;
} MpTlsResult;

GAsyncQueue *mp_tls_results_new (void);
void         mp_tls_result_free (MpTlsResult *result);

/* Whether the whole first message of a client is there; takes nothing.  FAILED: this is no
 * client of TLS.  RUNNING: the descriptor is readable when it is worth asking again. */
MpHandshakeStatus mp_tls_check_hello (int      fd,
                                      GError **error);

/* Does both handshakes, that of TLS and, with a key, ours, in a thread, which puts what came
 * of it into @results and writes to @event_fd.  Takes @fd. */
void mp_tls_accept (int              fd,
                    GTlsCertificate *certificate,
                    GBytes          *auth_key,
                    gboolean         legacy_digests,
                    gint64           timeout_us,
                    GCancellable    *cancellable,
                    GAsyncQueue     *results,
                    int              event_fd);

/* Does the handshake of TLS as a client, and waits for it.  Takes @fd. */
MpChannel *mp_tls_connect (int              fd,
                           const char      *host,
                           guint16          port,
                           GTlsDatabase    *database,
                           GTlsCertificate *certificate,
                           gint64           timeout_us,
                           GCancellable    *cancellable,
                           GError         **error);

G_END_DECLS
