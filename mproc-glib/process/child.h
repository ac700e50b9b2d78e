/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "child-stdio.h"

G_BEGIN_DECLS

/* A child, held by a pidfd: unlike its number that cannot become another process's, and it can be
 * polled. */
typedef struct
{
  int pid;

  /* -1 before the start. Stays open and readable after the end. */
  int pid_fd;

  /* The writing end of a pipe whose reading end the child has.  The kernel sends SIGTERM to
   * the child when it is closed, which nothing does but the end of this process.  Unlike
   * PR_SET_PDEATHSIG this does not care which thread started the child, and needs no code
   * between fork and exec.  -1 when the child may live on. */
  int lifeline;
} MpChild;

#define MP_CHILD_INIT \
  {                   \
    -1, -1, -1        \
  }

/* What a child starts with.  All descriptors remain the caller's. */
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
