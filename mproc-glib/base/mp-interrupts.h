/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-macros.h"
#include <glib.h>

G_BEGIN_DECLS

MP_AVAILABLE_IN_1_0
int mp_interrupts_begin (void);
MP_AVAILABLE_IN_1_0
void mp_interrupts_end (void);
MP_AVAILABLE_IN_1_0
void mp_interrupts_iterate (GMainContext *context,
                            gint64        timeout_us);

G_END_DECLS
