/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

G_BEGIN_DECLS

/* A program that runs for one message: the message is its standard input. */

typedef struct
{
  const char        *name; /* of the queue, for messages to the user */
  const char *const *command;
  MpQueue           *queue;
  MpQueue           *results;    /* where its standard output goes, or NULL */
  gboolean           is_raw;     /* the input is the bytes of the message, not JSON */
  guint              timeout_ms; /* 0: none */
} MpJobSettings;

typedef struct _MpJob MpJob;

/* Called once, in the main loop, when the program has ended and its message was dealt with; with
 * @error set if the worker cannot go on. */
typedef void (*MpJobFunc) (MpJob        *job,
                           const GError *error,
                           gpointer      user_data);

/* @task is that of a joinable queue, else NULL. */
MpJob *mp_job_start (const MpJobSettings *settings,
                     MpTask              *task,
                     MpMessage           *message,
                     MpJobFunc            ended,
                     gpointer             user_data);
void   mp_job_terminate (MpJob *self);
void   mp_job_free (MpJob *self);

G_END_DECLS
