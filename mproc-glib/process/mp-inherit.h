/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-shareable.h"

G_BEGIN_DECLS

MP_AVAILABLE_IN_1_0
MpShareable *mp_inherit (const char *name,
                         GError    **error);
MP_AVAILABLE_IN_1_0
char **mp_inherit_names (void);

G_END_DECLS
