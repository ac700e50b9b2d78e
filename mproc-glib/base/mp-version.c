/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-version.h"

/**
 * mp_get_major_version:
 *
 * Gets the first number of the version of the library that the program runs with.
 *
 * [const@MAJOR_VERSION] is that of the version that it is compiled with.
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
 * Gets the second number of the version of the library that the program runs with.
 *
 * [const@MINOR_VERSION] is that of the version that it is compiled with.
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
 * Gets the third number of the version of the library that the program runs with.
 *
 * [const@MICRO_VERSION] is that of the version that it is compiled with.
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
