/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

/* How many sources exist that were made by g_source_new () outside GLib itself, destroyed ones to
 * which somebody still has a reference included. */
int test_count_sources (void);
