/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "holders.h"
#include "queues.h"
#include "screen.h"
#include "select.h"
#include "show.h"
#include "terminal.h"

#include <glib-unix.h>
#include <signal.h>

/* How long the rates of a queue are measured before it is shown once. */
#define RATE_US (G_USEC_PER_SEC / 10)

static int    n_tasks = 20;
static double n_seconds;

static const GOptionEntry options[] = {
  { "tasks", 0, 0, G_OPTION_ARG_INT, &n_tasks, "The most tasks to show (20)", "N" },
  { "watch", 'w', 0, G_OPTION_ARG_DOUBLE, &n_seconds, "Again and again, every so many seconds",
    "SECONDS" },
  { NULL },
};

static void
print_line (const char *heading,
            const char *format,
            ...) G_GNUC_PRINTF (2, 3);

static void
print_line (const char *heading,
            const char *format,
            ...)
{
  g_autofree char *text = NULL;
  va_list          arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_print ("  %-11s %s\n", heading, text);
}

static void
print_state (const char   *state,
             MpOutputColor color)
{
  g_autoptr (GString) text = g_string_new (NULL);

  mp_output_append (text, state, color);
  print_line ("state", "%s", text->str);
}

static void
print_counts (const MpQueueFacts *facts)
{
  g_autofree char *limit = facts->max_size != 0 ? g_strdup_printf ("%u", facts->max_size)
                                                : g_strdup ("unlimited");
  g_autofree char *bytes = mp_output_bytes (facts->n_bytes);
  g_autofree char *max_bytes = mp_output_bytes (facts->max_bytes);
  g_autofree char *memory = mp_output_bytes (facts->memory);
  g_autofree char *of_memory = facts->knows_memory ? g_strdup_printf (", %s of memory", memory)
                                                   : g_strdup ("");
  g_autofree char *oldest = mp_output_duration (facts->oldest_us);

  print_line ("messages", "%u of %s, %s of %s%s", facts->size, limit, bytes, max_bytes, of_memory);
  print_line ("put", "%-12" G_GUINT64_FORMAT " %.1f/s", facts->n_put, facts->put_rate);
  print_line ("taken", "%-12" G_GUINT64_FORMAT " %.1f/s", facts->n_got, facts->get_rate);
  if (facts->oldest_us > 0)
    print_line ("next", "has waited %s or longer", oldest);
  print_line ("unfinished", "%u: %u held, %u waiting again; %u dead", facts->n_unfinished,
              facts->n_held, facts->n_again, facts->n_dead);
  if (facts->knows_redelivered)
    print_line ("again", "%" G_GUINT64_FORMAT " deliveries after the first", facts->n_redelivered);
  if (facts->shut_down)
    print_state ("shut down", MP_COLOR_NOTE);
  if (facts->damaged)
    print_state ("damaged: every call fails", MP_COLOR_ALARM);
}

static void
print_processes (GVariant *processes)
{
  static const char *const headings[] = { "PROCESS", ">PUT", ">GOT", ">HELD", "WAITS FOR", NULL };
  MpTable                 *table = mp_table_new (headings);

  for (gsize i = 0; i < g_variant_n_children (processes); i++)
    {
      g_autoptr (GVariant) process = g_variant_get_child_value (processes, i);
      guint64 n_put = 0;
      guint32 n_held = 0;

      (void) g_variant_lookup (process, "n-put", "t", &n_put);
      (void) g_variant_lookup (process, "n-held", "u", &n_held);
      mp_table_take (table, mp_queue_dup_process (process));
      mp_table_take (table, g_strdup_printf ("%" G_GUINT64_FORMAT, n_put));
      mp_table_take (table, mp_queue_dup_got (process));
      mp_table_take (table, g_strdup_printf ("%u", n_held));
      mp_table_take (table, mp_queue_dup_waits (process, "-"));
    }
  g_print ("\n");
  mp_table_print (table, 0);
}

static char *
dup_holder (GVariant *processes,
            GVariant *task)
{
  g_autoptr (GVariant) process = NULL;
  guint32 slot;

  if (!g_variant_lookup (task, "slot", "u", &slot))
    return g_strdup ("-");
  process = mp_queue_find_by_slot (processes, slot);
  return process != NULL ? mp_queue_dup_process (process) : g_strdup ("[gone]");
}

static MpOutputColor
color_of (const char *state)
{
  return g_str_equal (state, "dead")    ? MP_COLOR_ALARM
         : g_str_equal (state, "again") ? MP_COLOR_NOTE
                                        : MP_COLOR_NONE;
}

static void
print_tasks (GVariant *processes,
             GVariant *tasks)
{
  static const char *const headings[] = { ">TASK", "STATE", "HOLDER", ">HELD",
                                          ">DELIVERY", ">SIZE", "FORMAT", "PROGRESS", NULL };
  MpTable                 *table;

  if (g_variant_n_children (tasks) == 0)
    return;
  table = mp_table_new (headings);
  for (gsize i = 0; i < g_variant_n_children (tasks); i++)
    {
      g_autoptr (GVariant) task = g_variant_get_child_value (tasks, i);
      const char *state = "", *format = "";
      guint64     serial = 0, size = 0;
      guint32     n_deliveries = 0;

      (void) g_variant_lookup (task, "state", "&s", &state);
      (void) g_variant_lookup (task, "format", "&s", &format);
      (void) g_variant_lookup (task, "serial", "t", &serial);
      (void) g_variant_lookup (task, "size", "t", &size);
      (void) g_variant_lookup (task, "n-deliveries", "u", &n_deliveries);
      mp_table_take (table, g_strdup_printf ("%" G_GUINT64_FORMAT, serial));
      mp_table_take (table, g_strdup (state));
      mp_table_color (table, color_of (state));
      mp_table_take (table, dup_holder (processes, task));
      mp_table_take (table, mp_queue_dup_held (task));
      mp_table_take (table, g_strdup_printf ("%u", n_deliveries));
      mp_table_take (table, g_strdup_printf ("%" G_GUINT64_FORMAT, size));
      mp_table_take (table, g_strdup (format));
      mp_table_take (table, mp_holders_dup_progress (task));
    }
  g_print ("\n");
  mp_table_print (table, 0);
}

static void
print_text (MpQueueMonitor *monitor,
            GVariant       *processes,
            GVariant       *tasks)
{
  g_auto (MpQueueFacts) facts = { 0 };
  g_autofree char *name = mp_queue_dup_name (monitor);
  g_autofree char *creator = NULL;
  g_autofree char *made = NULL;
  gint64           age;

  mp_queue_get_facts (monitor, &facts);
  creator = facts.knows_creator ? mp_queue_dup_creator (processes, facts.creator) : NULL;
  age = g_get_real_time () - facts.created_at;
  made = mp_output_duration (MAX (age, 0));
  g_print ("%s (%" G_GUINT64_FORMAT "): %s, made %s ago%s%s\n",
           name != NULL ? name : "without a name", facts.id, facts.kind, made,
           creator != NULL ? " by " : "", creator != NULL ? creator : "");
  print_counts (&facts);
  print_processes (processes);
  print_tasks (processes, tasks);
}

static void
print_json (MpQueueMonitor *monitor,
            GVariant       *processes,
            GVariant       *tasks)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  mp_queue_add_json (builder, monitor, processes);
  mp_queue_add_processes (builder, processes);
  mp_queue_add_tasks (builder, processes, tasks);
  json_builder_end_object (builder);
  mp_output_json (builder);
}

gboolean
mp_show_print (MpQueueMonitor *monitor,
               guint           max_tasks,
               GError        **error)
{
  g_autoptr (GVariant) processes = mp_queue_monitor_list_processes (monitor, error);
  g_autoptr (GVariant) tasks = NULL;

  if (processes == NULL)
    return FALSE;
  tasks = mp_queue_monitor_list_tasks (monitor, max_tasks);
  if (mp_output.json != MP_OUTPUT_TABLE)
    print_json (monitor, processes, tasks);
  else
    print_text (monitor, processes, tasks);
  return TRUE;
}

static gboolean
show (MpQueueMonitor *monitor,
      GError        **error)
{
  return mp_show_print (monitor, (guint) MAX (n_tasks, 0), error);
}

/* Measures the rates for a short time, then shows the queue.  If it ends meanwhile, its state
 * before that is shown. */
static gboolean
show_once (MpQueueMonitor *monitor,
           GError        **error)
{
  g_usleep (RATE_US);
  (void) mp_queue_monitor_refresh (monitor, NULL);
  return show (monitor, error);
}

/* --- Again and again -------------------------------------------------------------------------- */

typedef struct
{
  MpQueueMonitor *monitor;
  GMainLoop      *loop;
  gboolean        on_screen;
  GError         *error;
} Watch;

/* A server that cannot be reached may come back. */
static void
print_problem (const GError *error)
{
  g_autoptr (GString) line = g_string_new (NULL);
  g_autofree char *reason = mp_terminal_escape (error->message);

  mp_output_append (line, reason, MP_COLOR_ALARM);
  if (mp_output.json == MP_OUTPUT_TABLE)
    g_print ("%s\n\n", line->str);
  else
    mp_command_fail ("show", error);
}

static void
show_now (Watch        *watch,
          const GError *problem)
{
  if (watch->on_screen)
    mp_screen_begin ();
  else if (mp_output.json == MP_OUTPUT_TABLE)
    g_print ("\n");
  if (problem != NULL)
    print_problem (problem);
  if (!show (watch->monitor, &watch->error))
    g_main_loop_quit (watch->loop);
  if (watch->on_screen)
    mp_screen_end ();
}

static void
refreshed (GObject      *monitor,
           GAsyncResult *result,
           gpointer      user_data)
{
  Watch *watch = user_data;
  g_autoptr (GError) error = NULL;

  if (mp_queue_monitor_refresh_finish (MP_QUEUE_MONITOR (monitor), result, &error) ||
      (!mp_queue_is_gone (error) && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PENDING)))
    {
      show_now (watch, error);
      return;
    }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PENDING))
    return;
  watch->error = g_steal_pointer (&error);
  g_main_loop_quit (watch->loop);
}

/* One that is under way still is not begun again. */
static gboolean
show_again (gpointer user_data)
{
  Watch *watch = user_data;

  mp_queue_monitor_refresh_async (watch->monitor, G_PRIORITY_DEFAULT, NULL, refreshed, watch);
  return G_SOURCE_CONTINUE;
}

static gboolean
end (gpointer user_data)
{
  g_main_loop_quit (((Watch *) user_data)->loop);
  return G_SOURCE_CONTINUE;
}

/* Shows the queue repeatedly.  The end of the queue is not a failure. */
static int
watch_queue (const char     *selector,
             MpQueueMonitor *monitor)
{
  Watch watch = { .monitor = monitor };
  int   status = MP_EXIT_DONE;

  watch.loop = g_main_loop_new (NULL, FALSE);
  watch.on_screen = mp_output.json == MP_OUTPUT_TABLE && mp_screen_open ();
  g_unix_signal_add (SIGINT, end, &watch);
  g_unix_signal_add (SIGTERM, end, &watch);
  g_timeout_add ((guint) (n_seconds * 1000), show_again, &watch);
  show_again (&watch);
  g_main_loop_run (watch.loop);
  mp_screen_close ();
  g_main_loop_unref (watch.loop);

  if (watch.error != NULL && !g_error_matches (watch.error, MP_ERROR, MP_ERROR_CLOSED))
    status = mp_command_fail (selector, watch.error);
  g_clear_error (&watch.error);
  return status;
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (MpQueueMonitor) monitor = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  if (!mp_command_parse (&mp_command_show, &argc, &argv, 1, 1, &status))
    return status;
  if (n_seconds != 0 && n_seconds < 0.01)
    return mp_command_refuse ("show", MP_EXIT_USAGE, "-w takes at least 0.01 seconds");
  monitor = mp_queues_select (argv[1], &error);
  if (monitor == NULL)
    return mp_command_fail (argv[1], error);
  if (n_seconds > 0)
    return watch_queue (argv[1], monitor);
  return show_once (monitor, &error) ? MP_EXIT_DONE : mp_command_fail (argv[1], error);
}

const MpCommand mp_command_show = {
  .name = "show",
  .arguments = "QUEUE",
  .summary = "Shows one queue, its processes and its tasks",
  .options = options,
  .run = run,
};
