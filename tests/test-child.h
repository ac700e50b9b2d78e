/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* The longest time that a test waits. */
#define DEADLINE_US (120 * G_USEC_PER_SEC)

/* A role of a test program that runs as a child of itself. */
typedef struct
{
  const char *name;
  int (*run) (const char *argument);
} TestChild;

void        run_child (int              argc,
                       char            *argv[],
                       const TestChild *children);
const char *get_program (void);

int child_sleep (const char *argument);
int child_nothing (const char *argument);

MpProcess *make_child (const char *name,
                       const char *argument);
int        give_pipe (MpProcess *process);
void       start (MpProcess *process);
void       join (MpProcess *process,
                 int        exit_code);

char *read_all (int fd);
char *list_inheritable (void);

G_END_DECLS
