/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "glimpse.h"
#include "queues.h"
#include "select.h"

#include <glib-unix.h>
#include <signal.h>

/* How often to check for new messages, since observers are not notified. */
#define INTERVAL_MS 50
#define PORTION     64

static int    n_messages = -1;
static double n_seconds = -1;

static const GOptionEntry options[] = {
  { "number", 'n', 0, G_OPTION_ARG_INT, &n_messages, "Ends after so many messages", "N" },
  { "time", 't', 0, G_OPTION_ARG_DOUBLE, &n_seconds, "Ends after so long", "SECONDS" },
  MP_GLIMPSE_ENTRIES,
  { NULL },
};

typedef struct
{
  const char     *selector; /* of the queue, for messages */
  MpQueueMonitor *monitor;
  GMainLoop      *loop;
  guint64         next;
  guint64         n_missed;
  guint           n_printed;
  int             status;
} Tail;

static gboolean
is_enough (Tail *tail)
{
  return n_messages >= 0 && tail->n_printed >= (guint) n_messages;
}

/* Returns whether there may be more. */
static gboolean
print_some (Tail *tail)
{
  g_autoptr (GError) error = NULL;
  guint64 expected = tail->next, first;
  g_autoptr (GPtrArray) messages =
    mp_queue_monitor_peek (tail->monitor, tail->next, PORTION, &tail->next, &error);

  if (messages == NULL)
    {
      mp_command_fail (tail->selector, error);
      return TRUE;
    }
  first = tail->next - messages->len;
  tail->n_missed += first - MIN (first, expected);
  for (guint i = 0; i < messages->len && !is_enough (tail); i++, tail->n_printed++)
    mp_glimpse_print (g_ptr_array_index (messages, i), first + i, tail->selector);
  return messages->len == PORTION;
}

static gboolean
look (gpointer user_data)
{
  Tail *tail = user_data;
  g_autoptr (GError) error = NULL;

  while (!is_enough (tail) && print_some (tail))
    ;
  if (!mp_queue_monitor_refresh (tail->monitor, &error))
    {
      tail->status = mp_command_fail (tail->selector, error);
      g_main_loop_quit (tail->loop);
    }
  else if (is_enough (tail))
    {
      g_main_loop_quit (tail->loop);
    }
  return G_SOURCE_CONTINUE;
}

static gboolean
end (gpointer user_data)
{
  g_main_loop_quit (((Tail *) user_data)->loop);
  return G_SOURCE_CONTINUE;
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) none = NULL;
  Tail tail = { 0 };
  int  status;

  if (!mp_command_parse (&mp_command_tail, &argc, &argv, 1, 1, &status))
    return status;
  if (!mp_glimpse_check ("tail"))
    return MP_EXIT_USAGE;
  tail.selector = argv[1];
  tail.monitor = mp_queues_select (argv[1], &error);
  if (tail.monitor == NULL)
    return mp_command_fail (argv[1], error);

  none = mp_queue_monitor_peek (tail.monitor, G_MAXUINT64, 1, &tail.next, NULL);
  tail.loop = g_main_loop_new (NULL, FALSE);
  g_timeout_add (INTERVAL_MS, look, &tail);
  g_unix_signal_add (SIGINT, end, &tail);
  g_unix_signal_add (SIGTERM, end, &tail);
  if (n_seconds >= 0)
    g_timeout_add ((guint) (n_seconds * 1000), end, &tail);
  g_main_loop_run (tail.loop);

  if (tail.n_missed > 0 && !mp_output.quiet)
    g_printerr ("mproc: %s: %" G_GUINT64_FORMAT " messages were taken before they were seen\n",
                argv[1], tail.n_missed);
  g_main_loop_unref (tail.loop);
  g_object_unref (tail.monitor);
  return tail.status;
}

const MpCommand mp_command_tail = {
  .name = "tail",
  .arguments = "QUEUE",
  .summary = "Shows what is put from now on, and takes nothing",
  .options = options,
  .run = run,
};
