/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Without /proc, for example after chroot (), creating a queue fails with that reason; connections
 * work. */

#include "config.h"

#include <mproc-glib/mproc-glib.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "test-fork.h"

#define SKIPPED 77

/* Hides /proc from this process only. */
static gboolean
hide_proc (void)
{
  if (unshare (CLONE_NEWNS) == -1 && unshare (CLONE_NEWUSER | CLONE_NEWNS) == -1)
    return FALSE;

  return mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
         mount ("none", "/proc", "tmpfs", 0, NULL) == 0;
}

static int
use_queue (gpointer data)
{
  g_autoptr (MpQueue) queue = NULL;
  g_autoptr (GError) error = NULL;

  if (!hide_proc ())
    return SKIPPED;

  queue = mp_queue_new (0, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_assert_nonnull (strstr (error->message, "/proc"));
  return 0;
}

static int
use_pipe (gpointer data)
{
  g_autoptr (MpConnection) first = NULL;
  g_autoptr (MpConnection) second = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  if (!hide_proc ())
    return SKIPPED;

  mp_pipe (TRUE, &first, &second, &error);
  g_assert_no_error (error);
  mp_connection_send (first, g_variant_new_int32 (7), -1, NULL, &error);
  g_assert_no_error (error);
  value = mp_connection_recv (second, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int32 (value), ==, 7);
  return 0;
}

static void
test_without_proc (gconstpointer func)
{
  int status = 0;
  int child = test_fork ((int (*) (gpointer)) func, NULL);

  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  if (WIFEXITED (status) && WEXITSTATUS (status) == SKIPPED)
    g_test_skip ("file systems cannot be mounted here");
  else
    g_assert_cmpint (status, ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/no-proc/queue", use_queue, test_without_proc);
  g_test_add_data_func ("/no-proc/pipe", use_pipe, test_without_proc);

  return g_test_run ();
}
