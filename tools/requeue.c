/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "output.h"
#include "select.h"
#include "value.h"

static int   n_messages = -1;
static char *serial_text;

static const GOptionEntry options[] = {
  { "number", 'n', 0, G_OPTION_ARG_INT, &n_messages, "At most so many, the oldest first", "N" },
  { "serial", 0, 0, G_OPTION_ARG_STRING, &serial_text,
    "The one with this number, by which show and peek tell dead letters apart", "N" },
  { NULL },
};

/* Takes the oldest dead letter, or the one with @serial.  NULL without an error if there is
 * none. */
static MpMessage *
take_dead (MpJoinableQueue *queue,
           const guint64   *serial,
           GError         **error)
{
  return serial == NULL ? mp_joinable_queue_get_dead (queue, error)
                        : mp_joinable_queue_get_dead_by_serial (queue, *serial, error);
}

/* Puts a dead letter into the queue.  Taking it out removes it from the dead letters, so that is
 * done only if there is room for it in the queue.  If it cannot be put nevertheless, it is written
 * to the output, so as not to be lost. */
static gboolean
requeue (MpJoinableQueue *queue,
         const guint64   *serial,
         GError         **error)
{
  g_autoptr (MpMessage) message = NULL;

  if (mp_queue_is_full (MP_QUEUE (queue)))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_FULL, "the queue is full");
      return FALSE;
    }
  message = take_dead (queue, serial, error);
  if (message == NULL)
    return FALSE;
  if (mp_queue_put_message (MP_QUEUE (queue), message, -1, NULL, error))
    return TRUE;
  mp_value_print (message, 0, G_MAXUINT64);
  return FALSE;
}

/* How many dead letters there are now, or G_MAXUINT if that is unknown, as for a queue on a
 * server.  No more are put back, since consumers may fail again meanwhile. */
static guint
count_dead (MpJoinableQueue *queue,
            gboolean        *shut_down)
{
  g_autoptr (MpQueueMonitor) monitor =
    mp_queue_monitor_new_for_queue (MP_SHAREABLE (queue), NULL);
  guint n = G_MAXUINT;

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
  guint64  serial;
  int      status;

  if (!mp_command_parse (&mp_command_requeue, &argc, &argv, 1, 1, &status))
    return status;
  if (serial_text != NULL &&
      (n_messages >= 0 ||
       !g_ascii_string_to_unsigned (serial_text, 10, 0, G_MAXUINT64, &serial, NULL)))
    return mp_command_refuse ("requeue", MP_EXIT_USAGE,
                              "--serial takes a number, and excludes --number");
  queue = mp_queues_open_joinable (argv[1], &error);
  if (queue == NULL)
    return mp_command_fail (argv[1], error);
  n_wanted = count_dead (queue, &shut_down);
  if (shut_down)
    return mp_command_refuse (argv[1], MP_EXIT_CLOSED, "it was shut down");

  if (serial_text != NULL)
    n_wanted = 1;
  else if (n_messages >= 0)
    n_wanted = MIN (n_wanted, (guint) n_messages);
  while (n_put < n_wanted && requeue (queue, serial_text != NULL ? &serial : NULL, &error))
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
