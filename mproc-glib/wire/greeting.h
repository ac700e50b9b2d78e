/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "channel.h"
#include "handshake.h"

G_BEGIN_DECLS

/* A handshake over a channel: moves its messages, a step at a time, and never waits.  What
 * the peer sends behind its last message stays in the channel. */
typedef struct _MpGreeting MpGreeting;

/* Takes @channel. */
MpGreeting *mp_greeting_new (MpChannel      *channel,
                             MpHandshakeRole role,
                             GBytes         *key,
                             gboolean        legacy_digests);
void        mp_greeting_free (MpGreeting *self);

/* RUNNING: try again when get_condition () holds. */
MpHandshakeStatus mp_greeting_step (MpGreeting *self,
                                    GError    **error);
GIOCondition      mp_greeting_get_condition (MpGreeting *self);
MpChannel        *mp_greeting_peek_channel (MpGreeting *self);

/* Whether the peer has said anything yet. */
gboolean mp_greeting_has_heard (MpGreeting *self);

void mp_greeting_explain_silence (MpGreeting *self,
                                  GError    **error);

/* Steps until it is done, waiting at most @timeout_us. */
gboolean mp_greeting_run (MpGreeting   *self,
                          gint64        timeout_us,
                          GCancellable *cancellable,
                          GError      **error);

/* After DONE: the channel, ready for messages of any size up to the usual limit. */
MpChannel *mp_greeting_take_channel (MpGreeting *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpGreeting, mp_greeting_free)

G_END_DECLS
