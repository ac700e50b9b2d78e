/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-error.h"

#include <glib/gi18n-lib.h>

/**
 * mp_error_quark:
 *
 * Gets the error domain of this library, which is %MP_ERROR in C.
 *
 * Returns: the quark
 *
 * Since: 1.0
 */
/* clang-format off */
G_DEFINE_QUARK (mp-error-quark, mp_error)
/* clang-format on */

/* Sets the directory of the translations.  GLib loads them when a message is first translated. */
static void __attribute__ ((constructor))
bind_translations (void)
{
  bindtextdomain (GETTEXT_PACKAGE, LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
}
