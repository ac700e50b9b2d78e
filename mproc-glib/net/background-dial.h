/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "dial.h"

G_BEGIN_DECLS

/* A dial whose steps never block: if a name has to be resolved or TLS has to be set up, a thread of
 * its own does that. */
typedef struct _MpBackgroundDial MpBackgroundDial;

/* Takes ownership of @address.  The dial has to end before @deadline. */
MpBackgroundDial *mp_background_dial_new (MpAddress           *address,
                                          const MpTlsSettings *settings,
                                          gint64               deadline);
/* Cancels the work of a thread that still runs, without waiting for it. */
void mp_background_dial_free (MpBackgroundDial *self);

MpDialStatus mp_background_dial_step (MpBackgroundDial *self,
                                      GError          **error);
/* After RUNNING, as for a dial. */
void mp_background_dial_get_wait (MpBackgroundDial *self,
                                  int              *fd,
                                  GIOCondition     *condition,
                                  gint64           *time);
/* To be called after DONE. */
MpTransport *mp_background_dial_take_transport (MpBackgroundDial *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpBackgroundDial, mp_background_dial_free)

G_END_DECLS
