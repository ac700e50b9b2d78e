/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The default timeout of a handshake, in microseconds. */
#define MP_PEER_DEFAULT_HANDSHAKE_TIMEOUT (10 * G_USEC_PER_SEC)

/* The settings that connector and listener have in common: how to authenticate, and which
 * certificates to present and to trust with TLS. */
typedef struct
{
  /* NULL: no handshake.  An empty key is a key. */
  GBytes  *auth_key;
  gboolean legacy_digests;
  gint64   handshake_timeout_us;

  /* The certificate authorities that the connecting side trusts; NULL: the system's. */
  GTlsDatabase *database;

  /* The certificate that this side presents. */
  GTlsCertificate *certificate;
} MpPeerSettings;

/* Makes @self a copy of @source; what @self held before is not freed. */
void mp_peer_settings_copy (MpPeerSettings       *self,
                            const MpPeerSettings *source);
void mp_peer_settings_clear (MpPeerSettings *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MpPeerSettings, mp_peer_settings_clear)

G_END_DECLS
