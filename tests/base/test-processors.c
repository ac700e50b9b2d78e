/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "base/mp-processors.h"
#include "base/mp-spin.h"

#include <glib/gstdio.h>
#include <sched.h>

static char *root;

static void
write_file (const char *path,
            const char *content)
{
  g_autofree char *full = g_build_filename (root, path, NULL);
  g_autofree char *folder = g_path_get_dirname (full);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_file_set_contents (full, content, -1, &error);
  g_assert_no_error (error);
}

static void
assert_quota (const char *groups,
              double      expected)
{
  g_assert_cmpfloat_with_epsilon (mp_processors_read_quota (root, groups), expected, 0.001);
}

/* The least of the group and of those around it counts. */
static void
test_quota (void)
{
  assert_quota ("0::/none\n", 0);
  write_file ("free/cpu.max", "max 100000\n");
  assert_quota ("0::/free\n", 0);
  write_file ("outer/cpu.max", "150000 100000\n");
  write_file ("outer/inner/cpu.max", "400000 100000\n");
  assert_quota ("0::/outer/inner\n", 1.5);
  assert_quota ("0::/outer\n", 1.5);
}

static void
test_old_quota (void)
{
  write_file ("cpu,cpuacct/old/cpu.cfs_quota_us", "50000\n");
  write_file ("cpu,cpuacct/old/cpu.cfs_period_us", "100000\n");
  write_file ("cpu,cpuacct/free/cpu.cfs_quota_us", "-1\n");
  write_file ("cpu,cpuacct/free/cpu.cfs_period_us", "100000\n");
  assert_quota ("5:memory:/old\n4:cpu,cpuacct:/old\n", 0.5);
  assert_quota ("4:cpu,cpuacct:/free\n", 0);
}

static void
test_malformed (void)
{
  write_file ("odd/cpu.max", "what\n");
  assert_quota ("0::/odd\n", 0);
  assert_quota ("", 0);
  assert_quota (":\n::\n0\n", 0);
  assert_quota ("0::/../../../odd\n", 0);
}

/* As under taskset: nobody could do anything while we spin. */
static void
test_affinity (void)
{
  cpu_set_t before, one;

  g_assert_cmpint (sched_getaffinity (0, sizeof before, &before), ==, 0);
  CPU_ZERO (&one);
  for (guint i = 0; i < CPU_SETSIZE && CPU_COUNT (&one) == 0; i++)
    if (CPU_ISSET (i, &before))
      CPU_SET (i, &one);
  g_assert_cmpint (sched_setaffinity (0, sizeof one, &one), ==, 0);
  g_assert_cmpuint (mp_processors_count (), ==, 1);
  g_assert_cmpuint (mp_spin_choose_us (), ==, 0);
  g_assert_cmpint (sched_setaffinity (0, sizeof before, &before), ==, 0);
  g_assert_cmpuint (mp_processors_count (), <=, CPU_COUNT (&before));
}

int
main (int   argc,
      char *argv[])
{
  g_autofree char *command = NULL;
  int              result;

  g_test_init (&argc, &argv, NULL);
  root = g_dir_make_tmp ("processors-XXXXXX", NULL);
  g_assert_nonnull (root);

  g_test_add_func ("/processors/quota", test_quota);
  g_test_add_func ("/processors/old-quota", test_old_quota);
  g_test_add_func ("/processors/malformed", test_malformed);
  g_test_add_func ("/processors/affinity", test_affinity);

  result = g_test_run ();
  command = g_strdup_printf ("rm -r '%s'", root);
  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
  g_free (root);
  return result;
}
