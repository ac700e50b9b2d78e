/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-shareable.h"

G_BEGIN_DECLS

/* The library's classes that implement MpShareable, terminated by NULL: a description may name a
 * class whose type this process has not registered yet.  The table is defined in
 * mp-shareable-types.c, above all rooms, so that this room depends on no class. */
extern GType (*const mp_shareable_types[]) (void);

G_END_DECLS
