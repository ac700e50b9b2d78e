/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "select.h"

static int
run (int    argc,
     char **argv)
{
  int status, result = MP_EXIT_DONE;

  if (!mp_command_parse (&mp_command_rm, &argc, &argv, 1, G_MAXINT, &status))
    return status;
  for (int i = 1; i < argc; i++)
    {
      const gboolean is_uri = g_str_has_prefix (argv[i], "local:") ||
                              mp_queues_is_on_server (argv[i]);
      g_autofree char *uri = is_uri ? g_strdup (argv[i]) : g_strconcat ("local:", argv[i], NULL);
      g_autoptr (GError) error = NULL;

      if (!mp_queue_remove (uri, NULL, &error))
        result = mp_command_fail (argv[i], error);
    }
  return result;
}

const MpCommand mp_command_rm = {
  .name = "rm",
  .arguments = "NAME…",
  .summary = "Removes the queue local:NAME, or one on a server, with the messages in it",
  .run = run,
};
