/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-backend.h"

G_BEGIN_DECLS

/* A name begins with a letter, so that it is never taken for a number that identifies a queue,
 * and has letters, digits, dots, underscores and hyphens: it can be a file name, and part of a
 * line of output or of a URI, as it is. */
gboolean mp_queue_is_name (const char *name);

/* Copies @name, which may be NULL, into the settings.  Fails if it is not a valid name. */
gboolean mp_queue_settings_set_name (MpQueueSettings *settings,
                                     const char      *name,
                                     GError         **error);

G_END_DECLS
