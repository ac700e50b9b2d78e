/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"

#include <string.h>

static gboolean is_joinable;
static int      max_size = -1, max_deliveries = -1;
static char    *max_bytes;

static const GOptionEntry options[] = {
  { "joinable", 0, 0, G_OPTION_ARG_NONE, &is_joinable, "Its messages are tasks", NULL },
  { "max-size", 0, 0, G_OPTION_ARG_INT, &max_size, "At most so many messages are queued", "N" },
  { "max-bytes", 0, 0, G_OPTION_ARG_STRING, &max_bytes, "They have at most so many bytes", "SIZE" },
  { "max-deliveries", 0, 0, G_OPTION_ARG_INT, &max_deliveries,
    "A task that was delivered so often in vain is a dead letter", "N" },
  { NULL },
};

static char *
dup_uri (const char *name)
{
  g_autoptr (GString) uri = g_string_new ("local:");
  guint64 size;

  g_string_append_uri_escaped (uri, name, NULL, FALSE);
  g_string_append_printf (uri, "?mode=%s", is_joinable ? "joinable" : "plain");
  if (max_size >= 0)
    g_string_append_printf (uri, "&max-size=%d", max_size);
  if (max_deliveries >= 0)
    g_string_append_printf (uri, "&max-deliveries=%d", max_deliveries);
  if (max_bytes != NULL && !mp_command_parse_size (max_bytes, &size))
    return NULL;
  if (max_bytes != NULL)
    g_string_append_printf (uri, "&max-bytes=%" G_GUINT64_FORMAT, size);
  return g_string_free (g_steal_pointer (&uri), FALSE);
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpQueue) queue = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *uri = NULL;
  const char      *name;
  int              status;

  if (!mp_command_parse (&mp_command_create, &argc, &argv, 1, 1, &status))
    return status;
  name = g_str_has_prefix (argv[1], "local:") ? argv[1] + strlen ("local:") : argv[1];
  uri = dup_uri (name);
  if (uri == NULL)
    return mp_command_refuse ("create", MP_EXIT_USAGE, "“%s” is no size", max_bytes);
  queue = mp_queue_open (uri, NULL, &error);
  return queue != NULL ? MP_EXIT_DONE : mp_command_fail (argv[1], error);
}

const MpCommand mp_command_create = {
  .name = "create",
  .arguments = "NAME",
  .summary = "Makes the queue local:NAME, which stays until it is removed",
  .options = options,
  .run = run,
};
