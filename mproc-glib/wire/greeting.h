/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "channel.h"
#include "handshake.h"

G_BEGIN_DECLS

/* Runs a handshake over a channel, step by step, without blocking.  Bytes that the peer sends after
 * its last message of the handshake stay in the channel. */
typedef struct _MpGreeting MpGreeting;

/* Takes ownership of @channel. */
MpGreeting *mp_greeting_new (MpChannel      *channel,
                             MpHandshakeRole role,
                             GBytes         *key,
                             gboolean        legacy_digests);
void        mp_greeting_free (MpGreeting *self);

/* Returns RUNNING if it has to be called again when get_condition () holds. */
MpHandshakeStatus mp_greeting_step (MpGreeting *self,
                                    GError    **error);
GIOCondition      mp_greeting_get_condition (MpGreeting *self);
MpChannel        *mp_greeting_peek_channel (MpGreeting *self);

/* Whether anything has been received from the peer. */
gboolean mp_greeting_has_heard (MpGreeting *self);

void mp_greeting_explain_silence (MpGreeting *self,
                                  GError    **error);

/* Runs the whole handshake, for at most @timeout_us. */
gboolean mp_greeting_run (MpGreeting   *self,
                          gint64        timeout_us,
                          GCancellable *cancellable,
                          GError      **error);

/* To be called after DONE.  Returns the channel, with the usual limit for messages. */
MpChannel *mp_greeting_take_channel (MpGreeting *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpGreeting, mp_greeting_free)

G_END_DECLS
