/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "background-dial.h"

#include "base/mp-deadline.h"
#include "base/mp-errno.h"

#include <glib/gi18n-lib.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Shared by the thread and its owner. */
typedef struct
{
  gatomicrefcount  ref_count;
  MpDial          *dial;
  GTlsDatabase    *database;
  GTlsCertificate *certificate;
  GCancellable    *cancellable;
  gint64           deadline;
  int              event_fd; /* readable when the thread is done; -1: there is no thread */

  /* Set by the thread before it writes to @event_fd. */
  MpDialStatus status;
  GError      *error;
} Job;

struct _MpBackgroundDial
{
  Job *job;
};

static void
job_unref (Job *job)
{
  if (!g_atomic_ref_count_dec (&job->ref_count))
    return;

  mp_dial_free (job->dial);
  g_clear_object (&job->database);
  g_clear_object (&job->certificate);
  g_object_unref (job->cancellable);
  g_clear_error (&job->error);
  if (job->event_fd >= 0)
    close (job->event_fd);
  g_free (job);
}

/* Runs the dial to its end. */
static gpointer
run_job (gpointer data)
{
  Job         *job = data;
  MpDialStatus status;

  while ((status = mp_dial_step (job->dial, job->cancellable, &job->error)) == MP_DIAL_RUNNING)
    {
      GIOCondition condition;
      gint64       until;
      int          fd;

      mp_dial_get_wait (job->dial, &fd, &condition, &until);
      until = until < 0 ? job->deadline : MIN (until, job->deadline);
      if (mp_transport_poll (fd, condition, -1, until, job->cancellable, &job->error) ==
          MP_WAIT_ERROR)
        status = MP_DIAL_FAILED;
      else if (mp_deadline_has_passed (job->deadline))
        {
          g_set_error_literal (&job->error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                               _ ("No connection was made in time"));
          status = MP_DIAL_FAILED;
        }
      if (status == MP_DIAL_FAILED)
        break;
    }
  job->status = status;
  eventfd_write (job->event_fd, 1);
  job_unref (job);
  return NULL;
}

/* Returns FALSE with the error of the job set. */
static gboolean
start_thread (Job *job)
{
  GThread *thread;

  job->event_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (job->event_fd < 0)
    {
      mp_set_error_from_errno (&job->error, errno, _ ("Connecting failed"));
      return FALSE;
    }
  g_atomic_ref_count_inc (&job->ref_count);
  thread = g_thread_try_new ("mproc-dial", run_job, job, &job->error);
  if (thread == NULL)
    {
      job_unref (job);
      close (job->event_fd);
      job->event_fd = -1;
      return FALSE;
    }
  g_thread_unref (thread);
  return TRUE;
}

MpBackgroundDial *
mp_background_dial_new (MpAddress           *address,
                        const MpTlsSettings *settings,
                        gint64               deadline)
{
  MpBackgroundDial *self = g_new0 (MpBackgroundDial, 1);
  Job              *job = self->job = g_new0 (Job, 1);

  g_atomic_ref_count_init (&job->ref_count);
  job->dial = mp_dial_new (address, settings);
  mp_dial_set_deadline (job->dial, deadline);
  if (settings->database != NULL)
    job->database = g_object_ref (settings->database);
  if (settings->certificate != NULL)
    job->certificate = g_object_ref (settings->certificate);
  job->cancellable = g_cancellable_new ();
  job->deadline = deadline;
  job->event_fd = -1;
  if (mp_dial_must_block (job->dial) && !start_thread (job))
    job->status = MP_DIAL_FAILED;
  return self;
}

void
mp_background_dial_free (MpBackgroundDial *self)
{
  g_cancellable_cancel (self->job->cancellable);
  job_unref (self->job);
  g_free (self);
}

MpDialStatus
mp_background_dial_step (MpBackgroundDial *self,
                         GError          **error)
{
  Job      *job = self->job;
  eventfd_t ended;

  if (job->event_fd < 0)
    {
      if (job->error == NULL)
        return mp_dial_step (job->dial, NULL, error);
    }
  else if (eventfd_read (job->event_fd, &ended) != 0)
    return MP_DIAL_RUNNING;

  if (job->error != NULL)
    g_propagate_error (error, g_steal_pointer (&job->error));
  return job->status;
}

void
mp_background_dial_get_wait (MpBackgroundDial *self,
                             int              *fd,
                             GIOCondition     *condition,
                             gint64           *time)
{
  if (self->job->event_fd < 0)
    {
      mp_dial_get_wait (self->job->dial, fd, condition, time);
      return;
    }
  *fd = self->job->event_fd;
  *condition = G_IO_IN;
  *time = -1;
}

MpTransport *
mp_background_dial_take_transport (MpBackgroundDial *self)
{
  g_autofree char *address = NULL;

  return mp_dial_take_transport (self->job->dial, &address);
}
