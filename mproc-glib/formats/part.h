/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-format.h"

#include <glib.h>

G_BEGIN_DECLS

/* One item of the list or tuple of @n_items that @payload is, as a payload in the same format,
 * JSON or pickle.  Nothing is lost: integers of any size and sets stay what they are. */
GBytes *mp_part_extract (MpFormat format,
                         GBytes  *payload,
                         guint    index,
                         guint    n_items,
                         GError **error);

G_END_DECLS
