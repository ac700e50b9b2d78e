/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-error.h"

#include <glib/gi18n-lib.h>

/**
 * mp_error_quark:
 *
 * Gives the error domain of this library, which C knows as %MP_ERROR.
 *
 * Returns: the quark
 *
 * Since: 1.0
 */
/* clang-format off */
G_DEFINE_QUARK (mp-error-quark, mp_error)
/* clang-format on */

/* Where the translations of messages are; GLib looks for them when it needs one. */
static void __attribute__ ((constructor))
bind_translations (void)
{
  bindtextdomain (GETTEXT_PACKAGE, LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
}
