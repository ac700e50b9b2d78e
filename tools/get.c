/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "select.h"
#include "value.h"

static int      n_messages = 1;
static gboolean follow;
static double   n_seconds = -1;
static char    *form_name;

static MpValueForm form;

static const GOptionEntry options[] = {
  { "number", 'n', 0, G_OPTION_ARG_INT, &n_messages, "Takes so many messages (1)", "N" },
  { "follow", 'f', 0, G_OPTION_ARG_NONE, &follow, "Takes all messages until the queue is shut down",
    NULL },
  { "time", 't', 0, G_OPTION_ARG_DOUBLE, &n_seconds, "Waits for each at most so long", "SECONDS" },
  { "format", 0, 0, G_OPTION_ARG_STRING, &form_name, "json (the default), gvariant, raw or hex",
    "FORMAT" },
  { NULL },
};

static gboolean
write_out (MpMessage *message,
           guint64    position,
           GError   **error)
{
  if (mp_output.json != MP_OUTPUT_TABLE)
    mp_value_print (message, position, G_MAXUINT64);
  else if (!mp_value_write (message, form, G_MAXUINT64, error))
    return FALSE;
  return mp_output_flush (error);
}

/* A task is done once it is written out.  If this program is killed before that, the task goes to
 * another consumer; if it cannot be written in the requested form, it goes back to the queue. */
static gboolean
get_task (MpJoinableQueue *queue,
          guint64          position,
          GError         **error)
{
  g_autoptr (MpTask) task =
    mp_joinable_queue_get_task (queue, mp_command_timeout (n_seconds), NULL, error);

  if (task == NULL)
    return FALSE;
  if (write_out (mp_task_get_message (task), position, error))
    return mp_task_done (task, error);
  mp_task_retry (task, NULL);
  return FALSE;
}

static gboolean
get_message (MpQueue *queue,
             guint64  position,
             GError **error)
{
  g_autoptr (MpMessage) message =
    mp_queue_get_message (queue, mp_command_timeout (n_seconds), NULL, error);

  return message != NULL && write_out (message, position, error);
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpQueue) queue = NULL;
  g_autoptr (GError) error = NULL;
  gboolean is_got = TRUE;
  int      status;

  if (!mp_command_parse (&mp_command_get, &argc, &argv, 1, 1, &status))
    return status;
  if (!mp_value_parse_form (form_name, &form))
    return mp_command_refuse ("get", MP_EXIT_USAGE, "--format is json, gvariant, raw or hex");
  queue = mp_queues_open (argv[1], &error);
  if (queue == NULL)
    return mp_command_fail (argv[1], error);

  for (int i = 0; is_got && (follow || i < n_messages); i++)
    is_got = MP_IS_JOINABLE_QUEUE (queue)
               ? get_task (MP_JOINABLE_QUEUE (queue), (guint64) i, &error)
               : get_message (queue, (guint64) i, &error);
  if (is_got || (follow && g_error_matches (error, MP_ERROR, MP_ERROR_CLOSED)))
    return MP_EXIT_DONE;
  return mp_command_fail (argv[1], error);
}

const MpCommand mp_command_get = {
  .name = "get",
  .arguments = "QUEUE",
  .summary = "Takes messages, and writes them",
  .options = options,
  .run = run,
};
