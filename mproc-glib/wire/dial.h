/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "address.h"
#include "channel.h"
#include "handshake.h"
#include "peer-settings.h"

G_BEGIN_DECLS

/* Connecting to a listener, a step at a time: each address of the host, then the handshake.
 * The steps do not wait, except those that must_block () is about. */
typedef struct _MpDial MpDial;

/* Takes @address; @settings are copied. */
MpDial *mp_dial_new (MpAddress            *address,
                     const MpPeerSettings *settings);
void    mp_dial_free (MpDial *self);

/* Whether there is a name to ask for or TLS to set up, for which GIO has no call that does
 * not wait in a thread or a main context. */
gboolean mp_dial_must_block (MpDial *self);

MpHandshakeStatus mp_dial_step (MpDial       *self,
                                GCancellable *cancellable,
                                GError      **error);

/* After RUNNING: step again when @condition holds for @fd (-1: none), or at @time of the
 * monotonic clock (-1: never). */
void     mp_dial_get_wait (MpDial       *self,
                           int          *fd,
                           GIOCondition *condition,
                           gint64       *time);
gboolean mp_dial_run (MpDial       *self,
                      gint64        timeout_us,
                      GCancellable *cancellable,
                      GError      **error);

/* After DONE. */
MpChannel *mp_dial_take_channel (MpDial *self,
                                 char  **address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpDial, mp_dial_free)

G_END_DECLS
