/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "command.h"
#include "output.h"
#include "select.h"

static gboolean is_sure, only_dead;
static char    *serial_text;

static const GOptionEntry options[] = {
  { "dead", 0, 0, G_OPTION_ARG_NONE, &only_dead, "Drops dead letters instead", NULL },
  { "serial", 0, 0, G_OPTION_ARG_STRING, &serial_text,
    "Drops the dead letter with this number, by which show and peek tell them apart", "N" },
  { "yes", 0, 0, G_OPTION_ARG_NONE, &is_sure, "Does not ask", NULL },
  { NULL },
};

/* Takes all dead letters, or the one with @serial; returns how many there were. */
static gint64
drop_dead (MpJoinableQueue *queue,
           const guint64   *serial,
           GError         **error)
{
  gint64 n_dropped = 0;

  while (serial == NULL || n_dropped == 0)
    {
      g_autoptr (MpMessage) message =
        serial != NULL ? mp_joinable_queue_get_dead_by_serial (queue, *serial, error)
                       : mp_joinable_queue_get_dead (queue, error);

      if (message == NULL)
        break;
      n_dropped++;
    }
  return n_dropped;
}

static MpQueue *
open_queue (const char *selector,
            GError    **error)
{
  return only_dead ? (MpQueue *) mp_queues_open_joinable (selector, error)
                   : mp_queues_open (selector, error);
}

static gboolean
may_drop (MpQueue    *queue,
          const char *selector)
{
  g_autofree char *what = serial_text != NULL ? g_strdup_printf ("dead letter %s", serial_text)
                                              : g_strdup ("the dead letters");

  return only_dead ? mp_command_may_drop (selector, what, is_sure)
                   : mp_command_may_clear (selector, queue, is_sure);
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpQueue) queue = NULL;
  g_autoptr (GError) error = NULL;
  gint64  n_dropped;
  guint64 serial;
  int     status;

  if (!mp_command_parse (&mp_command_purge, &argc, &argv, 1, 1, &status))
    return status;
  if (serial_text != NULL &&
      !g_ascii_string_to_unsigned (serial_text, 10, 0, G_MAXUINT64, &serial, NULL))
    return mp_command_refuse ("purge", MP_EXIT_USAGE, "--serial takes a number");
  only_dead = only_dead || serial_text != NULL;
  queue = open_queue (argv[1], &error);
  if (queue == NULL)
    return mp_command_fail (argv[1], error);
  if (!may_drop (queue, argv[1]))
    return MP_EXIT_FAILED;

  n_dropped = only_dead ? drop_dead (MP_JOINABLE_QUEUE (queue),
                                     serial_text != NULL ? &serial : NULL, &error)
                        : mp_queue_clear (queue, &error);
  if (error != NULL)
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
