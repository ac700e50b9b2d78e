/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The kernel gives each eventfd a number, which all descriptors of it show in /proc. */

/* The number plus one; 0 where it cannot be told. */
guint64 mp_eventfd_get_id (int fd);
/* A descriptor of the process that has the eventfd, or -1. */
int mp_eventfd_find (int     pid,
                     guint64 id);

G_END_DECLS
