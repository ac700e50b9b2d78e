/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hold-lock head|tail|arena MEMORY BELL
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
  static const char *const names[MP_N_LOCKS] = {
    [MP_LOCK_HEAD] = "head",
    [MP_LOCK_TAIL] = "tail",
    [MP_LOCK_ARENA] = "arena",
  };
  guint lock = 0;

  g_assert_cmpint (argc, ==, 4);
  while (!g_str_equal (argv[1], names[lock]))
    lock++;
  test_memory_hold_lock (atoi (argv[2]), atoi (argv[3]), (MpLockId) lock);
  return 0;
}
