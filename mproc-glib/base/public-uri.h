/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Returns a URI, or other text, without the user and password that it may contain, to be shown. */
char *mp_public_uri (const char *text);

G_END_DECLS
