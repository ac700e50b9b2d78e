/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The kernel gives each eventfd a number, which all descriptors of it show in /proc. */

/* Returns that number plus one, since it may be 0; 0 if it cannot be found out. */
guint64 mp_eventfd_get_id (int fd);
/* Returns the descriptor under which the process @pid has the eventfd, or -1. */
int mp_eventfd_find (int     pid,
                     guint64 id);

G_END_DECLS
