/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The command of a process as it calls itself, that of a script by the name of its file, or NULL.
 * Free it with g_free (). */
char *mp_process_dup_command (int pid);

G_END_DECLS
