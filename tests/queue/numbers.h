/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

/* A queue of numbers: what many tests put and get. */

MpQueue *make (guint max_size);

/* Of any class; each asserts that it succeeds. */
void   put_int (gpointer queue,
                gint64   value);
gint64 get_int (gpointer queue);

/* Puts 0 to 9,999: what a forked child does.  Returns 0. */
int put_numbers (gpointer queue);
