/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "process-scan.h"

#include "base/mp-errno.h"
#include "memory/observer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_PREFIX "/memfd:mproc-glib-queue"

typedef struct
{
  guint64 device, inode; /* what is looked for; inode 0 for any */
  GArray *uses;
} Scan;

/* A number as /proc has it, or -1. */
static int
parse_number (const char *text)
{
  guint64 number;

  return g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT, &number, NULL) ? (int) number : -1;
}

/* Reads a small file of /proc whole, as far as it fits. */
static gboolean
read_small (int         folder,
            const char *name,
            char       *text,
            gsize       size)
{
  int    fd = openat (folder, name, O_RDONLY | O_CLOEXEC);
  gssize length;

  if (fd == -1)
    return FALSE;
  length = TEMP_FAILURE_RETRY (read (fd, text, size - 1));
  close (fd);
  text[MAX (length, 0)] = '\0';
  return length > 0;
}

/* A line is "lock:\t1: OFDLCK ADVISORY WRITE -1 00:01:1025 FIRST LAST". */
static int
find_slot (const char *text)
{
  const char *line = strstr (text, "OFDLCK");

  for (; line != NULL; line = strstr (line + 1, "OFDLCK"))
    {
      guint64 first;

      if (sscanf (line, "OFDLCK %*s %*s %*s %*s %" G_GUINT64_FORMAT, &first) == 1 &&
          mp_memory_observer_slot_of (first) != -1)
        return mp_memory_observer_slot_of (first);
    }
  return -1;
}

static void
read_info (int           process,
           const char   *name,
           MpProcessUse *use)
{
  g_autofree char *path = g_strconcat ("fdinfo/", name, NULL);
  const char      *flags;
  char             text[4096];

  use->slot = -1;
  if (!read_small (process, path, text, sizeof text))
    return;
  flags = strstr (text, "flags:");
  use->is_writable = flags != NULL &&
                     (strtol (flags + strlen ("flags:"), NULL, 8) & O_ACCMODE) != O_RDONLY;
  use->slot = find_slot (text);
}

static void
look_at (Scan       *scan,
         int         process,
         int         pid,
         int         descriptors,
         const char *name)
{
  MpProcessUse use = { .pid = pid, .fd = parse_number (name) };
  char         target[sizeof FILE_PREFIX];
  struct stat  status;

  if (use.fd == -1 ||
      readlinkat (descriptors, name, target, sizeof target) < (gssize) strlen (FILE_PREFIX) ||
      memcmp (target, FILE_PREFIX, strlen (FILE_PREFIX)) != 0 ||
      fstatat (descriptors, name, &status, 0) == -1 ||
      (scan->inode != 0 && (status.st_ino != scan->inode || status.st_dev != scan->device)))
    return;

  use.device = status.st_dev;
  use.inode = status.st_ino;
  read_info (process, name, &use);
  if (use.is_writable)
    g_array_append_val (scan->uses, use);
}

static void
scan_process (Scan *scan,
              int   proc,
              int   pid)
{
  g_autofree char *name = g_strdup_printf ("%d", pid);
  int              process = openat (proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int              descriptors;
  DIR             *folder;
  struct dirent   *entry;

  if (process == -1)
    return;
  descriptors = openat (process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  folder = descriptors != -1 ? fdopendir (descriptors) : NULL;
  if (folder == NULL && descriptors != -1)
    close (descriptors);
  while (folder != NULL && (entry = readdir (folder)) != NULL)
    look_at (scan, process, pid, descriptors, entry->d_name);
  if (folder != NULL)
    closedir (folder);
  close (process);
}

static int
compare_uses (gconstpointer a,
              gconstpointer b)
{
  const MpProcessUse *first = a, *second = b;

  return first->pid != second->pid ? (first->pid > second->pid) - (first->pid < second->pid)
                                   : (first->fd > second->fd) - (first->fd < second->fd);
}

GArray *
mp_process_scan (guint64       device,
                 guint64       inode,
                 GCancellable *cancellable,
                 GError      **error)
{
  Scan           scan = { device, inode, NULL };
  DIR           *proc = opendir ("/proc");
  struct dirent *entry;

  if (proc == NULL || !mp_check_proc (error))
    {
      g_clear_pointer (&proc, closedir);
      return NULL;
    }

  scan.uses = g_array_new (FALSE, FALSE, sizeof (MpProcessUse));
  while ((entry = readdir (proc)) != NULL && !g_cancellable_is_cancelled (cancellable))
    if (g_ascii_isdigit (entry->d_name[0]) && parse_number (entry->d_name) != -1)
      scan_process (&scan, dirfd (proc), parse_number (entry->d_name));
  closedir (proc);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    g_clear_pointer (&scan.uses, g_array_unref);
  else
    g_array_sort (scan.uses, compare_uses);
  return scan.uses;
}

char *
mp_process_dup_command (int pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/comm", pid);
  char            *command = NULL;

  if (!g_file_get_contents (path, &command, NULL, NULL))
    return NULL;
  return g_strchomp (command);
}
