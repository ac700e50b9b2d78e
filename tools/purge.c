/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "output.h"
#include "select.h"

static gboolean is_sure;

static const GOptionEntry options[] = {
  { "yes", 0, 0, G_OPTION_ARG_NONE, &is_sure, "Does not ask", NULL },
  { NULL },
};

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpQueue) queue = NULL;
  g_autoptr (GError) error = NULL;
  gint64 n_dropped;
  int    status;

  if (!mp_command_parse (&mp_command_purge, &argc, &argv, 1, 1, &status))
    return status;
  queue = mp_queues_open (argv[1], &error);
  if (queue == NULL)
    return mp_command_fail (argv[1], error);
  if (!is_sure &&
      !mp_command_ask ("Drop the %u messages of %s?", mp_queue_get_size (queue), argv[1]))
    return mp_command_refuse (argv[1], MP_EXIT_FAILED, "nothing was done: see --yes");

  n_dropped = mp_queue_clear (queue, &error);
  if (n_dropped < 0)
    return mp_command_fail (argv[1], error);
  if (!mp_output.quiet)
    g_print ("%" G_GINT64_FORMAT " dropped\n", n_dropped);
  return MP_EXIT_DONE;
}

const MpCommand mp_command_purge = {
  .name = "purge",
  .arguments = "QUEUE",
  .summary = "Drops all messages that are queued",
  .options = options,
  .run = run,
};
