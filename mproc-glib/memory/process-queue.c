/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "process-queue.h"

#include "base/mp-errno.h"
#include "bell-pipe.h"
#include "memory.h"
#include "shared-open.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <unistd.h>

static gboolean
parse (const char *uri,
       int        *pid,
       int        *fd,
       GError    **error)
{
  const char *path = uri + strlen (MP_PROCESS_QUEUE_SCHEME ":");
  g_auto (GStrv) parts = g_strsplit (path, "/", 2);
  guint64 numbers[2];

  if (g_strv_length (parts) != 2 ||
      !g_ascii_string_to_unsigned (parts[0], 10, 1, G_MAXINT, &numbers[0], NULL) ||
      !g_ascii_string_to_unsigned (parts[1], 10, 0, G_MAXINT, &numbers[1], NULL))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _ ("“%.64s” does not name a process and a descriptor"), uri);
      return FALSE;
    }
  *pid = (int) numbers[0];
  *fd = (int) numbers[1];
  return TRUE;
}

static int
open_memory (int      pid,
             int      fd,
             GError **error)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/fd/%d", pid, fd);
  int              own = open (path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

  if (own == -1 && mp_check_proc (error))
    mp_set_error_from_errno (error, errno, _ ("Cannot open the memory of the queue through %s"),
                             path);
  return own;
}

/* Opens the pipe that wakes main loops, which the process has, too. */
static int
open_bell (int      pid,
           int      fd,
           GError **error)
{
  MpConfig config;
  guint64  size;
  int      bell_fd;

  if (!mp_memory_read_config (fd, &config, &size, error))
    return -1;
  errno = ENOENT;
  bell_fd = config.bell_id != 0 ? mp_bell_pipe_open (pid, config.bell_id) : -1;
  if (bell_fd == -1 && errno == ENOENT)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 _ ("The queue of process %d cannot be opened from outside"), pid);
  else if (bell_fd == -1)
    mp_set_error_from_errno (error, errno, _ ("Cannot open the pipe of process %d"), pid);
  return bell_fd;
}

gpointer
mp_process_queue_open (const char *uri,
                       GError    **error)
{
  int pid, number, fd, bell_fd;

  if (!parse (uri, &pid, &number, error))
    return NULL;
  fd = open_memory (pid, number, error);
  if (fd == -1)
    return NULL;
  bell_fd = open_bell (pid, fd, error);
  if (bell_fd != -1)
    return mp_shared_queue_open (fd, bell_fd, error);
  close (fd);
  return NULL;
}
