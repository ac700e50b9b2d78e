/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Two peers prove to each other that they have the same key, without sending it.
 *
 * A challenge is a nonce, the answer is its HMAC with the key, and the result is "welcome" or
 * "failure".  The side that accepted the connection sends a challenge first, then the other side
 * does. */
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

/* Unless @legacy_digests, a peer that supports only MD5 is refused. */
MpHandshake *mp_handshake_new (MpHandshakeRole role,
                               GBytes         *key,
                               gboolean        legacy_digests);
void         mp_handshake_free (MpHandshake *self);

/* Replaces the random part of the challenge.  For tests with known answers; to be called first. */
void mp_handshake_set_challenge (MpHandshake  *self,
                                 const guint8 *challenge,
                                 gsize         length);

/* Sets names for both ends of the connection, which the other end would choose alike.  A process
 * that connects to itself has to answer its own challenge; the names distinguish that from a
 * challenge that an attacker sends back. */
void mp_handshake_set_ends (MpHandshake *self,
                            const char  *own,
                            const char  *other);

/* Returns the next message to send, or NULL.  There can be one after a failure too. */
GBytes *mp_handshake_take_output (MpHandshake *self);

/* Processes one message from the peer. */
MpHandshakeStatus mp_handshake_feed (MpHandshake  *self,
                                     const guint8 *message,
                                     gsize         length,
                                     GError      **error);
MpHandshakeStatus mp_handshake_get_status (MpHandshake *self);

/* Sets an error with the probable reason why no message came before the timeout or the end of the
 * stream. */
void mp_handshake_explain_silence (MpHandshake *self,
                                   GError     **error);
void mp_handshake_explain_end (MpHandshake *self,
                               GError     **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpHandshake, mp_handshake_free)

G_END_DECLS
