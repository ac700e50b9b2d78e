/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* What a command returns: the exit status of the program. */
typedef enum
{
  MP_EXIT_DONE,
  MP_EXIT_FAILED,
  MP_EXIT_USAGE,
  MP_EXIT_NOTHING,  /* nothing there, no room, or the time was over */
  MP_EXIT_NO_QUEUE, /* no such queue, or several */
  MP_EXIT_CLOSED,   /* the queue was shut down */
  MP_EXIT_REFUSED,  /* not permitted */
} MpExit;

typedef struct
{
  const char *name;
  const char *arguments; /* as in a line of help */
  const char *summary;
  int (*run) (int    argc,
              char **argv);
} MpCommand;

extern const MpCommand mp_command_ls;
extern const MpCommand mp_command_peek;
extern const MpCommand mp_command_show;
extern const MpCommand mp_command_tail;
extern const MpCommand mp_command_top;

/* Parses the options of a command and those that all have.  FALSE when the program is to end with
 * *@status.  What is left in @argv, a copy that is kept to the end, are the arguments: at least
 * @least, at most
 * @most. */
gboolean mp_command_parse (const MpCommand    *command,
                           const GOptionEntry *options,
                           int                *argc,
                           char             ***argv,
                           int                 least,
                           int                 most,
                           int                *status);

/* Writes "mproc: SUBJECT: reason" and returns the exit status for the error. */
int mp_command_fail (const char   *subject,
                     const GError *error);

G_END_DECLS
