/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-format.h"

#include <glib.h>

G_BEGIN_DECLS

/* Extracts one item of @payload, a list or tuple of @n_items, as a payload in the same format, JSON
 * or pickle.  No information is lost: integers of any size and sets are preserved. */
GBytes *mp_part_extract (MpFormat format,
                         GBytes  *payload,
                         guint    index,
                         guint    n_items,
                         GError **error);

G_END_DECLS
