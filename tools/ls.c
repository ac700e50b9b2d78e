/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queues.h"
#include "select.h"

#include <string.h>

static gboolean show_all;
static gboolean only_names;
static int      only_pid;

static const GOptionEntry options[] = {
  { "all", 'a', 0, G_OPTION_ARG_NONE, &show_all, "Also queues without messages, tasks and waiters",
    NULL },
  { "pid", 0, 0, G_OPTION_ARG_INT, &only_pid, "Only those of a process", "PID" },
  { "names", 0, 0, G_OPTION_ARG_NONE, &only_names, "Only names, for completion", NULL },
  { NULL },
};

/* Whether a queue has no messages, tasks or waiting processes, so that it is not listed by
 * default. */
static gboolean
is_idle (MpQueueMonitor *monitor)
{
  g_auto (MpQueueFacts) facts = { 0 };

  mp_queue_get_facts (monitor, &facts);
  return facts.size == 0 && facts.n_unfinished == 0 && facts.n_dead == 0 &&
         facts.n_waiting == 0 && !facts.damaged;
}

static gboolean
is_wanted (MpQueueMonitor *monitor,
           GVariant       *processes,
           const char     *pattern)
{
  g_autofree char *name = mp_queue_dup_name (monitor);

  if (only_pid != 0 && !mp_queue_has_process (processes, only_pid))
    return FALSE;
  if (pattern != NULL)
    return name != NULL && g_pattern_match_simple (pattern, name);
  return show_all || only_names || !is_idle (monitor);
}

static const struct
{
  const char *name, *one, *many;
} waits[] = {
  { "get", "to get", "to get" },
  { "put", "to put", "to put" },
  { "done", "for end", "for end" },
  { "news", "for news", "for news" },
  { "get-loop", "loop to get", "loops to get" },
  { "put-loop", "loop to put", "loops to put" },
  { "done-loop", "loop for end", "loops for end" },
  { "news-loop", "loop for news", "loops for news" },
};

/* Describes what processes wait for, such as "3 to get, 1 loop for end". */
static char *
dup_waiting (GVariant *processes)
{
  guint n[G_N_ELEMENTS (waits)] = { 0 };
  g_autoptr (GString) text = g_string_new (NULL);

  for (gsize i = 0; i < g_variant_n_children (processes); i++)
    {
      g_autoptr (GVariant) process = g_variant_get_child_value (processes, i);
      g_autoptr (GVariant) list = g_variant_lookup_value (process, "waits", NULL);
      g_autofree const char **names = g_variant_get_strv (list, NULL);

      for (guint j = 0; j < G_N_ELEMENTS (waits); j++)
        n[j] += g_strv_contains (names, waits[j].name);
    }
  for (guint j = 0; j < G_N_ELEMENTS (waits); j++)
    if (n[j] > 0)
      g_string_append_printf (text, "%s%u %s", text->len > 0 ? ", " : "", n[j],
                              n[j] == 1 ? waits[j].one : waits[j].many);
  return g_strdup (text->len > 0 ? text->str : "-");
}

static void
add_row (MpTable        *table,
         MpQueueMonitor *monitor,
         GVariant       *processes)
{
  g_auto (MpQueueFacts) facts = { 0 };
  g_autofree char *name = mp_queue_dup_name (monitor);

  mp_queue_get_facts (monitor, &facts);
  mp_table_take (table, g_strdup_printf ("%" G_GUINT64_FORMAT, facts.id));
  mp_table_take (table, g_strdup (name != NULL ? name : "-"));
  mp_table_take (table, g_strdup (facts.kind[0] != '\0' ? facts.kind : "-"));
  mp_table_take (table, g_strdup_printf ("%u", facts.size));
  mp_table_take (table, facts.max_size != 0 ? g_strdup_printf ("%u", facts.max_size)
                                            : g_strdup ("-"));
  mp_table_take (table, mp_output_bytes (facts.n_bytes));
  mp_table_take (table, g_strdup_printf ("%" G_GUINT64_FORMAT, facts.n_put));
  mp_table_take (table, g_strcmp0 (facts.kind, "JoinableQueue") == 0
                          ? g_strdup_printf ("%u", facts.n_unfinished)
                          : g_strdup ("-"));
  mp_table_take (table, g_strdup_printf ("%u", facts.n_dead));
  mp_table_color (table, facts.n_dead > 0 ? MP_COLOR_ALARM : MP_COLOR_NONE);
  mp_table_take (table, g_strdup_printf ("%u", facts.n_processes));
  mp_table_take (table, dup_waiting (processes));
  mp_table_take (table, facts.damaged     ? g_strdup ("damaged")
                        : facts.shut_down ? g_strdup ("shut down")
                                          : mp_queue_dup_owner (processes));
  mp_table_color (table, facts.damaged     ? MP_COLOR_ALARM
                         : facts.shut_down ? MP_COLOR_NOTE
                                           : MP_COLOR_NONE);
}

static void
print_json (MpQueueMonitor *monitor,
            GVariant       *processes)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  mp_queue_add_json (builder, monitor, processes);
  mp_queue_add_processes (builder, processes);
  json_builder_end_object (builder);
  mp_output_json (builder);
}

static void
print_footer (GPtrArray *monitors,
              guint      n_shown,
              gboolean   is_selection,
              gboolean   is_here)
{
  const guint n_idle = is_selection ? 0 : monitors->len - n_shown;
  const guint n_hidden = is_selection || !is_here ? 0 : mp_queue_monitor_count_hidden (monitors);

  g_print ("%u %s.", n_shown, n_shown == 1 ? "queue" : "queues");
  if (n_idle > 0)
    g_print (" %u %s idle: see -a.", n_idle, n_idle == 1 ? "is" : "are");
  if (n_hidden > 0)
    g_print (" %u more %s to others.", n_hidden, n_hidden == 1 ? "belongs" : "belong");
  g_print ("\n");
}

static int
run (int    argc,
     char **argv)
{
  static const char *const headings[] = { ">ID", "NAME", "KIND", ">SIZE", ">MAX", ">BYTES",
                                          ">PUT", ">OPEN", ">DEAD", ">HANDLES", "WAITING", "OWNER",
                                          NULL };
  g_autoptr (GPtrArray) monitors = NULL;
  g_autoptr (GError) error = NULL;
  const char *pattern;
  MpTable    *table;
  guint       n = 0;
  int         status;

  if (!mp_command_parse (&mp_command_ls, &argc, &argv, 0, 1, &status))
    return status;
  pattern = argc > 1 && !mp_queues_is_on_server (argv[1]) ? argv[1] : NULL;
  monitors = argc > 1 && pattern == NULL ? mp_queues_select_all (argv[1], &error)
                                         : mp_queue_monitor_find (NULL, &error);
  if (monitors == NULL)
    return mp_command_fail (argc > 1 ? argv[1] : "ls", error);

  table = mp_table_new (headings);
  for (guint i = 0; i < monitors->len; i++)
    {
      MpQueueMonitor *monitor = g_ptr_array_index (monitors, i);
      g_autoptr (GVariant) processes = mp_queue_monitor_list_processes (monitor, NULL);
      g_autofree char *name = mp_queue_dup_name (monitor);

      if (processes == NULL || !is_wanted (monitor, processes, pattern))
        continue;
      n++;
      if (only_names && name != NULL)
        g_print ("%s\n", name);
      else if (mp_output.json != MP_OUTPUT_TABLE)
        print_json (monitor, processes);
      else if (!only_names)
        add_row (table, monitor, processes);
    }
  if (mp_output.json != MP_OUTPUT_TABLE || only_names)
    mp_output.no_header = TRUE;
  mp_table_print (table, 0);
  if (mp_output.json == MP_OUTPUT_TABLE && !only_names && !mp_output.quiet)
    print_footer (monitors, n, pattern != NULL || only_pid != 0, argc == 1);
  return MP_EXIT_DONE;
}

const MpCommand mp_command_ls = {
  .name = "ls",
  .arguments = "[PATTERN|SERVER]",
  .summary = "Lists queues",
  .options = options,
  .run = run,
};
