/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "named-folder.h"

#include "base/mp-errno.h"
#include "step.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MAX_ATTEMPTS 64

/* How temporary names begin; no queue has a name that begins with a dot. */
#define UNFINISHED ".new."
#define WITHDRAWN  ".old."

/* The folder of a Flatpak application has the same path inside and outside its sandbox. */
static char *
dup_runtime_folder (void)
{
  const char      *runtime = g_getenv ("XDG_RUNTIME_DIR");
  const char      *sandbox = g_getenv ("FLATPAK_ID");
  g_autofree char *usual = g_strdup_printf ("/run/user/%d", (int) geteuid ());

  if (runtime != NULL && g_path_is_absolute (runtime))
    return sandbox != NULL ? g_build_filename (runtime, "app", sandbox, NULL) : g_strdup (runtime);
  return g_file_test (usual, G_FILE_TEST_IS_DIR) ? g_steal_pointer (&usual) : NULL;
}

char *
mp_named_folder_dup_path (void)
{
  g_autofree char *runtime = dup_runtime_folder ();

  return runtime != NULL ? g_build_filename (runtime, "mproc-glib", NULL)
                         : g_strdup_printf ("/dev/shm/mproc-glib-%d", (int) geteuid ());
}

static gboolean
check_folder (int         folder,
              const char *path,
              GError    **error)
{
  struct stat   status;
  struct statfs system;

  if (fstat (folder, &status) == -1 || fstatfs (folder, &system) == -1)
    return mp_set_error_from_errno (error, errno, _ ("Cannot examine the folder %s"), path);
  if (status.st_uid != geteuid () || (status.st_mode & 0022) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                   _ ("The folder %s is not this user's alone"), path);
      return FALSE;
    }
  /* Its names are nobody else's business either; the queues themselves are never readable. */
  if ((status.st_mode & 0077) != 0 && fchmod (folder, status.st_mode & 0700) == -1)
    return mp_set_error_from_errno (error, errno, _ ("Cannot change the mode of the folder %s"),
                                    path);
  /* A queue on a disk would be written back to it all the time. */
  if ((guint32) system.f_type != TMPFS_MAGIC && (guint32) system.f_type != RAMFS_MAGIC)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   _ ("The folder %s is not in memory (tmpfs)"), path);
      return FALSE;
    }
  return TRUE;
}

int
mp_named_folder_open (GError **error)
{
  g_autofree char *path = mp_named_folder_dup_path ();
  int              folder;

  if (mkdir (path, 0700) == -1 && errno != EEXIST)
    {
      mp_set_error_from_errno (error, errno, _ ("Cannot make the folder %s"), path);
      return -1;
    }
  folder = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder == -1)
    {
      mp_set_error_from_errno (error, errno, _ ("Cannot open the folder %s"), path);
      return -1;
    }
  if (check_folder (folder, path, error))
    return folder;
  close (folder);
  return -1;
}

int
mp_named_folder_open_queue (int         folder,
                            const char *name,
                            GError    **error)
{
  int queue = openat (folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

  if (queue != -1 || errno == ENOENT)
    {
      if (queue == -1)
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                     _ ("There is no queue with the name “%s”"), name);
      return queue;
    }
  mp_set_error_from_errno (error, errno, _ ("Cannot open the queue “%s”"), name);
  return -1;
}

/* The process id is part of it, since forked processes may draw the same random numbers. */
static char *
dup_temporary_name (const char *prefix,
                    const char *name)
{
  return g_strdup_printf ("%s%s.%d-%06x", prefix, name, (int) getpid (),
                          g_random_int () & 0xffffff);
}

/* Returns -1 with EWOULDBLOCK if another process has locked the folder, and with ENOENT if it does
 * not exist any more. */
static int
open_and_lock (int         folder,
               const char *name)
{
  int         queue = openat (folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int         saved_errno;
  struct stat status;

  if (queue == -1)
    return -1;
  errno = ENOENT;
  if (flock (queue, LOCK_EX | LOCK_NB) == 0 && fstat (queue, &status) == 0 && status.st_nlink > 0)
    return queue;
  saved_errno = errno;
  close (queue);
  errno = saved_errno;
  return -1;
}

/* Another creator may take the new folder for that of a dead one, before it is locked, and remove
 * it: then this one makes the next. */
int
mp_named_folder_make (int         folder,
                      const char *name,
                      char      **temporary,
                      GError    **error)
{
  for (guint i = 0; i < MAX_ATTEMPTS; i++)
    {
      g_autofree char *own = dup_temporary_name (UNFINISHED, name);
      int              queue = -1;

      if (mkdirat (folder, own, 0700) == 0)
        {
          MP_STEP ("name/made");
          queue = open_and_lock (folder, own);
        }
      if (queue != -1)
        {
          MP_STEP ("name/locked");
          *temporary = g_steal_pointer (&own);
          return queue;
        }
      if (errno != EEXIST && errno != EWOULDBLOCK && errno != ENOENT)
        break;
    }
  mp_set_error_from_errno (error, errno, _ ("Cannot make the queue “%s”"), name);
  return -1;
}

/* To close it would not unlock it while a child that was forked meanwhile has it, too. */
void
mp_named_folder_close_new (int queue)
{
  flock (queue, LOCK_UN);
  close (queue);
}

gboolean
mp_named_folder_publish (int         folder,
                         const char *temporary,
                         const char *name,
                         GError    **error)
{
  MP_STEP ("name/complete");
  if (renameat2 (folder, temporary, folder, name, RENAME_NOREPLACE) == 0)
    {
      MP_STEP ("name/published");
      return TRUE;
    }
  if (errno != EEXIST)
    mp_set_error_from_errno (error, errno, _ ("Cannot make the queue “%s”"), name);
  return FALSE;
}

char *
mp_named_folder_withdraw (int         folder,
                          const char *name,
                          GError    **error)
{
  for (guint i = 0; i < MAX_ATTEMPTS; i++)
    {
      g_autofree char *temporary = dup_temporary_name (WITHDRAWN, name);

      if (renameat2 (folder, name, folder, temporary, RENAME_NOREPLACE) == 0)
        {
          MP_STEP ("name/withdrawn");
          return g_steal_pointer (&temporary);
        }
      if (errno != EEXIST)
        break;
    }
  if (errno == ENOENT)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 _ ("There is no queue with the name “%s”"), name);
  else
    mp_set_error_from_errno (error, errno, _ ("Cannot remove the queue “%s”"), name);
  return NULL;
}

void
mp_named_folder_remove (int         folder,
                        const char *temporary)
{
  int queue = openat (folder, temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

  if (queue != -1)
    {
      unlinkat (queue, MP_NAMED_MEMORY, 0);
      MP_STEP ("name/removing");
      unlinkat (queue, MP_NAMED_BELL, 0);
      close (queue);
    }
  unlinkat (folder, temporary, AT_REMOVEDIR);
}

static GPtrArray *
list_names (int         folder,
            const char *prefix)
{
  GPtrArray           *names = g_ptr_array_new_with_free_func (g_free);
  int                  own = openat (folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR                 *listed = own != -1 ? fdopendir (own) : NULL;
  const struct dirent *entry;

  while (listed != NULL && (entry = readdir (listed)) != NULL)
    if (g_str_has_prefix (entry->d_name, prefix))
      g_ptr_array_add (names, g_strdup (entry->d_name));
  if (listed != NULL)
    closedir (listed);
  else if (own != -1)
    close (own);
  return names;
}

void
mp_named_folder_remove_unfinished (int folder)
{
  g_autoptr (GPtrArray) names = list_names (folder, UNFINISHED);

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      int         queue = open_and_lock (folder, name);

      if (queue == -1)
        continue;
      mp_named_folder_remove (folder, name);
      mp_named_folder_close_new (queue);
    }
}

GPtrArray *
mp_named_folder_list_withdrawn (int folder)
{
  return list_names (folder, WITHDRAWN);
}
