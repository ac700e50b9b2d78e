/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-waitable.h"

G_BEGIN_DECLS

/* Sets the error of a wait for a condition that the class of @self does not support.  Returns
 * FALSE. */
gboolean mp_waitable_set_no_condition (MpWaitable *self,
                                       GError    **error);

/* Ends the waits of any thread for @self, which was closed: they fail. */
void mp_waitable_wake_waits (MpWaitable *self);

G_END_DECLS
