/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Two peers show each other that they have the same key, without sending it.
 *
 * A challenge is a nonce, an answer is an HMAC of it with the key, a verdict is "welcome" or
 * "failure".  The side that accepted the connection challenges first, then the other one. */
#define MP_HANDSHAKE_MAX_MESSAGE 256

typedef struct _MpHandshake MpHandshake;

typedef enum
{
  MP_HANDSHAKE_SERVER,
  MP_HANDSHAKE_CLIENT
} MpHandshakeRole;

typedef enum
{
  MP_HANDSHAKE_FAILED = -1,
  MP_HANDSHAKE_RUNNING = 0,
  MP_HANDSHAKE_DONE = 1
} MpHandshakeStatus;

/* Without @legacy_digests a peer that can only do MD5 is refused. */
MpHandshake *mp_handshake_new (MpHandshakeRole role,
                               GBytes         *key,
                               gboolean        legacy_digests);
void         mp_handshake_free (MpHandshake *self);

/* Replaces the random challenge: what follows the prefix.  For tests with known answers;
 * before anything else. */
void mp_handshake_set_challenge (MpHandshake  *self,
                                 const guint8 *challenge,
                                 gsize         length);

/* Names this end of the connection and the other one, in a way that the other one would agree
 * with.  A process that connects to itself has to answer a challenge of its own, and this tells it
 * from one that a stranger sends back. */
void mp_handshake_set_ends (MpHandshake *self,
                            const char  *own,
                            const char  *other);

/* The next message to send, or NULL; also after a failure. */
GBytes *mp_handshake_take_output (MpHandshake *self);

/* Takes one message from the peer. */
MpHandshakeStatus mp_handshake_feed (MpHandshake  *self,
                                     const guint8 *message,
                                     gsize         length,
                                     GError      **error);
MpHandshakeStatus mp_handshake_get_status (MpHandshake *self);

/* What it probably means when no message comes: because the time is over, or the peer closed. */
void mp_handshake_explain_silence (MpHandshake *self,
                                   GError     **error);
void mp_handshake_explain_end (MpHandshake *self,
                               GError     **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpHandshake, mp_handshake_free)

G_END_DECLS
