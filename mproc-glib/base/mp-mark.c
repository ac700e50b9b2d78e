/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-mark.h"

#ifdef HAVE_SYSPROF

gboolean mp_mark_is_wanted;

static void __attribute__ ((constructor))
ask_environment (void)
{
  mp_mark_is_wanted = g_getenv ("SYSPROF_CONTROL_FD") != NULL;
}

#endif
