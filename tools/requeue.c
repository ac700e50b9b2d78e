/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "output.h"
#include "select.h"

static int   n_messages = -1;
static char *serial_text;

static const GOptionEntry options[] = {
  { "number", 'n', 0, G_OPTION_ARG_INT, &n_messages, "At most so many, the oldest first", "N" },
  { "serial", 0, 0, G_OPTION_ARG_STRING, &serial_text,
    "The one with this number, by which show and peek tell dead letters apart", "N" },
  { NULL },
};

/* How many dead letters there are now, or G_MAXUINT if that is unknown, as where the user of a
 * server may not run scripts.  No more are put back, since consumers may fail again meanwhile. */
static guint
count_dead (MpJoinableQueue *queue)
{
  g_autoptr (MpQueueMonitor) monitor =
    mp_queue_monitor_new_for_queue (MP_SHAREABLE (queue), NULL);
  guint n = G_MAXUINT;

  if (monitor != NULL && mp_queue_monitor_refresh (monitor, NULL))
    g_object_get (monitor, "n-dead", &n, NULL);
  return n;
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpJoinableQueue) queue = NULL;
  g_autoptr (GError) error = NULL;
  guint  n_wanted, n_put = 0;
  gint64 serial = -1; /* the oldest */
  int    status;

  if (!mp_command_parse (&mp_command_requeue, &argc, &argv, 1, 1, &status))
    return status;
  if (serial_text != NULL &&
      (n_messages >= 0 ||
       !g_ascii_string_to_signed (serial_text, 10, 0, G_MAXINT64, &serial, NULL)))
    return mp_command_refuse ("requeue", MP_EXIT_USAGE,
                              "--serial takes a number, and excludes --number");
  queue = mp_queues_open_joinable (argv[1], &error);
  if (queue == NULL)
    return mp_command_fail (argv[1], error);
  n_wanted = count_dead (queue);
  if (serial_text != NULL)
    n_wanted = 1;
  else if (n_messages >= 0)
    n_wanted = MIN (n_wanted, (guint) n_messages);
  while (n_put < n_wanted && mp_joinable_queue_requeue_dead (queue, serial, &error))
    n_put++;
  if (!mp_output.quiet && (n_put > 0 || error == NULL))
    g_print ("%u put back\n", n_put);
  if (error != NULL)
    return mp_command_fail (argv[1], error);
  return n_put > 0 ? MP_EXIT_DONE : MP_EXIT_NOTHING;
}

const MpCommand mp_command_requeue = {
  .name = "requeue",
  .arguments = "QUEUE",
  .summary = "Puts dead letters back",
  .options = options,
  .run = run,
};
