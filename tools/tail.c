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
  gboolean        is_looking; /* for messages, which a server may take long to tell */
  gboolean        is_unreachable;
  int             status;
} Tail;

static gboolean
is_enough (Tail *tail)
{
  return n_messages >= 0 && tail->n_printed >= (guint) n_messages;
}

static void
print_all (Tail      *tail,
           GPtrArray *messages,
           guint64    expected)
{
  const guint64 first = tail->next - messages->len;

  tail->n_missed += first - MIN (first, expected);
  for (guint i = 0; i < messages->len && !is_enough (tail); i++, tail->n_printed++)
    mp_glimpse_print (g_ptr_array_index (messages, i), first + i, tail->selector);
}

/* Whether the error is that of a server which may come back; it is told once. */
static gboolean
is_passing (Tail         *tail,
            const GError *error)
{
  if (!mp_queues_is_on_server (tail->selector) || mp_queue_is_gone (error) ||
      error->domain == MP_ERROR)
    return FALSE;
  if (!tail->is_unreachable)
    mp_command_fail (tail->selector, error);
  tail->is_unreachable = TRUE;
  return TRUE;
}

static void
refreshed (GObject      *monitor,
           GAsyncResult *result,
           gpointer      user_data)
{
  Tail *tail = user_data;
  g_autoptr (GError) error = NULL;

  tail->is_looking = FALSE;
  if (mp_queue_monitor_refresh_finish (tail->monitor, result, &error))
    {
      tail->is_unreachable = FALSE;
      if (is_enough (tail))
        g_main_loop_quit (tail->loop);
    }
  else if (!is_passing (tail, error))
    {
      tail->status = mp_command_fail (tail->selector, error);
      g_main_loop_quit (tail->loop);
    }
}

static void peek (Tail *tail);

/* A message that cannot be shown is skipped.  At the end, whether the queue still exists is seen by
 * a refresh. */
static void
peeked (GObject      *monitor,
        GAsyncResult *result,
        gpointer      user_data)
{
  Tail         *tail = user_data;
  const guint64 expected = tail->next;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) messages =
    mp_queue_monitor_peek_finish (tail->monitor, result, &tail->next, &error);

  if (messages != NULL)
    print_all (tail, messages, expected);
  else if (tail->next != expected)
    mp_command_fail (tail->selector, error);
  if (!is_enough (tail) && tail->next != expected)
    peek (tail);
  else
    mp_queue_monitor_refresh_async (tail->monitor, G_PRIORITY_DEFAULT, NULL, refreshed, tail);
}

static void
peek (Tail *tail)
{
  tail->is_looking = TRUE;
  mp_queue_monitor_peek_async (tail->monitor, tail->next, PORTION, G_PRIORITY_DEFAULT, NULL, peeked,
                               tail);
}

static gboolean
look (gpointer user_data)
{
  Tail *tail = user_data;

  if (!tail->is_looking)
    peek (tail);
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
