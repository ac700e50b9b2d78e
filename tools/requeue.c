/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "output.h"
#include "select.h"
#include "value.h"

static int n_messages = -1;

static const GOptionEntry options[] = {
  { "number", 'n', 0, G_OPTION_ARG_INT, &n_messages, "At most so many, the oldest first", "N" },
  { NULL },
};

/* A dead letter that is taken out belongs to nobody else: if it cannot be put back, it is at least
 * shown. */
static gboolean
requeue (MpJoinableQueue *queue,
         GError         **error)
{
  g_autoptr (MpMessage) message = mp_joinable_queue_get_dead (queue, error);

  if (message == NULL)
    return FALSE;
  if (mp_queue_put_message (MP_QUEUE (queue), message, -1, NULL, error))
    return TRUE;
  mp_value_print (message, 0);
  return FALSE;
}

/* What there is at the beginning: a consumer may fail again while this goes on. */
static guint
count_dead (MpJoinableQueue *queue,
            gboolean        *shut_down)
{
  g_autoptr (MpQueueMonitor) monitor =
    mp_queue_monitor_new_for_queue (MP_SHAREABLE (queue), NULL);
  guint n = 0;

  *shut_down = FALSE;
  if (monitor != NULL)
    g_object_get (monitor, "shut-down", shut_down, "n-dead", &n, NULL);
  return n;
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpJoinableQueue) queue = NULL;
  g_autoptr (GError) error = NULL;
  gboolean shut_down;
  guint    n_wanted, n_put = 0;
  int      status;

  if (!mp_command_parse (&mp_command_requeue, &argc, &argv, 1, 1, &status))
    return status;
  queue = mp_queues_open_joinable (argv[1], &error);
  if (queue == NULL)
    return mp_command_fail (argv[1], error);
  n_wanted = count_dead (queue, &shut_down);
  if (shut_down)
    return mp_command_refuse (argv[1], MP_EXIT_CLOSED, "it was shut down");

  if (n_messages >= 0)
    n_wanted = MIN (n_wanted, (guint) n_messages);
  while (n_put < n_wanted && requeue (queue, &error))
    n_put++;
  if (error != NULL && !g_error_matches (error, MP_ERROR, MP_ERROR_EMPTY))
    return mp_command_fail (argv[1], error);
  if (!mp_output.quiet)
    g_print ("%u put back\n", n_put);
  return n_put > 0 ? MP_EXIT_DONE : MP_EXIT_NOTHING;
}

const MpCommand mp_command_requeue = {
  .name = "requeue",
  .arguments = "QUEUE",
  .summary = "Puts dead letters back",
  .options = options,
  .run = run,
};
