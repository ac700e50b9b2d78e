/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined(MPROC_GLIB_INSIDE) && !defined(MPROC_GLIB_COMPILATION)
#error "Only <mproc-glib/mproc-glib.h> can be included directly."
#endif

/**
 * MP_AVAILABLE_IN_1_0: (skip)
 *
 * Marks a public symbol that exists since version 1.0.
 */
#define MP_AVAILABLE_IN_1_0 __attribute__ ((visibility ("default"))) extern
