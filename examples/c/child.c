/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "child.h"

/* Creates a process that runs this program again in another role; the caller passes it queues and
 * connections, and starts it.  @program is argv[0], and @word may be NULL. */
MpProcess *
make_child (const char *program,
            const char *role,
            const char *word)
{
  MpProcess *child = mp_process_new ((const char *[]){ program, role, word, NULL });

  mp_process_set_die_with_parent (child, TRUE);

  return child;
}
