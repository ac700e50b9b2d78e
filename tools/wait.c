/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "select.h"
#include "waiting.h"

static gboolean until_empty, until_done;
static double   n_seconds = -1;

static const GOptionEntry options[] = {
  { "empty", 0, 0, G_OPTION_ARG_NONE, &until_empty, "Until nothing is queued", NULL },
  { "done", 0, 0, G_OPTION_ARG_NONE, &until_done,
    "Until all tasks are done; the default for joinable queues", NULL },
  { "time", 't', 0, G_OPTION_ARG_DOUBLE, &n_seconds, "At most so long", "SECONDS" },
  { NULL },
};

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpQueue) queue = NULL;
  g_autoptr (GError) error = NULL;
  gboolean is_over;
  int      status;

  if (!mp_command_parse (&mp_command_wait, &argc, &argv, 1, 1, &status))
    return status;
  if (until_empty && until_done)
    return mp_command_refuse ("wait", MP_EXIT_USAGE, "--empty and --done exclude each other");
  queue = until_done ? (MpQueue *) mp_queues_open_joinable (argv[1], &error)
                     : mp_queues_open (argv[1], &error);
  if (queue == NULL)
    return mp_command_fail (argv[1], error);

  if (MP_IS_JOINABLE_QUEUE (queue) && !until_empty)
    is_over = mp_joinable_queue_join (MP_JOINABLE_QUEUE (queue), mp_command_timeout (n_seconds),
                                      NULL, &error);
  else
    is_over = mp_wait_until_empty (queue, mp_command_timeout (n_seconds), &error);
  return is_over ? MP_EXIT_DONE : mp_command_fail (argv[1], error);
}

const MpCommand mp_command_wait = {
  .name = "wait",
  .arguments = "QUEUE",
  .summary = "Waits until all tasks are done, or nothing is queued",
  .options = options,
  .run = run,
};
