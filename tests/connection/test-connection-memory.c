/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connections of a process that may not use more memory. */

#include "config.h"

#include "test-fork.h"

#include <mproc-glib/mproc-glib.h>

#include <stdio.h>
#include <sys/resource.h>

/* Much more than a socket takes, and than the allocator has in reserve. */
#define LENGTH (64 * 1024 * 1024)

static void
forbid_more_memory (void)
{
  FILE         *file = fopen ("/proc/self/statm", "r");
  unsigned long n_pages;
  struct rlimit limit;

  g_assert_nonnull (file);
  g_assert_cmpint (fscanf (file, "%lu", &n_pages), ==, 1);
  fclose (file);

  limit.rlim_cur = limit.rlim_max = n_pages * (rlim_t) sysconf (_SC_PAGESIZE) + LENGTH / 2;
  g_assert_cmpint (setrlimit (RLIMIT_AS, &limit), ==, 0);
}

/* A call whose timeout has expired keeps the rest of a message that it has begun.  If there is no
 * memory for that, the connection fails, and the process lives. */
static int
send_too_much (gpointer data)
{
  g_autoptr (MpConnection) connection = NULL;
  g_autoptr (MpConnection) peer = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *message = g_malloc0 (LENGTH);

  g_assert_true (mp_pipe (TRUE, &connection, &peer, NULL));
  forbid_more_memory ();

  g_assert_false (mp_connection_send_data (connection, message, LENGTH, 10000, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_TOO_LARGE);
  g_clear_error (&error);
  g_assert_false (mp_connection_send_data (connection, message, 1, 10000, NULL, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  return 0;
}

static void
test_rest (void)
{
  test_wait_child (test_fork (send_too_much, NULL), 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/connection/memory/rest", test_rest);

  return g_test_run ();
}
