/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "job.h"

#include "command.h"
#include "value.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* EX_TEMPFAIL of <sysexits.h>: the program asks for the message to be delivered again. */
#define STATUS_RETRY 75

/* How long after SIGTERM a program is killed that has not ended. */
#define GRACE_MS 5000

struct _MpJob
{
  const MpJobSettings *settings;
  MpTask              *task; /* NULL if the queue has no tasks */
  MpMessage           *message;
  MpJobFunc            ended;
  gpointer             user_data;
  GSubprocess         *process;
  int                  output; /* a file in memory, or -1 */
  guint                timeout_id, kill_id;
  gboolean             was_terminated;
  GError              *error; /* why it could not be started */
};

/* --- Files in memory, since a program that does not read or write would block with pipes --- */

static int
new_file (GBytes  *content,
          GError **error)
{
  const char *data = content != NULL ? g_bytes_get_data (content, NULL) : NULL;
  gsize       left = content != NULL ? g_bytes_get_size (content) : 0;
  int         fd = memfd_create ("mproc-work", MFD_CLOEXEC);

  while (fd != -1 && left > 0)
    {
      gssize n = write (fd, data, left);

      if (n == -1 && errno != EINTR)
        {
          close (fd);
          fd = -1;
        }
      else if (n > 0)
        {
          data += n;
          left -= (gsize) n;
        }
    }
  if (fd == -1)
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                 "cannot make a file in memory: %s", g_strerror (errno));
  else
    lseek (fd, 0, SEEK_SET);
  return fd;
}

static MpMessage *
read_output (MpJob   *self,
             GError **error)
{
  struct stat        status;
  g_autofree guint8 *content = NULL;
  gsize              n_read = 0;

  if (fstat (self->output, &status) == 0)
    {
      content = g_malloc ((gsize) status.st_size + 1);
      while (n_read < (gsize) status.st_size)
        {
          gssize n = pread (self->output, content + n_read, (gsize) status.st_size - n_read,
                            (off_t) n_read);

          if (n <= 0 && errno != EINTR)
            break;
          n_read += (gsize) MAX (n, 0);
        }
    }
  if (content == NULL || n_read < (gsize) status.st_size)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot read what the program wrote");
      return NULL;
    }
  return mp_message_new_data (content, n_read);
}

/* --- The end ---------------------------------------------------------------------------------- */

/* A message of a queue without tasks can only be put again, at the end of the queue. */
static gboolean
put_back (MpJob   *self,
          GError **error)
{
  if (self->task != NULL)
    return mp_task_retry (self->task, error);
  return mp_queue_put_message (self->settings->queue, self->message, 0, NULL, error);
}

static void
report (MpJob      *self,
        const char *what,
        int         number)
{
  mp_command_refuse (self->settings->name, MP_EXIT_FAILED, "%s %s %d (delivery %u)",
                     self->settings->command[0], what, number,
                     self->task != NULL ? mp_task_get_delivery_count (self->task) : 1);
}

/* The result comes before the end of the task: if this program is killed in between, the message is
 * delivered again, and its result put twice. */
static gboolean
finish (MpJob   *self,
        GError **error)
{
  g_autoptr (MpMessage) result = NULL;

  if (self->output != -1)
    {
      result = read_output (self, error);
      if (result == NULL ||
          !mp_queue_put_message (self->settings->results, result, -1, NULL, error))
        return FALSE;
    }
  return self->task == NULL || mp_task_done (self->task, error);
}

static gboolean
deal_with_end (MpJob   *self,
               GError **error)
{
  int status;

  if (!g_subprocess_get_if_exited (self->process))
    {
      report (self, "was ended by signal", g_subprocess_get_term_sig (self->process));
      return put_back (self, error);
    }
  status = g_subprocess_get_exit_status (self->process);
  if (self->was_terminated || status == STATUS_RETRY)
    return put_back (self, error);
  if (status != 0)
    report (self, "has exited with status", status);
  return finish (self, error);
}

static void
process_ended (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  MpJob *self = user_data;
  g_autoptr (GError) error = NULL;

  if (g_subprocess_wait_finish (self->process, result, &error) && !deal_with_end (self, &error) &&
      g_error_matches (error, MP_ERROR, MP_ERROR_STALE))
    g_clear_error (&error); /* another consumer has the task by now */
  self->ended (self, error, self->user_data);
}

/* --- The beginning ---------------------------------------------------------------------------- */

static gboolean
kill_process (gpointer user_data)
{
  MpJob *self = user_data;

  self->kill_id = 0;
  g_subprocess_force_exit (self->process);
  return G_SOURCE_REMOVE;
}

void
mp_job_terminate (MpJob *self)
{
  if (self->process == NULL || self->was_terminated)
    return;
  self->was_terminated = TRUE;
  g_subprocess_send_signal (self->process, SIGTERM);
  self->kill_id = g_timeout_add (GRACE_MS, kill_process, self);
}

static gboolean
time_is_over (gpointer user_data)
{
  MpJob *self = user_data;

  self->timeout_id = 0;
  mp_command_refuse (self->settings->name, MP_EXIT_FAILED, "%s took too long",
                     self->settings->command[0]);
  mp_job_terminate (self);
  return G_SOURCE_REMOVE;
}

/* Runs in the child.  If this program is killed, the message goes to another worker, so the child
 * has to end, too. */
static void
set_up_child (gpointer user_data)
{
  prctl (PR_SET_PDEATHSIG, SIGTERM);
  signal (SIGPIPE, SIG_DFL);
}

static GSubprocess *
spawn (MpJob   *self,
       GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GBytes) input = mp_value_to_input (
    self->message, self->settings->is_raw ? MP_VALUE_RAW : MP_VALUE_JSON, error);
  g_autofree char *delivery = NULL;
  int              fd = input != NULL ? new_file (input, error) : -1;

  if (fd == -1)
    return NULL;
  g_subprocess_launcher_take_stdin_fd (launcher, fd);
  if (self->settings->results != NULL)
    {
      self->output = new_file (NULL, error);
      if (self->output == -1)
        return NULL;
      g_subprocess_launcher_take_stdout_fd (launcher, fcntl (self->output, F_DUPFD_CLOEXEC, 3));
    }
  delivery = g_strdup_printf (
    "%u", self->task != NULL ? mp_task_get_delivery_count (self->task) : 1);
  g_subprocess_launcher_setenv (launcher, "MPROC_QUEUE", self->settings->name, TRUE);
  g_subprocess_launcher_setenv (launcher, "MPROC_DELIVERY", delivery, TRUE);
  g_subprocess_launcher_set_child_setup (launcher, set_up_child, NULL, NULL);
  return g_subprocess_launcher_spawnv (launcher, self->settings->command, error);
}

static gboolean
failed_to_start (gpointer user_data)
{
  MpJob *self = user_data;

  self->ended (self, self->error, self->user_data);
  return G_SOURCE_REMOVE;
}

MpJob *
mp_job_start (const MpJobSettings *settings,
              MpTask              *task,
              MpMessage           *message,
              MpJobFunc            ended,
              gpointer             user_data)
{
  MpJob *self = g_new0 (MpJob, 1);

  self->settings = settings;
  self->task = task != NULL ? g_object_ref (task) : NULL;
  self->message = mp_message_ref (message);
  self->ended = ended;
  self->user_data = user_data;
  self->output = -1;
  self->process = spawn (self, &self->error);
  if (self->process == NULL)
    {
      put_back (self, NULL);
      g_idle_add (failed_to_start, self);
      return self;
    }
  if (settings->timeout_ms > 0)
    self->timeout_id = g_timeout_add (settings->timeout_ms, time_is_over, self);
  g_subprocess_wait_async (self->process, NULL, process_ended, self);
  return self;
}

void
mp_job_free (MpJob *self)
{
  g_clear_handle_id (&self->timeout_id, g_source_remove);
  g_clear_handle_id (&self->kill_id, g_source_remove);
  g_clear_object (&self->process);
  g_clear_object (&self->task);
  g_clear_error (&self->error);
  mp_message_unref (self->message);
  if (self->output != -1)
    close (self->output);
  g_free (self);
}
