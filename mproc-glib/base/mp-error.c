/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-error.h"

/**
 * mp_error_quark:
 *
 * Gives the error domain of this library, which C knows as %MP_ERROR.
 *
 * Returns: the quark
 *
 * Since: 1.0
 */
G_DEFINE_QUARK (mp - error - quark, mp_error)
