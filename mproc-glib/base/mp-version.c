/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-version.h"

/**
 * mp_get_major_version:
 *
 * Gets the major version number of the library with which the program runs.
 *
 * [const@MAJOR_VERSION] is the one with which the program was compiled.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint
mp_get_major_version (void)
{
  return MP_MAJOR_VERSION;
}

/**
 * mp_get_minor_version:
 *
 * Gets the minor version number of the library with which the program runs.
 *
 * [const@MINOR_VERSION] is the one with which the program was compiled.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint
mp_get_minor_version (void)
{
  return MP_MINOR_VERSION;
}

/**
 * mp_get_micro_version:
 *
 * Gets the micro version number of the library with which the program runs.
 *
 * [const@MICRO_VERSION] is the one with which the program was compiled.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint
mp_get_micro_version (void)
{
  return MP_MICRO_VERSION;
}
