/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory.h"

G_BEGIN_DECLS

void     mp_liveness_init (MpMemory *self);
void     mp_liveness_clear (MpMemory *self);
gboolean mp_liveness_open (MpMemory *self,
                           GError  **error);
gboolean mp_liveness_check (MpMemory *self,
                            GError  **error);
void     mp_liveness_close (MpMemory *self);
gboolean mp_liveness_claim (MpMemory *self,
                            guint     participant);
void     mp_liveness_unclaim (MpMemory *self,
                              guint     participant);
gboolean mp_liveness_is_alive (MpMemory *self,
                               guint     participant);

G_END_DECLS
