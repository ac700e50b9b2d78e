/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The eventfd of this thread, by which other threads end its sleep in poll (); made when the thread
 * first sleeps that way.  A forked child gets one of its own.  -1 if there are no descriptors. */
int mp_thread_waker_get_fd (void);
/* Whether the program has left it open.  If not, get_fd () makes another.  To be called before a
 * sleep. */
gboolean mp_thread_waker_check (void);
/* Ends the sleep of the thread that has the eventfd @fd. */
void mp_thread_waker_wake (int fd);
/* To be called when this thread was woken. */
void mp_thread_waker_clear (int fd);

G_END_DECLS
