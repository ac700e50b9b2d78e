/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Linked into the tests in C: children that are forked under valgrind do not look for leaks.  Those
 * are failures of the parent only, and a child that has a queue open would look through its whole
 * address space, page by page, which takes valgrind a minute. */

#include <pthread.h>
#include <valgrind/valgrind.h>

static void
forked_cb (void)
{
  VALGRIND_CLO_CHANGE ("--leak-check=no");
}

__attribute__ ((constructor)) static void
set_up (void)
{
  if (RUNNING_ON_VALGRIND)
    pthread_atfork (NULL, NULL, forked_cb);
}
