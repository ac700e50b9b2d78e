/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A Redis server for tests, on a socket in a temporary folder, which ends with the test. */
typedef struct
{
  char *folder;
  char *path; /* of the socket */
  GPid  pid;
} TestServer;

/* Starts a server with @options, NULL-terminated and may be NULL.  NULL if there is none on this
 * machine. */
TestServer *test_server_start (const char *const *options);
void        test_server_stop (TestServer *self);
/* For main (): starts a server for all tests as *@server, adds them by @add_tests, runs them, and
 * returns the exit status.  Without a server all are skipped. */
int test_server_run_tests (int          argc,
                           char       **argv,
                           TestServer **server,
                           void (*add_tests) (void));
/* Kills the process, and starts another one on the same folder. */
void test_server_kill (TestServer *self);
void test_server_restart (TestServer        *self,
                          const char *const *options);

/* A TCP port that is free. */
char *test_server_find_port (void);
/* A URI for a queue with this name; @parameters begin with "&", or are "". */
char *test_server_make_uri (TestServer *self,
                            const char *name,
                            const char *parameters);
/* Runs one command by a connection of its own, words separated by blanks, and returns the first
 * line of the reply. */
char *test_server_command (TestServer *self,
                           const char *command);

G_END_DECLS
