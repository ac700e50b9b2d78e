/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Finds this user's named queues for observers: nothing is created or opened for writing. */

/* Opens the memory of each queue read-only; @func takes ownership of the descriptor. */
typedef void (*MpNamedQueueFunc) (int      fd,
                                  gpointer user_data);
void mp_observer_foreach_named (MpNamedQueueFunc func,
                                gpointer         user_data);

/* Opens the memory of the queue with this name read-only; -1 with @error set if there is none. */
int mp_observer_open_named (const char *name,
                            GError    **error);

/* Whether a path, as links in /proc show it, can be that of the memory of a queue with a name, of
 * whatever user. */
gboolean mp_observer_is_named_path (const char *path);

/* The URI of the queue with this name, if its memory is this file; else NULL. */
char *mp_observer_dup_uri (const char *name,
                           guint64     device,
                           guint64     inode);

G_END_DECLS
