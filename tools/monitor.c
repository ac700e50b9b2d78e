/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "base/public-uri.h"
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
  { "unreachable", MP_COLOR_ALARM },
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
  if (change->reason != NULL)
    {
      g_autofree char *reason = mp_terminal_escape (change->reason);

      g_string_append_printf (line, "  %s", reason);
    }
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
  const char *host;
  gint64      inside;
  int         pid;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "time");
  json_builder_add_string_value (builder, time);
  json_builder_set_member_name (builder, "event");
  json_builder_add_string_value (builder, change->event);
  add_number (builder, "queue", change->id);
  json_builder_set_member_name (builder, "name");
  json_builder_add_string_value (builder, change->queue);
  if (change->reason != NULL)
    {
      json_builder_set_member_name (builder, "reason");
      json_builder_add_string_value (builder, change->reason);
    }
  if (change->process != NULL && g_variant_lookup (change->process, "pid", "i", &pid))
    add_number (builder, "pid", (guint64) pid);
  if (change->process != NULL && g_variant_lookup (change->process, "host", "&s", &host) &&
      g_variant_lookup (change->process, "pid-inside", "x", &inside))
    {
      json_builder_set_member_name (builder, "host");
      json_builder_add_string_value (builder, host);
      add_number (builder, "pid_inside", (guint64) inside);
    }
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

static void
watch_all (Monitor   *monitor,
           GPtrArray *queues,
           gboolean   are_new)
{
  for (guint i = 0; i < queues->len; i++)
    watch (monitor, g_ptr_array_index (queues, i), are_new);
}

static gboolean
select_queues (Monitor *monitor,
               GError **error)
{
  for (guint i = 0; monitor->selectors[i] != NULL; i++)
    {
      g_autoptr (GPtrArray) queues = mp_queues_select_all (monitor->selectors[i], error);

      if (queues == NULL)
        {
          g_autofree char *shown = mp_public_uri (monitor->selectors[i]);

          g_prefix_error (error, "%s: ", shown);
          return FALSE;
        }
      watch_all (monitor, queues, FALSE);
    }
  return TRUE;
}

static void
found_on_server (GObject      *object,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  g_autoptr (GPtrArray) queues = mp_queue_monitor_find_on_server_finish (result, NULL);

  if (queues != NULL)
    watch_all (user_data, queues, TRUE);
}

/* Searches for new queues of servers. */
static void
search_servers (Monitor *monitor)
{
  for (guint i = 0; monitor->selectors[i] != NULL; i++)
    if (mp_queues_is_server (monitor->selectors[i]))
      mp_queue_monitor_find_on_server_async (monitor->selectors[i], G_PRIORITY_DEFAULT, NULL,
                                             found_on_server, monitor);
}

static gboolean
search (Monitor *monitor,
        GError **error)
{
  const gboolean is_first = monitor->searched_at == 0;
  g_autoptr (GPtrArray) queues = NULL;

  if (monitor->selectors[0] != NULL)
    {
      if (is_first)
        return select_queues (monitor, error);
      search_servers (monitor);
      return TRUE;
    }

  queues = mp_queue_monitor_find (NULL, error);
  if (queues != NULL)
    watch_all (monitor, queues, !is_first);
  return queues != NULL;
}

/* A queue that is watched, and the program. */
typedef struct
{
  Monitor   *monitor;
  MpChanges *changes;
} Look;

static gboolean
has_server (Monitor *monitor)
{
  for (guint i = 0; monitor->selectors[i] != NULL; i++)
    if (mp_queues_is_server (monitor->selectors[i]))
      return TRUE;
  return FALSE;
}

static void
refreshed (GObject      *queue,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autofree Look *look = user_data;
  Monitor         *monitor = look->monitor;
  g_autoptr (GError) problem = NULL;

  (void) mp_queue_monitor_refresh_finish (MP_QUEUE_MONITOR (queue), result, &problem);
  if (g_error_matches (problem, G_IO_ERROR, G_IO_ERROR_PENDING) ||
      !g_ptr_array_find (monitor->watched, look->changes, NULL))
    return;
  if (!mp_changes_look (look->changes, problem, tell, monitor))
    g_ptr_array_remove (monitor->watched, look->changes);
  if (monitor->selectors[0] != NULL && monitor->watched->len == 0 && !has_server (monitor))
    g_main_loop_quit (monitor->loop);
}

/* A queue whose server has not answered yet is left out. */
static gboolean
look (gpointer user_data)
{
  Monitor *monitor = user_data;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < monitor->watched->len; i++)
    {
      Look *each = g_new (Look, 1);

      each->monitor = monitor;
      each->changes = g_ptr_array_index (monitor->watched, i);
      mp_queue_monitor_refresh_async (mp_changes_get_monitor (each->changes), G_PRIORITY_DEFAULT,
                                      NULL, refreshed, each);
    }

  if (g_get_monotonic_time () - monitor->searched_at >= SEARCH_EVERY_US)
    {
      if (!search (monitor, &error))
        {
          monitor->status = mp_command_fail ("monitor", error);
          g_main_loop_quit (monitor->loop);
        }
      monitor->searched_at = g_get_monotonic_time ();
    }
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
