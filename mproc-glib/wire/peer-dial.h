/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "channel.h"
#include "handshake.h"
#include "net/address.h"
#include "peer-settings.h"

G_BEGIN_DECLS

/* Connects to a listener, step by step: first the connection, then the handshake.  Steps do not
 * block, except when mp_peer_dial_must_block () returns TRUE. */
typedef struct _MpPeerDial MpPeerDial;

/* Takes ownership of @address; copies @settings. */
MpPeerDial *mp_peer_dial_new (MpAddress            *address,
                              const MpPeerSettings *settings);
void        mp_peer_dial_free (MpPeerDial *self);

/* Whether a name has to be resolved or TLS has to be set up, which GIO offers only in threads, with
 * a main context, or blocking. */
gboolean mp_peer_dial_must_block (MpPeerDial *self);

MpHandshakeStatus mp_peer_dial_step (MpPeerDial   *self,
                                     GCancellable *cancellable,
                                     GError      **error);

/* After RUNNING: call the next step when @condition holds for @fd (-1: none), or at @time of the
 * monotonic clock (-1: never). */
void     mp_peer_dial_get_wait (MpPeerDial   *self,
                                int          *fd,
                                GIOCondition *condition,
                                gint64       *time);
gboolean mp_peer_dial_run (MpPeerDial   *self,
                           gint64        timeout_us,
                           GCancellable *cancellable,
                           GError      **error);

/* The same, but returns RUNNING when the timeout has expired or a signal handler has run; another
 * call continues from there. */
MpHandshakeStatus mp_peer_dial_run_for (MpPeerDial *self,
                                        gint64      timeout_us,
                                        GError    **error);

/* To be called after DONE. */
MpChannel *mp_peer_dial_take_channel (MpPeerDial *self,
                                      char      **address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpPeerDial, mp_peer_dial_free)

G_END_DECLS
