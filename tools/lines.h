/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* A connection on a terminal: each line of the standard input is sent as a message, and each
 * message is written as a line. */

typedef struct
{
  char    *format;   /* json, pickle, bytes or gvariant; NULL is json */
  char    *key_file; /* NULL: no key */
  gboolean once;
  gboolean legacy_digests;
  double   n_seconds; /* negative: no end */
} MpLinesOptions;

extern MpLinesOptions mp_lines_options;

/* The options of both commands but `once`, which means another thing for each. */
#define MP_LINES_ENTRIES                                                                   \
  { "key-file", 0, 0, G_OPTION_ARG_FILENAME, &mp_lines_options.key_file,                   \
    "The key that both ends know is in this file", "PATH" },                               \
    { "format", 0, 0, G_OPTION_ARG_STRING, &mp_lines_options.format,                       \
      "What lines are sent as: json (the default), pickle, bytes or gvariant", "FORMAT" }, \
    { "legacy-digests", 0, 0, G_OPTION_ARG_NONE, &mp_lines_options.legacy_digests,         \
      "Also speaks with Python before 3.12", NULL },                                       \
  {                                                                                        \
    "time", 't', 0, G_OPTION_ARG_DOUBLE, &mp_lines_options.n_seconds,                      \
      "Ends after so long without a message", "SECONDS"                                    \
  }

/* Checks the options; FALSE after a message to the user. */
gboolean mp_lines_check (const char *command);
/* The content of the key file without the end of its line; NULL without one, or with @error set. */
GBytes *mp_lines_read_key (GError **error);

/* Serves the connection until the peer closes it, the time is over, or, with @one_message, a
 * message was received.  Returns an exit status; sets *@was_interrupted if a signal ended it. */
int mp_lines_run (const char   *address,
                  MpConnection *connection,
                  gboolean      one_message,
                  gboolean     *was_interrupted);

G_END_DECLS
