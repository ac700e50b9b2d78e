/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

/* Returns the number of sources created by g_source_new () outside GLib itself, including destroyed
 * ones that are still referenced. */
int test_count_sources (void);
