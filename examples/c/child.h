/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

MpProcess *make_child (const char *program,
                       const char *role,
                       const char *word);
