/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Returns the error that another process has described.  If its domain is unknown in this process,
 * it is MP_ERROR_REMOTE, with the name of the domain in front of the message. */
GError *mp_remote_error_new (const char *domain,
                             int         code,
                             const char *message);

G_END_DECLS
