/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "address.h"
#include "tls-client.h"

G_BEGIN_DECLS

/* Connects to an address, step by step: each address of the host in turn, then TLS.  Steps do not
 * block, except when mp_dial_must_block () returns TRUE. */
typedef struct _MpDial MpDial;

typedef enum
{
  MP_DIAL_FAILED = -1,
  MP_DIAL_RUNNING,
  MP_DIAL_DONE
} MpDialStatus;

/* Takes ownership of @address.  What @settings refers to has to outlive the dial. */
MpDial *mp_dial_new (MpAddress           *address,
                     const MpTlsSettings *settings);
void    mp_dial_free (MpDial *self);

/* Whether a name has to be resolved or TLS has to be set up, which is possible only in threads,
 * with a main context, or blocking. */
gboolean mp_dial_must_block (MpDial *self);
gboolean mp_dial_uses_tls (MpDial *self);

/* When a step that blocks has to end. */
void mp_dial_set_deadline (MpDial *self,
                           gint64  deadline);

MpDialStatus mp_dial_step (MpDial       *self,
                           GCancellable *cancellable,
                           GError      **error);

/* After RUNNING: call the next step when @condition holds for @fd (-1: none), or at @time of the
 * monotonic clock (-1: never). */
void mp_dial_get_wait (MpDial       *self,
                       int          *fd,
                       GIOCondition *condition,
                       gint64       *time);

/* To be called after DONE.  Sets @address to the address of the peer, as text. */
MpTransport *mp_dial_take_transport (MpDial *self,
                                     char  **address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpDial, mp_dial_free)

G_END_DECLS
