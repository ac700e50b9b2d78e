/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "address.h"
#include "channel.h"
#include "handshake.h"
#include "peer-settings.h"

G_BEGIN_DECLS

/* Connects to a listener, step by step: each address of the host in turn, then the handshake.
 * Steps do not block, except when mp_dial_must_block () returns TRUE. */
typedef struct _MpDial MpDial;

/* Takes ownership of @address; copies @settings. */
MpDial *mp_dial_new (MpAddress            *address,
                     const MpPeerSettings *settings);
void    mp_dial_free (MpDial *self);

/* Whether a name has to be resolved or TLS has to be set up, which GIO offers only in threads, with
 * a main context, or blocking. */
gboolean mp_dial_must_block (MpDial *self);

MpHandshakeStatus mp_dial_step (MpDial       *self,
                                GCancellable *cancellable,
                                GError      **error);

/* After RUNNING: call the next step when @condition holds for @fd (-1: none), or at @time of the
 * monotonic clock (-1: never). */
void     mp_dial_get_wait (MpDial       *self,
                           int          *fd,
                           GIOCondition *condition,
                           gint64       *time);
gboolean mp_dial_run (MpDial       *self,
                      gint64        timeout_us,
                      GCancellable *cancellable,
                      GError      **error);

/* To be called after DONE. */
MpChannel *mp_dial_take_channel (MpDial *self,
                                 char  **address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpDial, mp_dial_free)

G_END_DECLS
