/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-shareable.h"

G_BEGIN_DECLS

/* The library's classes of things to share, with NULL at the end: a description may name
 * one before anything in this process has asked for its type.  The table is filled above, in
 * mp-shareable-types.c, so that the interface knows no class. */
extern GType (*const mp_shareable_types[]) (void);

G_END_DECLS
