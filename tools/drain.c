/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "select.h"
#include "waiting.h"

static double n_seconds = -1;

static const GOptionEntry options[] = {
  { "time", 't', 0, G_OPTION_ARG_DOUBLE, &n_seconds, "Waits at most so long", "SECONDS" },
  { NULL },
};

/* A queue without tasks does not know whether a message that was taken is finished, so that only
 * has to become empty. */
static gboolean
wait_until_done (MpQueue *queue,
                 gint64   end,
                 GError **error)
{
  const gint64 now = g_get_monotonic_time ();
  const gint64 left = end < 0 ? -1 : MAX (end - now, 0);

  return MP_IS_JOINABLE_QUEUE (queue)
           ? mp_joinable_queue_join (MP_JOINABLE_QUEUE (queue), left, NULL, error)
           : mp_wait_until_empty (queue, left, error);
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpQueue) queue = NULL;
  g_autoptr (GError) error = NULL;
  int    status;
  gint64 timeout;

  if (!mp_command_parse (&mp_command_drain, &argc, &argv, 1, 1, &status))
    return status;
  timeout = mp_command_timeout (n_seconds);
  queue = mp_queues_open (argv[1], &error);
  if (queue == NULL || !mp_queue_shutdown (queue, FALSE, &error) ||
      !wait_until_done (queue, timeout >= 0 ? g_get_monotonic_time () + timeout : -1, &error))
    return mp_command_fail (argv[1], error);
  return MP_EXIT_DONE;
}

const MpCommand mp_command_drain = {
  .name = "drain",
  .arguments = "QUEUE",
  .summary = "Shuts a queue down, and waits until all is taken and done",
  .options = options,
  .run = run,
};
