/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gi18n-lib.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mp-errno.h"
#include "base/mp-fork.h"

/* The exit code of a child that other code of this process has reaped, so that its status is
 * lost. */
#define EXIT_CODE_LOST 255

/* The write ends of all lifelines.  A forked child must not have them open: as long as it were
 * alive, no child would notice the end of this process. */
static GArray    *lifelines;
static MpForkHook fork_hook;

/* The children that were dropped while they ran.  Each start and each drop reaps those among them
 * that have ended. */
static GArray *dropped;

/* All of these are used between mp_fork_block () and mp_fork_unblock (). */

static void
in_child (MpForkHook *hook)
{
  if (lifelines == NULL)
    return;

  for (guint i = 0; i < lifelines->len; i++)
    close (g_array_index (lifelines, int, i));
  lifelines->len = 0;
}

/* Makes a pipe, of which @ends[1] is a lifeline. */
static gboolean
open_lifeline (int      ends[2],
               GError **error)
{
  gboolean opened;

  mp_fork_hook_add (&fork_hook, in_child);
  mp_fork_block ();
  if (lifelines == NULL)
    lifelines = g_array_new (FALSE, FALSE, sizeof (int));
  opened = g_unix_open_pipe (ends, FD_CLOEXEC, error);
  if (opened)
    g_array_append_val (lifelines, ends[1]);
  mp_fork_unblock ();
  return opened;
}

static void
close_lifeline (int fd)
{
  guint i = 0;

  while (i < lifelines->len && g_array_index (lifelines, int, i) != fd)
    i++;
  if (i < lifelines->len)
    g_array_remove_index_fast (lifelines, i);
  close (fd);
}

/* Called between mp_fork_block () and mp_fork_unblock (). */
static void
close_child (MpChild *self)
{
  if (self->pid_fd >= 0)
    close (self->pid_fd);
  if (self->lifeline >= 0 && self->lifeline_fork == mp_fork_count)
    close_lifeline (self->lifeline);

  *self = (MpChild) MP_CHILD_INIT;
}

static void
reap_dropped (void)
{
  int exit_code;

  mp_fork_block ();
  for (guint i = dropped != NULL ? dropped->len : 0; i > 0; i--)
    {
      MpChild *child = &g_array_index (dropped, MpChild, i - 1);

      if (mp_child_reap (child, &exit_code))
        {
          close_child (child);
          g_array_remove_index_fast (dropped, i - 1);
        }
    }
  mp_fork_unblock ();
}

/* Converts errors of g_spawn to the domain G_IO_ERROR, which system errors have everywhere else. */
static void
propagate_spawn_error (GError    **error,
                       GError     *spawn_error,
                       const char *program)
{
  g_autofree char *shown = g_utf8_make_valid (program, -1);
  g_autofree char *reason = g_utf8_make_valid (spawn_error->message, -1);
  int              code = G_IO_ERROR_FAILED;

  if (g_error_matches (spawn_error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT))
    code = G_IO_ERROR_NOT_FOUND;
  else if (g_error_matches (spawn_error, G_SPAWN_ERROR, G_SPAWN_ERROR_ACCES) ||
           g_error_matches (spawn_error, G_SPAWN_ERROR, G_SPAWN_ERROR_PERM))
    code = G_IO_ERROR_PERMISSION_DENIED;

  g_set_error (error, G_IO_ERROR, code, _ ("Cannot start “%s”: %s"), shown, reason);
  g_error_free (spawn_error);
}

/* Makes the kernel send SIGTERM to the child when the other end of @fd is closed. */
static gboolean
arm_lifeline (int fd,
              int pid)
{
  return fcntl (fd, F_SETOWN, pid) == 0 &&
         fcntl (fd, F_SETSIG, SIGTERM) == 0 &&
         fcntl (fd, F_SETFL, O_ASYNC) == 0;
}

static gboolean
take_hold (MpChild    *self,
           int         child_end,
           const char *program,
           GError    **error)
{
  int saved_errno;

  self->pid_fd = syscall (SYS_pidfd_open, self->pid, 0);
  if (self->pid_fd >= 0 && (child_end < 0 || arm_lifeline (child_end, self->pid)))
    return TRUE;

  saved_errno = errno;
  kill (self->pid, SIGKILL);
  TEMP_FAILURE_RETRY (waitpid (self->pid, NULL, 0));
  return mp_set_error_from_errno (error, saved_errno, _ ("Cannot keep hold of “%s”"), program);
}

static GSpawnFlags
get_spawn_flags (GSubprocessFlags flags)
{
  GSpawnFlags spawn_flags = G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH;

  if (flags & G_SUBPROCESS_FLAGS_STDIN_INHERIT)
    spawn_flags |= G_SPAWN_CHILD_INHERITS_STDIN;
  if (flags & G_SUBPROCESS_FLAGS_STDOUT_SILENCE)
    spawn_flags |= G_SPAWN_STDOUT_TO_DEV_NULL;
  if ((flags & G_SUBPROCESS_FLAGS_STDERR_SILENCE) ||
      ((flags & G_SUBPROCESS_FLAGS_STDERR_MERGE) && (flags & G_SUBPROCESS_FLAGS_STDOUT_SILENCE)))
    spawn_flags |= G_SPAWN_STDERR_TO_DEV_NULL;
  if (flags & G_SUBPROCESS_FLAGS_INHERIT_FDS)
    spawn_flags |= G_SPAWN_LEAVE_DESCRIPTORS_OPEN;
  if (flags & G_SUBPROCESS_FLAGS_SEARCH_PATH_FROM_ENVP)
    spawn_flags = (spawn_flags & ~G_SPAWN_SEARCH_PATH) | G_SPAWN_SEARCH_PATH_FROM_ENVP;

  return spawn_flags;
}

static gboolean
spawn (MpChild            *self,
       const MpChildSetup *setup,
       int                 child_end,
       GError            **error)
{
  gsize           n_fds = setup->n_fds + (child_end >= 0 ? 1 : 0);
  g_autofree int *sources = g_new (int, MAX (n_fds, 1));
  g_autofree int *targets = g_new (int, MAX (n_fds, 1));
  int             free_target = MP_CHILD_FIRST_FD;
  GError         *spawn_error = NULL;

  for (gsize i = 0; i < setup->n_fds; i++)
    {
      sources[i] = setup->fds[i];
      targets[i] = setup->targets[i];
      free_target = MAX (free_target, targets[i] + 1);
    }

  if (child_end >= 0)
    {
      sources[n_fds - 1] = child_end;
      targets[n_fds - 1] = free_target;
    }

  if (!g_spawn_async_with_pipes_and_fds (setup->cwd, setup->argv, setup->environment,
                                         get_spawn_flags (setup->flags), NULL, NULL,
                                         setup->stdio.child[0], setup->stdio.child[1],
                                         setup->stdio.child[2], sources, targets, n_fds,
                                         &self->pid, NULL, NULL, NULL, &spawn_error))
    {
      propagate_spawn_error (error, spawn_error, setup->argv[0]);
      return FALSE;
    }

  return TRUE;
}

/* Starts the program.  On failure @self is unchanged. */
gboolean
mp_child_spawn (MpChild            *self,
                const MpChildSetup *setup,
                GError            **error)
{
  MpChild  child = MP_CHILD_INIT;
  int      ends[2] = { -1, -1 };
  gboolean spawned;

  reap_dropped ();

  child.lifeline_fork = mp_fork_count;
  if (setup->die_with_parent && !open_lifeline (ends, error))
    return FALSE;

  child.lifeline = ends[1];
  spawned = spawn (&child, setup, ends[0], error) &&
            take_hold (&child, ends[0], setup->argv[0], error);

  if (ends[0] >= 0)
    close (ends[0]);

  if (spawned)
    {
      *self = child;
      return TRUE;
    }

  mp_fork_block ();
  close_child (&child);
  mp_fork_unblock ();
  return FALSE;
}

/* Reaps the child if it has ended.  Returns whether it has; @exit_code is the negative number
 * of the signal if one ended it. */
gboolean
mp_child_reap (MpChild *self,
               int     *exit_code)
{
  struct pollfd fd = { .fd = self->pid_fd, .events = POLLIN };
  siginfo_t     info = { 0 };

  /* waitid () cannot tell whether a process that is not our child is alive. */
  if (TEMP_FAILURE_RETRY (poll (&fd, 1, 0)) <= 0)
    return FALSE;

  if (TEMP_FAILURE_RETRY (waitid (P_PIDFD, self->pid_fd, &info, WEXITED | WNOHANG)) < 0 ||
      info.si_pid == 0)
    *exit_code = EXIT_CODE_LOST;
  else
    *exit_code = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;

  return TRUE;
}

void
mp_child_send_signal (MpChild *self,
                      int      signal_number)
{
  syscall (SYS_pidfd_send_signal, self->pid_fd, signal_number, NULL, 0);
}

/* Releases a child, which continues to run. */
void
mp_child_drop (MpChild *self)
{
  if (self->pid_fd < 0)
    return;

  mp_fork_block ();
  if (dropped == NULL)
    dropped = g_array_new (FALSE, FALSE, sizeof (MpChild));
  g_array_append_val (dropped, *self);
  mp_fork_unblock ();

  *self = (MpChild) MP_CHILD_INIT;
  reap_dropped ();
}
