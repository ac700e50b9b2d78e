/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "observer-named.h"

#include "base/mp-errno.h"
#include "local-queue.h"
#include "named-folder.h"
#include "queue-name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER  "/mproc-glib"
#define DELETED " (deleted)"

static int
open_memory (int         folder,
             const char *name)
{
  const int queue = openat (folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int       fd = -1;

  if (queue == -1)
    return -1;
  fd = openat (queue, MP_NAMED_MEMORY, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  close (queue);
  return fd;
}

/* Names that begin with a dot are those of queues that are being made or removed. */
void
mp_observer_foreach_named (MpNamedQueueFunc func,
                           gpointer         user_data)
{
  g_autofree char     *path = mp_named_folder_dup_path ();
  DIR                 *folder = opendir (path);
  const struct dirent *entry;

  if (folder == NULL)
    return;
  while ((entry = readdir (folder)) != NULL)
    {
      const int fd = entry->d_name[0] != '.' ? open_memory (dirfd (folder), entry->d_name) : -1;

      if (fd != -1)
        func (fd, user_data);
    }
  closedir (folder);
}

int
mp_observer_open_named (const char *name,
                        GError    **error)
{
  g_autofree char *path = mp_named_folder_dup_path ();
  const int        folder = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int              fd = -1;

  if (folder != -1 && mp_queue_is_name (name))
    fd = open_memory (folder, name);
  else
    errno = ENOENT;
  if (fd == -1)
    mp_set_error_from_errno (error, errno, _ ("Cannot open the queue “%s”"), name);
  if (folder != -1)
    close (folder);
  return fd;
}

/* FOLDER/NAME/memory, where FOLDER is what mp_named_folder_dup_path () says for some user. */
gboolean
mp_observer_is_named_path (const char *path)
{
  g_autofree char *whole = g_str_has_suffix (path, DELETED)
                             ? g_strndup (path, strlen (path) - strlen (DELETED))
                             : g_strdup (path);

  return g_str_has_suffix (whole, "/" MP_NAMED_MEMORY) && strstr (whole, FOLDER) != NULL;
}

char *
mp_observer_dup_uri (const char *name,
                     guint64     device,
                     guint64     inode)
{
  g_autofree char *folder = mp_named_folder_dup_path ();
  g_autofree char *path = g_build_filename (folder, name, MP_NAMED_MEMORY, NULL);
  struct stat      status;

  if (lstat (path, &status) == -1 || status.st_dev != device || status.st_ino != inode)
    return NULL;
  return g_strconcat (MP_LOCAL_QUEUE_SCHEME ":", name, NULL);
}
