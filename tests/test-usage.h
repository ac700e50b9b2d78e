/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>
#include <stdio.h>
#include <unistd.h>

/* What this process uses, for tests that compare it before and after. */

static inline int
test_count_fds (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  int n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

/* In bytes, resident. */
static inline gsize
test_get_memory (void)
{
  g_autofree char *contents = NULL;
  gsize            pages = 0;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &contents, NULL, NULL));
  g_assert_cmpint (sscanf (contents, "%*u %" G_GSIZE_FORMAT, &pages), ==, 1);
  return pages * (gsize) sysconf (_SC_PAGESIZE);
}

/* Valgrind looks at each byte that is passed to the kernel, too. */
static inline gboolean
test_is_under_valgrind (void)
{
  return g_getenv ("MP_TEST_VALGRIND") != NULL;
}

/* Returns @n, or less under valgrind, which takes thirty times as long or longer. */
static inline guint
test_fewer_under_valgrind (guint n)
{
  return test_is_under_valgrind () ? n / 50 : n;
}

/* Whether memory that was freed is used again.  The address sanitizer and valgrind keep it for a
 * while, and they find leaks themselves. */
static inline gboolean
test_reuses_memory (void)
{
#ifdef __SANITIZE_ADDRESS__
  return FALSE;
#else
  return !test_is_under_valgrind ();
#endif
}
