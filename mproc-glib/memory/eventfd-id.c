/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "eventfd-id.h"

#include <string.h>
#include <unistd.h>

static guint64
read_id (const char *path)
{
  const char      *label = "eventfd-id:";
  g_autofree char *text = NULL;
  const char      *line;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  line = strstr (text, label);
  return line != NULL ? g_ascii_strtoull (line + strlen (label), NULL, 10) + 1 : 0;
}

guint64
mp_eventfd_get_id (int fd)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/fdinfo/%d", (int) getpid (), fd);

  return read_id (path);
}

int
mp_eventfd_find (int     pid,
                 guint64 id)
{
  g_autofree char *folder = g_strdup_printf ("/proc/%d/fdinfo", pid);
  g_autoptr (GDir) descriptors = g_dir_open (folder, 0, NULL);
  const char *name;

  while (descriptors != NULL && (name = g_dir_read_name (descriptors)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (read_id (path) == id)
        return (int) g_ascii_strtoull (name, NULL, 10);
    }
  return -1;
}
