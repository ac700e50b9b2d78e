/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-remote-error.h"

#include "mp-error.h"

#include <gio/gio.h>

/* A domain has a quark only once this process has used it, so use those that peers usually send. */
static void
ensure_domains (void)
{
  static gsize done = 0;

  if (!g_once_init_enter (&done))
    return;
  g_once_init_leave (&done, MP_ERROR + G_IO_ERROR + G_FILE_ERROR + G_SPAWN_ERROR);
}

/* Unknown error domains are not registered as quarks: a peer could send any number of them, and
 * quarks are never freed. */
GError *
mp_remote_error_new (const char *domain,
                     int         code,
                     const char *message)
{
  GQuark quark;

  ensure_domains ();
  quark = g_quark_try_string (domain);
  if (quark != 0)
    return g_error_new_literal (quark, code, message);

  return g_error_new (MP_ERROR, MP_ERROR_REMOTE, "%s: %s", domain, message);
}
