/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "lines.h"

static const GOptionEntry options[] = {
  MP_LINES_ENTRIES,
  { "once", 0, 0, G_OPTION_ARG_NONE, &mp_lines_options.once, "Ends after the first message",
    NULL },
  { NULL },
};

static MpConnection *
dial (const char *address,
      GError    **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (GBytes) key = mp_lines_read_key (&reason);
  g_autoptr (MpConnector) connector = NULL;

  if (reason != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&reason));
      return NULL;
    }
  connector = g_object_new (MP_TYPE_CONNECTOR, "address", address, "auth-key", key,
                            "legacy-digests", mp_lines_options.legacy_digests, NULL);
  return mp_connector_open (connector, mp_command_timeout (mp_lines_options.n_seconds), NULL,
                            error);
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpConnection) connection = NULL;
  g_autoptr (GError) error = NULL;
  gboolean was_interrupted;
  int      status;

  if (!mp_command_parse (&mp_command_connect, &argc, &argv, 1, 1, &status))
    return status;
  if (!mp_lines_check ("connect"))
    return MP_EXIT_USAGE;
  connection = dial (argv[1], &error);
  if (connection == NULL)
    return mp_command_fail (argv[1], error);
  return mp_lines_run (argv[1], connection, mp_lines_options.once, &was_interrupted);
}

const MpCommand mp_command_connect = {
  .name = "connect",
  .arguments = "ADDRESS",
  .summary = "Sends lines to a listener, and writes what comes",
  .options = options,
  .run = run,
};
