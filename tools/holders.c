/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "holders.h"

#include "queues.h"

#define MAX_TASKS 1000

char *
mp_holders_dup_progress (GVariant *task)
{
  const char *text = "";
  double      fraction;

  (void) g_variant_lookup (task, "text", "&s", &text);
  if (!g_variant_lookup (task, "progress", "d", &fraction))
    return g_strdup (text);
  return g_strdup_printf ("%3.0f%%  %s", fraction * 100, text);
}

static char *
dup_waits (GVariant *process)
{
  g_autofree char *text = mp_queue_dup_waits (process, "");

  return text[0] != '\0' ? g_strdup_printf ("waits for %s", text) : g_strdup ("");
}

/* Whether a process has the queue open but has not used it, as far as known, so that it is not
 * shown. */
static gboolean
is_idle (GVariant *process)
{
  g_autoptr (GVariant) waits = g_variant_lookup_value (process, "waits", NULL);
  guint64 n_put = 0, n_got = 1;

  (void) g_variant_lookup (process, "n-put", "t", &n_put);
  (void) g_variant_lookup (process, "n-got", "t", &n_got);
  return n_put == 0 && n_got == 0 && g_variant_n_children (waits) == 0;
}

static void
add_row (MpTable    *table,
         const char *queue,
         GVariant   *process,
         GVariant   *tasks)
{
  g_autoptr (GVariant) task = NULL;
  guint64 n_put = 0;
  guint32 n_held = 0, n_deliveries = 0, slot = 0;

  (void) g_variant_lookup (process, "slot", "u", &slot);
  (void) g_variant_lookup (process, "n-put", "t", &n_put);
  (void) g_variant_lookup (process, "n-held", "u", &n_held);
  /* The one that it has held longest. */
  task = mp_queue_find_by_slot (tasks, slot);
  if (task != NULL)
    (void) g_variant_lookup (task, "n-deliveries", "u", &n_deliveries);

  mp_table_take (table, mp_queue_dup_process (process));
  mp_table_take (table, g_strdup (queue));
  mp_table_take (table, g_strdup_printf ("%" G_GUINT64_FORMAT, n_put));
  mp_table_take (table, mp_queue_dup_got (process));
  mp_table_take (table, g_strdup_printf ("%u", n_held));
  mp_table_take (table, task != NULL ? mp_queue_dup_held (task) : g_strdup ("-"));
  mp_table_take (table, task != NULL ? g_strdup_printf ("%u", n_deliveries) : g_strdup ("-"));
  mp_table_take (table, task != NULL ? mp_holders_dup_progress (task) : dup_waits (process));
}

static guint
add_queue (MpTable        *table,
           MpQueueMonitor *monitor,
           guint           max)
{
  g_autoptr (GVariant) processes = mp_queue_monitor_list_processes (monitor, NULL);
  g_autoptr (GVariant) tasks = mp_queue_monitor_list_tasks (monitor, MAX_TASKS);
  g_autofree char *name = mp_queue_dup_label (monitor);
  const guint      n = processes != NULL ? (guint) g_variant_n_children (processes) : 0;
  guint            n_added = 0;

  for (guint i = 0; i < n && n_added < max; i++)
    {
      g_autoptr (GVariant) process = g_variant_get_child_value (processes, i);

      if (is_idle (process))
        continue;
      add_row (table, name, process, tasks);
      n_added++;
    }
  return n_added;
}

void
mp_holders_print (GPtrArray *monitors,
                  guint      max,
                  guint      width)
{
  static const char *const headings[] = { "PROCESS", "QUEUE", ">PUT", ">GOT", ">HELD",
                                          ">FOR", ">DELIVERY", "PROGRESS", NULL };
  MpTable                 *table = mp_table_new (headings);
  guint                    n = 0;

  for (guint i = 0; i < monitors->len && n < max; i++)
    n += add_queue (table, g_ptr_array_index (monitors, i), max - n);
  mp_table_print (table, width);
}
