/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hold-lock head|tail MEMORY BELL
 *
 * Stops itself while it holds a lock of the queue behind these descriptors, and ends when it is
 * continued. For tests in languages that cannot take a lock. */

#include "config.h"

#include "memory/test-memory.h"

#include <stdlib.h>

int
main (int   argc,
      char *argv[])
{
  g_assert_cmpint (argc, ==, 4);
  test_memory_hold_lock (atoi (argv[2]), atoi (argv[3]),
                         g_str_equal (argv[1], "head") ? MP_LOCK_HEAD : MP_LOCK_TAIL);
  return 0;
}
