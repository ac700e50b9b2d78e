/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "child-stdio.h"

G_BEGIN_DECLS

/* A child process, referred to by a pidfd: unlike a pid, it cannot be reused by another process,
 * and it can be polled. */
typedef struct
{
  int pid;

  /* -1 before the start. Stays open and readable after the end. */
  int pid_fd;

  /* The write end of a pipe whose read end the child has.  The kernel sends SIGTERM to the child
   * when it is closed, which happens only when this process ends.  Unlike PR_SET_PDEATHSIG this
   * does not depend on the thread that started the child, and needs no code between fork and exec.
   * -1 if the child may outlive the parent.  Processes forked off this one do not have it. */
  int     lifeline;
  guint32 lifeline_fork; /* mp_fork_count when it was opened */
} MpChild;

#define MP_CHILD_INIT \
  {                   \
    -1, -1, -1, 0     \
  }

/* The settings with which a child starts.  All descriptors still belong to the caller. */
typedef struct
{
  const char *const *argv;
  const char *const *environment;
  const char        *cwd;
  gboolean           die_with_parent;
  GSubprocessFlags   flags;
  MpChildStdio       stdio;

  /* Further descriptors, and the numbers from MP_CHILD_FIRST_FD that they have in the child. */
  const int *fds;
  const int *targets;
  gsize      n_fds;
} MpChildSetup;

/* The first number that is no standard stream. */
#define MP_CHILD_FIRST_FD 3

gboolean mp_child_spawn (MpChild            *self,
                         const MpChildSetup *setup,
                         GError            **error);
gboolean mp_child_reap (MpChild *self,
                        int     *exit_code);
void     mp_child_send_signal (MpChild *self,
                               int      signal_number);
void     mp_child_drop (MpChild *self);

G_END_DECLS
