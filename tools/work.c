/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "job.h"
#include "output.h"
#include "select.h"

#include <glib-unix.h>

static int      n_jobs = 1;
static char    *results_selector;
static double   n_seconds = -1;
static char    *input_form;
static gboolean until_empty;

static const GOptionEntry options[] = {
  { "jobs", 'j', 0, G_OPTION_ARG_INT, &n_jobs, "Runs so many at a time (1)", "N" },
  { "results", 0, 0, G_OPTION_ARG_STRING, &results_selector,
    "Puts what COMMAND writes into another queue, as bytes", "QUEUE" },
  { "timeout", 0, 0, G_OPTION_ARG_DOUBLE, &n_seconds, "Ends COMMAND after so long", "SECONDS" },
  { "input", 0, 0, G_OPTION_ARG_STRING, &input_form, "json (the default) or raw", "FORM" },
  { "until-empty", 0, 0, G_OPTION_ARG_NONE, &until_empty, "Ends when nothing is queued", NULL },
  { NULL },
};

/* A worker that runs a program for each message. */
typedef struct
{
  const char   *name; /* of the queue, for messages */
  MpQueue      *queue;
  MpJobSettings settings;
  GMainLoop    *loop;
  GCancellable *cancellable; /* of the get */
  GPtrArray    *jobs;        /* those that run */
  gboolean      is_taking;
  gboolean      is_ending;
  int           status;
} Worker;

static void take (Worker *worker);

static void
end_with (Worker *worker,
          int     status)
{
  worker->is_ending = TRUE;
  if (status != MP_EXIT_DONE)
    worker->status = status;
  g_cancellable_cancel (worker->cancellable);
}

/* Takes the next message, or quits the main loop if the worker is ending and all jobs have
 * ended. */
static void
go_on (Worker *worker)
{
  if (!worker->is_ending)
    take (worker);
  else if (worker->jobs->len == 0 && !worker->is_taking)
    g_main_loop_quit (worker->loop);
}

static void
job_ended (MpJob        *job,
           const GError *error,
           gpointer      user_data)
{
  Worker *worker = user_data;

  if (error != NULL)
    end_with (worker, mp_command_fail (worker->name, error));
  g_ptr_array_remove_fast (worker->jobs, job);
  go_on (worker);
}

/* --- Taking ----------------------------------------------------------------------------------- */

static void
taken (Worker    *worker,
       MpTask    *task,
       MpMessage *message,
       GError    *error)
{
  worker->is_taking = FALSE;
  if (message != NULL)
    g_ptr_array_add (worker->jobs, mp_job_start (&worker->settings, task, message, job_ended,
                                                 worker));
  else if (g_error_matches (error, MP_ERROR, MP_ERROR_CLOSED) ||
           g_error_matches (error, MP_ERROR, MP_ERROR_EMPTY) ||
           g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    end_with (worker, MP_EXIT_DONE);
  else
    end_with (worker, mp_command_fail (worker->name, error));
  go_on (worker);
}

static void
task_taken (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpTask) task =
    mp_joinable_queue_get_task_finish (MP_JOINABLE_QUEUE (source), result, &error);

  taken (user_data, task, task != NULL ? mp_task_get_message (task) : NULL, error);
}

static void
message_taken (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpMessage) message =
    mp_queue_get_message_finish (MP_QUEUE (source), result, &error);

  taken (user_data, NULL, message, error);
}

static void
take (Worker *worker)
{
  if (worker->is_taking || worker->is_ending || worker->jobs->len >= (guint) n_jobs)
    return;
  if (until_empty && mp_queue_is_empty (worker->queue))
    {
      worker->is_ending = TRUE;
      go_on (worker);
      return;
    }
  worker->is_taking = TRUE;
  if (MP_IS_JOINABLE_QUEUE (worker->queue))
    mp_joinable_queue_get_task_async (MP_JOINABLE_QUEUE (worker->queue), G_PRIORITY_DEFAULT,
                                      worker->cancellable, task_taken, worker);
  else
    mp_queue_get_message_async (worker->queue, G_PRIORITY_DEFAULT, worker->cancellable,
                                message_taken, worker);
}

/* --- The program ------------------------------------------------------------------------------ */

/* After the first signal the running jobs may finish; the second one terminates them. */
static gboolean
asked_to_end (gpointer user_data)
{
  Worker *worker = user_data;

  if (worker->is_ending)
    for (guint i = 0; i < worker->jobs->len; i++)
      mp_job_terminate (g_ptr_array_index (worker->jobs, i));
  end_with (worker, MP_EXIT_DONE);
  go_on (worker);
  return G_SOURCE_CONTINUE;
}

static gboolean
check_options (const char *selector,
               char      **command)
{
  g_autofree char *program = command != NULL ? g_find_program_in_path (command[0]) : NULL;

  if (command == NULL || selector == NULL)
    g_printerr ("mproc: usage: mproc work %s\n", mp_command_work.arguments);
  else if (program == NULL)
    mp_command_refuse ("work", MP_EXIT_USAGE, "there is no program “%s”", command[0]);
  else if (n_jobs < 1 || (input_form != NULL && !g_str_equal (input_form, "json") &&
                          !g_str_equal (input_form, "raw")))
    mp_command_refuse ("work", MP_EXIT_USAGE, "-j is at least 1, and --input json or raw");
  else
    return TRUE;
  return FALSE;
}

static int
work (Worker *worker)
{
  worker->loop = g_main_loop_new (NULL, FALSE);
  worker->cancellable = g_cancellable_new ();
  worker->jobs = g_ptr_array_new_with_free_func ((GDestroyNotify) mp_job_free);
  g_unix_signal_add (SIGINT, asked_to_end, worker);
  g_unix_signal_add (SIGTERM, asked_to_end, worker);

  for (int i = 0; i < n_jobs; i++)
    take (worker);
  if (!worker->is_ending || worker->is_taking || worker->jobs->len > 0)
    g_main_loop_run (worker->loop);

  g_ptr_array_unref (worker->jobs);
  g_object_unref (worker->cancellable);
  g_main_loop_unref (worker->loop);
  return worker->status;
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpQueue) queue = NULL;
  g_autoptr (MpQueue) results = NULL;
  g_autoptr (GError) error = NULL;
  char **command = mp_command_split (&argc, argv);
  Worker worker = { 0 };
  int    status;

  if (!mp_command_parse (&mp_command_work, &argc, &argv, 0, 1, &status))
    return status;
  if (!check_options (argc > 1 ? argv[1] : NULL, command))
    return MP_EXIT_USAGE;
  queue = mp_queues_open (argv[1], &error);
  if (queue == NULL)
    return mp_command_fail (argv[1], error);
  if (results_selector != NULL)
    {
      results = mp_queues_open (results_selector, &error);
      if (results == NULL)
        return mp_command_fail (results_selector, error);
    }

  worker.name = argv[1];
  worker.queue = queue;
  worker.settings = (MpJobSettings){
    .name = argv[1],
    .command = (const char *const *) command,
    .queue = queue,
    .results = results,
    .is_raw = g_strcmp0 (input_form, "raw") == 0,
    .timeout_ms = n_seconds >= 0 ? (guint) MIN (n_seconds * 1000, G_MAXUINT) : 0,
  };
  return work (&worker);
}

const MpCommand mp_command_work = {
  .name = "work",
  .arguments = "QUEUE -- COMMAND [ARGUMENT…]",
  .summary = "Runs a program for each message, which it reads",
  .options = options,
  .run = run,
};
