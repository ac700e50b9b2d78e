/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "child-stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gi18n-lib.h>
#include <unistd.h>

#include "base/mp-errno.h"

/* The flags of a stream, and its name in error messages. */
static const struct
{
  const char      *name;
  GSubprocessFlags pipe;
  GSubprocessFlags flags;
} streams[MP_N_STDIO] = {
  { "stdin", G_SUBPROCESS_FLAGS_STDIN_PIPE,
    G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDIN_INHERIT },
  { "stdout", G_SUBPROCESS_FLAGS_STDOUT_PIPE,
    G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE },
  { "stderr", G_SUBPROCESS_FLAGS_STDERR_PIPE,
    G_SUBPROCESS_FLAGS_STDERR_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE |
      G_SUBPROCESS_FLAGS_STDERR_MERGE },
};

static gboolean
check_one_way (int              number,
               GSubprocessFlags flags,
               const char      *path,
               int              fd,
               GError         **error)
{
  guint set = flags & streams[number].flags;
  guint n_ways = (set != 0) + (path != NULL) + (fd >= 0);

  /* set & (set - 1) is not 0 if more than one bit is set. */
  if (n_ways <= 1 && (set & (set - 1)) == 0)
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               _ ("There is more than one choice for the %s of the process"), streams[number].name);
  return FALSE;
}

static gboolean
set_errno_error (int         number,
                 const char *path,
                 GError    **error)
{
  return mp_set_error_from_errno (error, errno, _ ("Cannot open “%s” as %s"), path,
                                  streams[number].name);
}

static gboolean
duplicate (MpChildStdio *self,
           int           number,
           int           fd,
           GError      **error)
{
  g_autofree char *name = g_strdup_printf ("%d", fd);

  self->child[number] = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  return self->child[number] >= 0 || set_errno_error (number, name, error);
}

static gboolean
open_file (MpChildStdio *self,
           int           number,
           const char   *path,
           GError      **error)
{
  int how = number == STDIN_FILENO ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;

  self->child[number] = TEMP_FAILURE_RETRY (open (path, how | O_CLOEXEC | O_NOCTTY, 0666));
  return self->child[number] >= 0 || set_errno_error (number, path, error);
}

static gboolean
open_pipe (MpChildStdio *self,
           int           number,
           GError      **error)
{
  int ends[2];
  int child_end = number == STDIN_FILENO ? 0 : 1;

  if (!g_unix_open_pipe (ends, FD_CLOEXEC, error))
    return FALSE;

  self->child[number] = ends[child_end];
  self->parent[number] = ends[1 - child_end];
  return TRUE;
}

gboolean
mp_child_stdio_open (MpChildStdio      *self,
                     GSubprocessFlags   flags,
                     const char *const *paths,
                     const int         *fds,
                     GError           **error)
{
  g_auto (MpChildStdio) stdio = MP_CHILD_STDIO_INIT;

  for (int i = 0; i < MP_N_STDIO; i++)
    {
      gboolean done = check_one_way (i, flags, paths[i], fds[i], error);

      if (done && paths[i] != NULL)
        done = open_file (&stdio, i, paths[i], error);
      else if (done && fds[i] >= 0)
        done = duplicate (&stdio, i, fds[i], error);
      else if (done && (flags & streams[i].pipe))
        done = open_pipe (&stdio, i, error);

      if (!done)
        return FALSE;
    }

  /* A silenced stdout cannot be duplicated: stderr is silenced as well then. */
  if ((flags & G_SUBPROCESS_FLAGS_STDERR_MERGE) && !(flags & G_SUBPROCESS_FLAGS_STDOUT_SILENCE) &&
      !duplicate (&stdio, STDERR_FILENO,
                  stdio.child[STDOUT_FILENO] >= 0 ? stdio.child[STDOUT_FILENO] : STDOUT_FILENO,
                  error))
    return FALSE;

  *self = stdio;
  stdio = (MpChildStdio) MP_CHILD_STDIO_INIT;
  return TRUE;
}

void
mp_child_stdio_clear (MpChildStdio *self)
{
  for (int i = 0; i < MP_N_STDIO; i++)
    {
      if (self->child[i] >= 0)
        close (self->child[i]);
      if (self->parent[i] >= 0)
        close (self->parent[i]);
    }

  *self = (MpChildStdio) MP_CHILD_STDIO_INIT;
}
