/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queues.h"
#include "value.h"

static int n_messages = 10;

static const GOptionEntry options[] = {
  { "number", 'n', 0, G_OPTION_ARG_INT, &n_messages, "The most messages to show (10)", "N" },
  { NULL },
};

/* What cannot be shown is told, and left out. */
static guint
print_some (MpQueueMonitor *monitor,
            guint64        *next,
            guint           max)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) messages = mp_queue_monitor_peek (monitor, *next, max, next, &error);

  if (messages == NULL)
    {
      mp_command_fail ("peek", error);
      return 1;
    }
  for (guint i = 0; i < messages->len; i++)
    mp_value_print (g_ptr_array_index (messages, i), *next - messages->len + i);
  return messages->len;
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpQueueMonitor) monitor = NULL;
  g_autoptr (GError) error = NULL;
  guint64 next = 0;
  guint   n_printed = 0, n = 1;
  int     status;

  if (!mp_command_parse (&mp_command_peek, options, &argc, &argv, 1, 1, &status))
    return status;
  monitor = mp_queues_select (argv[1], &error);
  if (monitor == NULL)
    return mp_command_fail (argv[1], error);

  while (n > 0 && n_printed < (guint) MAX (n_messages, 0))
    {
      n = print_some (monitor, &next, (guint) n_messages - n_printed);
      n_printed += n;
    }
  return n_printed > 0 ? MP_EXIT_DONE : MP_EXIT_NOTHING;
}

const MpCommand mp_command_peek = {
  .name = "peek",
  .arguments = "QUEUE",
  .summary = "Shows the next messages, and takes none",
  .run = run,
};
