/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-process-private.h"

#include <unistd.h>

/* The standard streams of a process, and further descriptors. */

/* Whether at most one of several mutually exclusive bits is set. */
static gboolean
is_one_of (GSubprocessFlags flags,
           GSubprocessFlags choices)
{
  guint set = flags & choices;

  return (set & (set - 1)) == 0;
}

/**
 * mp_process_set_flags: (set-property flags)
 * @self: a process that is not started yet
 * @flags: what the child gets as its standard streams, and whether it inherits descriptors
 *
 * Sets how the child is started. See [property@Process:flags].
 *
 * Since: 1.0
 */
void
mp_process_set_flags (MpProcess       *self,
                      GSubprocessFlags flags)
{
  MpProcessPrivate *priv;
  gboolean          changed;

  g_return_if_fail (MP_IS_PROCESS (self));
  g_return_if_fail (is_one_of (flags, G_SUBPROCESS_FLAGS_STDIN_PIPE |
                                        G_SUBPROCESS_FLAGS_STDIN_INHERIT));
  g_return_if_fail (is_one_of (flags, G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                        G_SUBPROCESS_FLAGS_STDOUT_SILENCE));
  g_return_if_fail (is_one_of (flags, G_SUBPROCESS_FLAGS_STDERR_PIPE |
                                        G_SUBPROCESS_FLAGS_STDERR_SILENCE |
                                        G_SUBPROCESS_FLAGS_STDERR_MERGE));

  priv = mp_process_get_private (self);
  g_mutex_lock (&priv->lock);
  changed = priv->flags != flags;
  priv->flags = flags;
  g_mutex_unlock (&priv->lock);

  if (changed)
    g_object_notify (G_OBJECT (self), "flags");
}

/**
 * mp_process_get_flags: (get-property flags)
 * @self: a process
 *
 * Gets how the child is started. See [property@Process:flags].
 *
 * Returns: the flags
 *
 * Since: 1.0
 */
GSubprocessFlags
mp_process_get_flags (MpProcess *self)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = NULL;

  g_return_val_if_fail (MP_IS_PROCESS (self), G_SUBPROCESS_FLAGS_NONE);

  locker = g_mutex_locker_new (&mp_process_get_private (self)->lock);
  return mp_process_get_private (self)->flags;
}

static void
set_path (MpProcess  *self,
          int         number,
          const char *path,
          const char *property)
{
  MpProcessPrivate *priv = mp_process_get_private (self);
  g_autofree char  *old = NULL;
  gboolean          changed;

  g_mutex_lock (&priv->lock);
  old = priv->paths[number];
  priv->paths[number] = g_strdup (path);
  changed = g_strcmp0 (old, path) != 0;
  g_mutex_unlock (&priv->lock);

  if (changed)
    g_object_notify (G_OBJECT (self), property);
}

static char *
dup_path (MpProcess *self,
          int        number)
{
  MpProcessPrivate               *priv = mp_process_get_private (self);
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&priv->lock);

  return g_strdup (priv->paths[number]);
}

/**
 * mp_process_set_stdin_file_path: (set-property stdin-file-path)
 * @self: a process that is not started yet
 * @path: (type filename) (nullable): a file, or %NULL for none
 *
 * Sets the file that is read as the standard input of the child.
 *
 * Since: 1.0
 */
void
mp_process_set_stdin_file_path (MpProcess  *self,
                                const char *path)
{
  g_return_if_fail (MP_IS_PROCESS (self));

  set_path (self, STDIN_FILENO, path, "stdin-file-path");
}

/**
 * mp_process_get_stdin_file_path: (get-property stdin-file-path)
 * @self: a process
 *
 * Gets the file that is read as the standard input of the child.
 *
 * Returns: (transfer full) (type filename) (nullable): the file, or %NULL if there is none
 *
 * Since: 1.0
 */
char *
mp_process_get_stdin_file_path (MpProcess *self)
{
  g_return_val_if_fail (MP_IS_PROCESS (self), NULL);

  return dup_path (self, STDIN_FILENO);
}

/**
 * mp_process_set_stdout_file_path: (set-property stdout-file-path)
 * @self: a process that is not started yet
 * @path: (type filename) (nullable): a file, or %NULL for none
 *
 * Sets the file to which the standard output of the child is written.
 *
 * The file is created when the child is started, or truncated if it exists.
 *
 * Since: 1.0
 */
void
mp_process_set_stdout_file_path (MpProcess  *self,
                                 const char *path)
{
  g_return_if_fail (MP_IS_PROCESS (self));

  set_path (self, STDOUT_FILENO, path, "stdout-file-path");
}

/**
 * mp_process_get_stdout_file_path: (get-property stdout-file-path)
 * @self: a process
 *
 * Gets the file to which the standard output of the child is written.
 *
 * Returns: (transfer full) (type filename) (nullable): the file, or %NULL if there is none
 *
 * Since: 1.0
 */
char *
mp_process_get_stdout_file_path (MpProcess *self)
{
  g_return_val_if_fail (MP_IS_PROCESS (self), NULL);

  return dup_path (self, STDOUT_FILENO);
}

/**
 * mp_process_set_stderr_file_path: (set-property stderr-file-path)
 * @self: a process that is not started yet
 * @path: (type filename) (nullable): a file, or %NULL for none
 *
 * Sets the file to which the standard error of the child is written.
 *
 * The file is created when the child is started, or truncated if it exists.
 *
 * Since: 1.0
 */
void
mp_process_set_stderr_file_path (MpProcess  *self,
                                 const char *path)
{
  g_return_if_fail (MP_IS_PROCESS (self));

  set_path (self, STDERR_FILENO, path, "stderr-file-path");
}

/**
 * mp_process_get_stderr_file_path: (get-property stderr-file-path)
 * @self: a process
 *
 * Gets the file to which the standard error of the child is written.
 *
 * Returns: (transfer full) (type filename) (nullable): the file, or %NULL if there is none
 *
 * Since: 1.0
 */
char *
mp_process_get_stderr_file_path (MpProcess *self)
{
  g_return_val_if_fail (MP_IS_PROCESS (self), NULL);

  return dup_path (self, STDERR_FILENO);
}

/**
 * mp_process_take_fd:
 * @self: a process that is not started yet
 * @source_fd: a descriptor, of which the process object takes ownership
 * @target_fd: its number in the child; 0, 1 and 2 are the standard streams
 *
 * Passes a descriptor to the child at its start.
 *
 * @source_fd is closed in the parent after the start. A descriptor that was passed earlier for the
 * same @target_fd is closed.
 *
 * Since: 1.0
 */
void
mp_process_take_fd (MpProcess *self,
                    int        source_fd,
                    int        target_fd)
{
  MpProcessPrivate *priv;
  MpProcessFd       fd = { source_fd, target_fd };

  g_return_if_fail (MP_IS_PROCESS (self));
  g_return_if_fail (source_fd >= 0);
  g_return_if_fail (target_fd >= 0);

  priv = mp_process_get_private (self);
  g_mutex_lock (&priv->lock);
  mp_fork_block ();
  for (guint i = priv->fds->len; i > 0; i--)
    if (g_array_index (priv->fds, MpProcessFd, i - 1).target == target_fd)
      {
        close (g_array_index (priv->fds, MpProcessFd, i - 1).source);
        g_array_remove_index_fast (priv->fds, i - 1);
      }
  g_array_append_val (priv->fds, fd);
  mp_fork_unblock ();
  g_mutex_unlock (&priv->lock);
}

static gpointer
get_stream (MpProcess *self,
            int        number)
{
  MpProcessPrivate               *priv = mp_process_get_private (self);
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&priv->lock);

  return priv->streams[number];
}

/**
 * mp_process_get_stdin_pipe: (get-property stdin-pipe)
 * @self: a process that has been started
 *
 * Gets the stream that writes to the standard input of the child.
 *
 * Returns: (transfer none) (nullable): a stream, or %NULL if [property@Process:flags] does not
 *   request one, and before the start
 *
 * Since: 1.0
 */
GOutputStream *
mp_process_get_stdin_pipe (MpProcess *self)
{
  g_return_val_if_fail (MP_IS_PROCESS (self), NULL);

  return get_stream (self, STDIN_FILENO);
}

/**
 * mp_process_get_stdout_pipe: (get-property stdout-pipe)
 * @self: a process that has been started
 *
 * Gets the stream that reads the standard output of the child.
 *
 * Returns: (transfer none) (nullable): a stream, or %NULL if [property@Process:flags] does not
 *   request one, and before the start
 *
 * Since: 1.0
 */
GInputStream *
mp_process_get_stdout_pipe (MpProcess *self)
{
  g_return_val_if_fail (MP_IS_PROCESS (self), NULL);

  return get_stream (self, STDOUT_FILENO);
}

/**
 * mp_process_get_stderr_pipe: (get-property stderr-pipe)
 * @self: a process that has been started
 *
 * Gets the stream that reads the standard error of the child.
 *
 * Returns: (transfer none) (nullable): a stream, or %NULL if [property@Process:flags] does not
 *   request one, and before the start
 *
 * Since: 1.0
 */
GInputStream *
mp_process_get_stderr_pipe (MpProcess *self)
{
  g_return_val_if_fail (MP_IS_PROCESS (self), NULL);

  return get_stream (self, STDERR_FILENO);
}
