/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "changes.h"
#include "command.h"
#include "queues.h"
#include "select.h"
#include "terminal.h"

#include <glib-unix.h>
#include <signal.h>
#include <string.h>

/* How often to search for new queues. */
#define SEARCH_EVERY_US (G_USEC_PER_SEC / 2)

static double n_seconds = 0.1;
static double duration = -1;
static char  *only;

static const GOptionEntry options[] = {
  { "delay", 'd', 0, G_OPTION_ARG_DOUBLE, &n_seconds, "The time between two looks (0.1)",
    "SECONDS" },
  { "time", 't', 0, G_OPTION_ARG_DOUBLE, &duration, "Ends after so long", "SECONDS" },
  { "only", 0, 0, G_OPTION_ARG_STRING, &only, "Only these events", "EVENT,…" },
  { NULL },
};

typedef struct
{
  GMainLoop *loop;
  GPtrArray *watched; /* MpChanges */
  char     **selectors;
  char     **wanted; /* events, or NULL for all */
  gint64     searched_at;
  int        status;
} Monitor;

/* --- Lines ------------------------------------------------------------------------------------ */

static const struct
{
  const char   *event;
  MpOutputColor color;
} colors[] = {
  { "died", MP_COLOR_ALARM },
  { "dead", MP_COLOR_ALARM },
  { "retried", MP_COLOR_NOTE },
  { "full", MP_COLOR_NOTE },
  { "shut-down", MP_COLOR_NOTE },
};

static MpOutputColor
color_of (const char *event)
{
  for (guint i = 0; i < G_N_ELEMENTS (colors); i++)
    if (strcmp (colors[i].event, event) == 0)
      return colors[i].color;
  return MP_COLOR_NONE;
}

/* Whether the event is the end of a process: then `n` is the number of tasks that it held. */
static gboolean
is_of_end (const MpChange *change)
{
  return strcmp (change->event, "died") == 0 || strcmp (change->event, "left") == 0;
}

static void
print_line (const MpChange *change,
            const char     *time)
{
  g_autoptr (GString) line = g_string_new (NULL);
  g_autofree char *process = change->process != NULL ? mp_queue_dup_process (change->process)
                                                     : NULL;
  g_autofree char *queue = mp_terminal_escape (change->queue);
  g_autofree char *safe = process != NULL ? mp_terminal_escape (process) : NULL;
  g_autofree char *event = g_strdup_printf ("%-10s", change->event);

  g_string_append_printf (line, "%s  ", time);
  mp_output_append (line, event, color_of (change->event));
  g_string_append_printf (line, "  %s", queue);
  if (safe != NULL)
    g_string_append_printf (line, "  %s", safe);
  if (change->has_serial)
    g_string_append_printf (line, "  task %" G_GUINT64_FORMAT, change->serial);
  if (change->n > 0)
    g_string_append_printf (line, "  %" G_GUINT64_FORMAT " %s", change->n,
                            is_of_end (change) ? "held" : "short ones");
  g_print ("%s\n", line->str);
}

static void
add_number (JsonBuilder *builder,
            const char  *name,
            guint64      number)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, (gint64) number);
}

static void
print_json (const MpChange *change,
            const char     *time)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  int pid;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "time");
  json_builder_add_string_value (builder, time);
  json_builder_set_member_name (builder, "event");
  json_builder_add_string_value (builder, change->event);
  add_number (builder, "queue", change->id);
  json_builder_set_member_name (builder, "name");
  json_builder_add_string_value (builder, change->queue);
  if (change->process != NULL && g_variant_lookup (change->process, "pid", "i", &pid))
    add_number (builder, "pid", (guint64) pid);
  if (change->has_serial)
    add_number (builder, "serial", change->serial);
  if (is_of_end (change))
    add_number (builder, "held", change->n);
  else if (change->n > 0)
    add_number (builder, "n", change->n);
  json_builder_end_object (builder);
  mp_output_json (builder);
}

static void
tell (const MpChange *change,
      gpointer        user_data)
{
  Monitor         *monitor = user_data;
  g_autofree char *time = mp_output_time (g_get_real_time ());

  if (monitor->wanted != NULL &&
      !g_strv_contains ((const char *const *) monitor->wanted, change->event))
    return;
  if (mp_output.json != MP_OUTPUT_TABLE)
    print_json (change, time);
  else
    print_line (change, time);
}

/* --- Looking ---------------------------------------------------------------------------------- */

static void
watch (Monitor        *monitor,
       MpQueueMonitor *queue,
       gboolean        is_new)
{
  guint64 id;

  g_object_get (queue, "id", &id, NULL);
  for (guint i = 0; i < monitor->watched->len; i++)
    if (mp_changes_get_id (g_ptr_array_index (monitor->watched, i)) == id)
      return;
  g_ptr_array_add (monitor->watched, mp_changes_new (queue, is_new ? tell : NULL, monitor));
}

static gboolean
select_queues (Monitor *monitor,
               GError **error)
{
  for (guint i = 0; monitor->selectors[i] != NULL; i++)
    {
      g_autoptr (MpQueueMonitor) queue = mp_queues_select (monitor->selectors[i], error);

      if (queue == NULL)
        {
          g_prefix_error (error, "%s: ", monitor->selectors[i]);
          return FALSE;
        }
      watch (monitor, queue, FALSE);
    }
  return TRUE;
}

static gboolean
search (Monitor *monitor,
        GError **error)
{
  const gboolean is_first = monitor->searched_at == 0;
  g_autoptr (GPtrArray) queues = NULL;

  if (monitor->selectors[0] != NULL)
    return !is_first || select_queues (monitor, error);

  queues = mp_queue_monitor_find (NULL, error);
  for (guint i = 0; queues != NULL && i < queues->len; i++)
    watch (monitor, g_ptr_array_index (queues, i), !is_first);
  return queues != NULL;
}

static gboolean
look (gpointer user_data)
{
  Monitor *monitor = user_data;
  g_autoptr (GError) error = NULL;

  for (guint i = monitor->watched->len; i > 0; i--)
    if (!mp_changes_look (g_ptr_array_index (monitor->watched, i - 1), tell, monitor))
      g_ptr_array_remove_index (monitor->watched, i - 1);

  if (g_get_monotonic_time () - monitor->searched_at >= SEARCH_EVERY_US)
    {
      if (!search (monitor, &error))
        monitor->status = mp_command_fail ("monitor", error);
      monitor->searched_at = g_get_monotonic_time ();
    }
  if (error != NULL || (monitor->selectors[0] != NULL && monitor->watched->len == 0))
    g_main_loop_quit (monitor->loop);
  return G_SOURCE_CONTINUE;
}

static gboolean
end (gpointer user_data)
{
  g_main_loop_quit (((Monitor *) user_data)->loop);
  return G_SOURCE_CONTINUE;
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) wanted = NULL;
  Monitor monitor = { 0 };
  int     status;

  if (!mp_command_parse (&mp_command_monitor, &argc, &argv, 0, G_MAXINT, &status))
    return status;
  wanted = only != NULL ? g_strsplit (only, ",", -1) : NULL;
  for (guint i = 0; wanted != NULL && wanted[i] != NULL; i++)
    if (!mp_changes_is_event (wanted[i]))
      return mp_command_refuse ("monitor", MP_EXIT_USAGE, "there is no event “%s”", wanted[i]);
  if (n_seconds < 0.001)
    return mp_command_refuse ("monitor", MP_EXIT_USAGE, "-d takes at least 0.001 seconds");

  monitor.selectors = argv + 1;
  monitor.wanted = wanted;
  monitor.watched = g_ptr_array_new_with_free_func (mp_changes_free);
  if (!search (&monitor, &error))
    return mp_command_fail ("monitor", error);
  monitor.searched_at = g_get_monotonic_time ();

  monitor.loop = g_main_loop_new (NULL, FALSE);
  g_unix_signal_add (SIGINT, end, &monitor);
  g_unix_signal_add (SIGTERM, end, &monitor);
  g_timeout_add ((guint) (n_seconds * 1000), look, &monitor);
  if (duration >= 0)
    g_timeout_add ((guint) (duration * 1000), end, &monitor);
  g_main_loop_run (monitor.loop);

  g_ptr_array_unref (monitor.watched);
  g_main_loop_unref (monitor.loop);
  return monitor.status;
}

const MpCommand mp_command_monitor = {
  .name = "monitor",
  .arguments = "[QUEUE…]",
  .summary = "Writes a line for each event",
  .options = options,
  .run = run,
};
