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
  MP_EXIT_NOTHING,  /* the queue is empty or full, or the timeout has expired */
  MP_EXIT_NO_QUEUE, /* no such queue, or several */
  MP_EXIT_CLOSED,   /* the queue was shut down */
  MP_EXIT_REFUSED,  /* not permitted */
} MpExit;

typedef struct
{
  const char         *name;
  const char         *arguments; /* as shown in the help */
  const char         *summary;
  const GOptionEntry *options; /* besides those that all have; ends with NULL */
  int (*run) (int    argc,
              char **argv);
} MpCommand;

extern const MpCommand mp_command_bench;
extern const MpCommand mp_command_connect;
extern const MpCommand mp_command_create;
extern const MpCommand mp_command_drain;
extern const MpCommand mp_command_get;
extern const MpCommand mp_command_listen;
extern const MpCommand mp_command_ls;
extern const MpCommand mp_command_monitor;
extern const MpCommand mp_command_peek;
extern const MpCommand mp_command_purge;
extern const MpCommand mp_command_put;
extern const MpCommand mp_command_requeue;
extern const MpCommand mp_command_rm;
extern const MpCommand mp_command_run;
extern const MpCommand mp_command_show;
extern const MpCommand mp_command_shutdown;
extern const MpCommand mp_command_tail;
extern const MpCommand mp_command_top;
extern const MpCommand mp_command_wait;
extern const MpCommand mp_command_work;

/* Parses the options of a command and those that all have.  FALSE when the program is to end with
 * *@status.  What is left in @argv, a copy that is kept to the end, are the arguments: at least
 * @least, at most @most. */
gboolean mp_command_parse (const MpCommand *command,
                           int             *argc,
                           char          ***argv,
                           int              least,
                           int              most,
                           int             *status);

/* Takes what is behind "--", the command line of another program, off the arguments.  NULL if there
 * is none. */
char **mp_command_split (int   *argc,
                         char **argv);

/* Writes the names of the options, one a line, for completion. */
void mp_command_list_options (const MpCommand *command);

/* Writes "mproc: SUBJECT: why", without a dot, and returns @status. */
int mp_command_refuse (const char *subject,
                       MpExit      status,
                       const char *format,
                       ...) G_GNUC_PRINTF (3, 4);

/* Whether a command may drop @what of the queue that the user calls @selector: if @is_sure, or if
 * the user says yes on the terminal.  Otherwise writes that nothing was done. */
gboolean mp_command_may_drop (const char *selector,
                              const char *what,
                              gboolean    is_sure);
/* The same for all messages that are queued. */
gboolean mp_command_may_clear (const char *selector,
                               MpQueue    *queue,
                               gboolean    is_sure);

/* A number of bytes such as 4096, 64K or 1.5M, in powers of 1024. */
gboolean mp_command_parse_size (const char *text,
                                guint64    *size);

/* For an option of seconds: microseconds, -1 if it is negative. */
gint64 mp_command_timeout (double seconds);

/* Writes "mproc: SUBJECT: reason" and returns the exit status for the error. */
int mp_command_fail (const char   *subject,
                     const GError *error);

G_END_DECLS
