/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* How long a handshake may take unless a program says otherwise, in microseconds. */
#define MP_PEER_DEFAULT_HANDSHAKE_TIMEOUT (10 * G_USEC_PER_SEC)

/* What both sides of a connection that is being set up have to know: how to prove that they
 * have the key, and what to show and to trust with TLS. */
typedef struct
{
  /* NULL: no handshake; an empty one is a key. */
  GBytes  *auth_key;
  gboolean legacy_digests;
  gint64   handshake_timeout_us;

  /* Whom the connecting side trusts, NULL for those whom the system trusts. */
  GTlsDatabase *database;

  /* What this side shows. */
  GTlsCertificate *certificate;
} MpPeerSettings;

/* Makes @self a copy of @source; what @self held before is not freed. */
void mp_peer_settings_copy (MpPeerSettings       *self,
                            const MpPeerSettings *source);
void mp_peer_settings_clear (MpPeerSettings *self);

G_END_DECLS
