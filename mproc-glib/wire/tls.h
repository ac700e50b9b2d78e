/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "channel.h"
#include "handshake.h"

G_BEGIN_DECLS

/* TLS by GIO.  Its handshake blocks, so listeners run it in threads, at most this many for all
 * listeners together. */
#define MP_TLS_MAX_THREADS 32

/* The result of the handshake that was begun with @cancellable. */
typedef struct
{
  GCancellable *cancellable;
  MpChannel    *channel;
  GError       *error;
} MpTlsResult;

GAsyncQueue *mp_tls_results_new (void);
void         mp_tls_result_free (MpTlsResult *result);

/* Checks, without consuming anything, whether the whole ClientHello has arrived.  FAILED: the peer
 * does not speak TLS.  RUNNING: check again when the descriptor is readable. */
MpHandshakeStatus mp_tls_check_hello (int      fd,
                                      GError **error);

/* Runs the handshake of TLS and, with a key, the one of this library in a thread, which pushes the
 * result to @results and writes to @event_fd.  Takes ownership of @fd. */
void mp_tls_accept (int              fd,
                    GTlsCertificate *certificate,
                    GBytes          *auth_key,
                    gboolean         legacy_digests,
                    gint64           timeout_us,
                    GCancellable    *cancellable,
                    GAsyncQueue     *results,
                    int              event_fd);

G_END_DECLS
