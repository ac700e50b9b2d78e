/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-processors.h"

#include <sched.h>
#include <string.h>

/* --- Quotas of control groups --------------------------------------------------------------- */

static double
divide (const char *quota,
        const char *period)
{
  double quota_us = g_ascii_strtod (quota, NULL);
  double period_us = g_ascii_strtod (period, NULL);

  return quota_us > 0 && period_us > 0 ? quota_us / period_us : 0;
}

/* Version 2: one file with the quota, or "max", and the period. */
static double
read_group (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "cpu.max", NULL);
  g_autofree char *content = NULL;
  const char      *period;

  if (!g_file_get_contents (path, &content, NULL, NULL) ||
      (period = strchr (content, ' ')) == NULL)
    return 0;
  return divide (content, period + 1);
}

/* Version 1: two files; a quota of -1 is none. */
static double
read_old_group (const char *folder)
{
  g_autofree char *quota_path = g_build_filename (folder, "cpu.cfs_quota_us", NULL);
  g_autofree char *period_path = g_build_filename (folder, "cpu.cfs_period_us", NULL);
  g_autofree char *quota = NULL, *period = NULL;

  if (!g_file_get_contents (quota_path, &quota, NULL, NULL) ||
      !g_file_get_contents (period_path, &period, NULL, NULL))
    return 0;
  return divide (quota, period);
}

/* The least quota of the group and of those that contain it, up to @root. */
static double
read_groups (const char *root,
             const char *group,
             double (*read) (const char *folder))
{
  g_autofree char *folder = g_build_filename (root, group, NULL);
  double           least = 0;

  while (g_str_has_prefix (folder, root))
    {
      double quota = read (folder);
      char  *parent = g_path_get_dirname (folder);

      if (quota > 0 && (least == 0 || quota < least))
        least = quota;
      if (g_str_equal (folder, root) || g_str_equal (folder, parent))
        {
          g_free (parent);
          break;
        }
      g_free (folder);
      folder = parent;
    }
  return least;
}

/* Each line is "number:controllers:group"; version 2 has no controllers. */
double
mp_processors_read_quota (const char *root,
                          const char *groups)
{
  g_auto (GStrv) lines = g_strsplit (groups, "\n", -1);
  double least = 0;

  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) fields = g_strsplit (lines[i], ":", 3);
      double quota = 0;

      if (g_strv_length (fields) != 3)
        continue;
      if (*fields[1] == '\0')
        {
          quota = read_groups (root, fields[2], read_group);
        }
      else if (g_strv_contains ((const char *const[]){ "cpu", "cpu,cpuacct", NULL }, fields[1]))
        {
          g_autofree char *old_root = g_build_filename (root, fields[1], NULL);

          quota = read_groups (old_root, fields[2], read_old_group);
        }
      if (quota > 0 && (least == 0 || quota < least))
        least = quota;
    }
  return least;
}

/* --- All together ---------------------------------------------------------------------------- */

static double
read_own_quota (void)
{
  g_autofree char *groups = NULL;

  if (!g_file_get_contents ("/proc/self/cgroup", &groups, NULL, NULL))
    return 0;
  return mp_processors_read_quota ("/sys/fs/cgroup", groups);
}

/* GLib may count all processors of the machine, also those that this process must not use. */
static guint
count_allowed (void)
{
  cpu_set_t set;

  return sched_getaffinity (0, sizeof set, &set) == 0 ? (guint) MAX (CPU_COUNT (&set), 1)
                                                      : g_get_num_processors ();
}

guint
mp_processors_count (void)
{
  /* The quota plus one; 0: not read yet.  Reading it takes longer than the rest of creating a
   * queue, so it is kept. */
  static guint32 known;
  guint32        limit = __atomic_load_n (&known, __ATOMIC_RELAXED);

  if (limit == 0)
    {
      double quota = read_own_quota ();

      limit = quota > 0 ? (guint32) CLAMP (quota, 1, 1 << 20) + 1 : G_MAXUINT32;
      __atomic_store_n (&known, limit, __ATOMIC_RELAXED);
    }
  return MIN (count_allowed (), limit - 1);
}
