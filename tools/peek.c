/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "glimpse.h"
#include "queues.h"
#include "select.h"

/* Held tasks and dead letters are searched among at most so many tasks. */
#define MAX_TASKS 10000

static int         n_messages = 10;
static gboolean    are_held, are_dead;
static const char *selector; /* of the queue, for messages */

static const GOptionEntry options[] = {
  { "number", 'n', 0, G_OPTION_ARG_INT, &n_messages, "The most messages to show (10)", "N" },
  { "held", 0, 0, G_OPTION_ARG_NONE, &are_held, "Those that consumers hold", NULL },
  { "dead", 0, 0, G_OPTION_ARG_NONE, &are_dead, "Dead letters", NULL },
  MP_GLIMPSE_ENTRIES,
  { NULL },
};

/* --- What is queued --------------------------------------------------------------------------- */

/* Writes messages.  An error is written for one that cannot be shown. */
static guint
print_some (MpQueueMonitor *monitor,
            guint64        *next,
            guint           max)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) messages = mp_queue_monitor_peek (monitor, *next, max, next, &error);

  if (messages == NULL)
    {
      mp_command_fail (selector, error);
      return 1;
    }
  for (guint i = 0; i < messages->len; i++)
    mp_glimpse_print (g_ptr_array_index (messages, i), *next - messages->len + i, selector);
  return messages->len;
}

static guint
print_queued (MpQueueMonitor *monitor)
{
  guint64 next = 0;
  guint   n_printed = 0, n = 1;

  while (n > 0 && n_printed < (guint) MAX (n_messages, 0))
    {
      n = print_some (monitor, &next, (guint) n_messages - n_printed);
      n_printed += n;
    }
  return n_printed;
}

/* --- Tasks ------------------------------------------------------------------------------------ */

static gboolean
print_task (MpQueueMonitor *monitor,
            guint64         serial)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MpMessage) message = mp_queue_monitor_peek_task (monitor, serial, &error);

  if (message != NULL)
    mp_glimpse_print (message, serial, selector);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    mp_command_fail (selector, error);
  return message != NULL;
}

static guint
print_tasks (MpQueueMonitor *monitor,
             const char     *wanted)
{
  g_autoptr (GVariant) tasks = mp_queue_monitor_list_tasks (monitor, MAX_TASKS);
  guint n_printed = 0;

  for (gsize i = 0; i < g_variant_n_children (tasks) && n_printed < (guint) MAX (n_messages, 0);
       i++)
    {
      g_autoptr (GVariant) task = g_variant_get_child_value (tasks, i);
      const char *state = "";
      guint64     serial = 0;

      (void) g_variant_lookup (task, "state", "&s", &state);
      (void) g_variant_lookup (task, "serial", "t", &serial);
      if (g_str_equal (state, wanted))
        n_printed += print_task (monitor, serial);
    }
  return n_printed;
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpQueueMonitor) monitor = NULL;
  g_autoptr (GError) error = NULL;
  guint n_printed;
  int   status;

  if (!mp_command_parse (&mp_command_peek, &argc, &argv, 1, 1, &status))
    return status;
  if (are_held && are_dead)
    return mp_command_refuse ("peek", MP_EXIT_USAGE, "--held and --dead exclude each other");
  if (!mp_glimpse_check ("peek"))
    return MP_EXIT_USAGE;
  selector = argv[1];
  monitor = mp_queues_select (selector, &error);
  if (monitor == NULL)
    return mp_command_fail (selector, error);

  if (are_held || are_dead)
    n_printed = print_tasks (monitor, are_held ? "held" : "dead");
  else
    n_printed = print_queued (monitor);
  return n_printed > 0 ? MP_EXIT_DONE : MP_EXIT_NOTHING;
}

const MpCommand mp_command_peek = {
  .name = "peek",
  .arguments = "QUEUE",
  .summary = "Shows the next messages, and takes none",
  .options = options,
  .run = run,
};
