/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "select.h"

static gboolean immediate, is_sure;

static const GOptionEntry options[] = {
  { "immediate", 0, 0, G_OPTION_ARG_NONE, &immediate, "Drops what is queued", NULL },
  { "yes", 0, 0, G_OPTION_ARG_NONE, &is_sure, "Does not ask", NULL },
  { NULL },
};

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpQueue) queue = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  if (!mp_command_parse (&mp_command_shutdown, &argc, &argv, 1, 1, &status))
    return status;
  queue = mp_queues_open (argv[1], &error);
  if (queue == NULL)
    return mp_command_fail (argv[1], error);
  if (immediate && !mp_command_may_clear (argv[1], queue, is_sure))
    return MP_EXIT_FAILED;
  if (!mp_queue_shutdown (queue, immediate, &error))
    return mp_command_fail (argv[1], error);
  return MP_EXIT_DONE;
}

const MpCommand mp_command_shutdown = {
  .name = "shutdown",
  .arguments = "QUEUE",
  .summary = "Ends a queue: nothing more can be put",
  .options = options,
  .run = run,
};
