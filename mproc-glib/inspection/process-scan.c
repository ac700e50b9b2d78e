/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "process-scan.h"

#include "base/mp-errno.h"
#include "base/mp-small-file.h"
#include "memory/observer-named.h"
#include "memory/observer.h"

#include <dirent.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FILE_PREFIX "/memfd:mproc-glib-queue"

/* A longer path is truncated, which is harmless: it is not that of a queue. */
#define MAX_PATH 512

/* How many bytes of the names of descriptors are read at a time. */
#define FOLDER_PORTION 8192

/* The last scan; NULL while a thread adds a reference to it.  Exchanged atomically instead of under
 * a lock, since a child forked while the lock is held could never get it. */
static MpProcessScan *last;

/* A number as /proc has it, or -1. */
static int
parse_number (const char *text)
{
  guint64 number;

  return g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT, &number, NULL) ? (int) number : -1;
}

/* Returns the word @n places further on in a line; empty if there are not so many. */
static const char *
skip_words (const char *text,
            guint       n)
{
  for (; n > 0; n--)
    {
      text += strcspn (text, " \n");
      text += strspn (text, " ");
    }
  return text;
}

/* A line is "lock:\t1: OFDLCK ADVISORY WRITE -1 00:01:1025 FIRST LAST". */
static int
find_slot (const char *text)
{
  const char *line = strstr (text, "OFDLCK");

  for (; line != NULL; line = strstr (line + 1, "OFDLCK"))
    {
      const guint64 first = g_ascii_strtoull (skip_words (line, 5), NULL, 10);

      if (mp_memory_observer_slot_of (first) != -1)
        return mp_memory_observer_slot_of (first);
    }
  return -1;
}

static void
read_info (MpProcessUse *use)
{
  char        path[64], text[4096];
  const char *flags;

  use->slot = -1;
  g_snprintf (path, sizeof path, "/proc/%d/fdinfo/%d", use->pid, use->fd);
  if (mp_small_file_read (path, text, sizeof text) == 0)
    return;
  flags = strstr (text, "flags:");
  use->is_writable = flags != NULL &&
                     (strtol (flags + strlen ("flags:"), NULL, 8) & O_ACCMODE) != O_RDONLY;
  use->slot = find_slot (text);
}

static gboolean
is_queue (int         descriptors,
          const char *name)
{
  char   target[MAX_PATH];
  gssize length = readlinkat (descriptors, name, target, sizeof target - 1);

  if (length < (gssize) strlen (FILE_PREFIX) || target[0] != '/')
    return FALSE;
  target[length] = '\0';
  return memcmp (target, FILE_PREFIX, strlen (FILE_PREFIX)) == 0 ||
         mp_observer_is_named_path (target);
}

/* Checks the type of the file first: nearly all descriptors are sockets, pipes and devices, and
 * fstatat () takes less than half as long as reading the link.  A scan spends most of its time
 * here. */
static void
look_at (GArray     *uses,
         int         pid,
         int         descriptors,
         const char *name)
{
  MpProcessUse use = { .pid = pid, .fd = parse_number (name) };
  struct stat  status;

  if (use.fd == -1 || fstatat (descriptors, name, &status, 0) == -1 ||
      !S_ISREG (status.st_mode) || !is_queue (descriptors, name))
    return;

  use.device = status.st_dev;
  use.inode = status.st_ino;
  read_info (&use);
  if (use.is_writable)
    g_array_append_val (uses, use);
}

/* Not with opendir (), which takes memory and two more system calls for each process. */
static void
scan_process (GArray *uses,
              int     proc,
              int     pid)
{
  char   path[32];
  char   entries[FOLDER_PORTION] __attribute__ ((aligned (8)));
  gssize n;
  int    descriptors;

  g_snprintf (path, sizeof path, "%d/fd", pid);
  descriptors = openat (proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptors == -1)
    return;
  while ((n = getdents64 (descriptors, entries, sizeof entries)) > 0)
    for (gssize i = 0; i < n; i += ((struct dirent64 *) (entries + i))->d_reclen)
      look_at (uses, pid, descriptors, ((struct dirent64 *) (entries + i))->d_name);
  close (descriptors);
}

static int
compare_uses (gconstpointer a,
              gconstpointer b)
{
  const MpProcessUse *first = a, *second = b;

  return first->pid != second->pid ? (first->pid > second->pid) - (first->pid < second->pid)
                                   : (first->fd > second->fd) - (first->fd < second->fd);
}

static MpProcessScan *
scan_new (void)
{
  MpProcessScan *self = g_new0 (MpProcessScan, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->uses = g_array_new (FALSE, FALSE, sizeof (MpProcessUse));
  self->begun_at = g_get_monotonic_time ();
  self->begun_at_real = g_get_real_time ();
  return self;
}

void
mp_process_scan_unref (MpProcessScan *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_array_unref (self->uses);
  g_free (self);
}

static MpProcessScan *
scan_ref (MpProcessScan *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/* Takes ownership of a reference to @scan. */
static void
keep_last (MpProcessScan *scan)
{
  MpProcessScan *former = __atomic_exchange_n (&last, scan, __ATOMIC_ACQ_REL);

  if (former != NULL)
    mp_process_scan_unref (former);
}

MpProcessScan *
mp_process_scan (GCancellable *cancellable,
                 GError      **error)
{
  g_autoptr (MpProcessScan) self = NULL;
  DIR           *proc = opendir ("/proc");
  struct dirent *entry;

  if (proc == NULL || !mp_check_proc (error))
    {
      g_clear_pointer (&proc, closedir);
      return NULL;
    }

  self = scan_new ();
  while ((entry = readdir (proc)) != NULL && !g_cancellable_is_cancelled (cancellable))
    if (g_ascii_isdigit (entry->d_name[0]) && parse_number (entry->d_name) != -1)
      scan_process (self->uses, dirfd (proc), parse_number (entry->d_name));
  closedir (proc);
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return NULL;

  g_array_sort (self->uses, compare_uses);
  keep_last (scan_ref (self));
  return g_steal_pointer (&self);
}

MpProcessScan *
mp_process_scan_get_last (void)
{
  MpProcessScan *self = __atomic_exchange_n (&last, NULL, __ATOMIC_ACQ_REL);

  if (self != NULL)
    keep_last (scan_ref (self));
  return self;
}

gboolean
mp_process_use_is_current (const MpProcessUse *use)
{
  MpProcessUse now = *use;
  char         path[64];
  struct stat  status;

  g_snprintf (path, sizeof path, "/proc/%d/fd/%d", use->pid, use->fd);
  if (stat (path, &status) == -1 || status.st_ino != use->inode || status.st_dev != use->device)
    return FALSE;
  read_info (&now);
  return now.slot == use->slot;
}

/* --- Queues of others ------------------------------------------------------------------------- */

static void
note_file (GArray              *files,
           const MpProcessFile *file)
{
  for (guint i = 0; i < files->len; i++)
    if (memcmp (&g_array_index (files, MpProcessFile, i), file, sizeof *file) == 0)
      return;
  g_array_append_vals (files, file, 1);
}

/* A line is "1: OFDLCK ADVISORY  WRITE -1 00:01:1025 FIRST LAST". */
GArray *
mp_process_list_locked (void)
{
  GArray *files = g_array_new (FALSE, FALSE, sizeof (MpProcessFile));
  FILE   *locks = fopen ("/proc/locks", "re");
  char    line[256];

  while (locks != NULL && fgets (line, sizeof line, locks) != NULL)
    {
      const char   *lock = strstr (line, "OFDLCK");
      unsigned int  major_number, minor_number;
      guint64       inode, first;
      MpProcessFile file;

      if (lock == NULL ||
          sscanf (lock, "OFDLCK %*s %*s %*s %x:%x:%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
                  &major_number, &minor_number, &inode, &first) != 4 ||
          mp_memory_observer_slot_of (first) == -1)
        continue;
      file = (MpProcessFile){ makedev (major_number, minor_number), inode };
      note_file (files, &file);
    }
  if (locks != NULL)
    fclose (locks);
  return files;
}
