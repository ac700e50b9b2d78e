/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "output.h"

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* Writes a message that was looked at: its place in the queue, its format, and its value as JSON
 * where that can be, else its bytes. */
void mp_value_print (MpMessage *message,
                     guint64    position);

G_END_DECLS
