/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The number of this process, by which a forked child tells what is its parent's. */
int mp_own_pid (void);

G_END_DECLS
