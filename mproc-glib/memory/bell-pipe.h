/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The pipe of a queue, which is written to in order to wake main loops: see bell.h.  A pipe and not
 * an eventfd, since other processes can open a pipe through /proc. */

/* Returns a descriptor for reading and writing, or -1 with errno set.  Without /proc it is that of
 * an eventfd: nobody can open a queue from outside there. */
int mp_bell_pipe_new (void);
/* The number of the pipe in the kernel; 0 if it is none. */
guint64 mp_bell_pipe_get_id (int fd);
/* Opens the pipe with this number that the process @pid has.  Returns -1 with errno set. */
int mp_bell_pipe_open (int     pid,
                       guint64 id);

G_END_DECLS
