/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "queues.h"
#include "select.h"

#include <string.h>

/* The state of a queue as JSON.  Values that are unknown or unlimited are null.  Later versions may
 * add members but not remove any; tests/tools/queue.schema.json specifies them. */

static void
add_int (JsonBuilder *builder,
         const char  *name,
         guint64      value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, (gint64) value);
}

static void
add_null (JsonBuilder *builder,
          const char  *name)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_null_value (builder);
}

/* Adds a limit; 0 means none, and is written as null. */
static void
add_limit (JsonBuilder *builder,
           const char  *name,
           guint64      value)
{
  if (value != 0)
    add_int (builder, name, value);
  else
    add_null (builder, name);
}

/* Adds a number, or null if it is not known. */
static void
add_known (JsonBuilder *builder,
           const char  *name,
           gboolean     is_known,
           guint64      value)
{
  if (is_known)
    add_int (builder, name, value);
  else
    add_null (builder, name);
}

static void
add_text (JsonBuilder *builder,
          const char  *name,
          const char  *value)
{
  json_builder_set_member_name (builder, name);
  if (value != NULL)
    json_builder_add_string_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

static void
add_boolean (JsonBuilder *builder,
             const char  *name,
             gboolean     value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}

static void
add_time (JsonBuilder *builder,
          const char  *name,
          gint64       time)
{
  g_autofree char *text = time > 0 ? mp_output_time (time) : NULL;

  add_text (builder, name, text);
}

/* --- Entries of the dictionaries that a monitor gives ----------------------------------------- */

static void
add_number_of (JsonBuilder *builder,
               const char  *name,
               GVariant    *row,
               const char  *key)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (row, key, NULL);

  json_builder_set_member_name (builder, name);
  if (value != NULL)
    json_builder_add_value (builder, json_gvariant_serialize (value));
  else
    json_builder_add_null_value (builder);
}

static void
add_text_of (JsonBuilder *builder,
             const char  *name,
             GVariant    *row,
             const char  *key)
{
  const char *text = NULL;

  (void) g_variant_lookup (row, key, "&s", &text);
  add_text (builder, name, text);
}

static void
add_process (JsonBuilder *builder,
             GVariant    *process)
{
  gint64 attached_at = 0;

  (void) g_variant_lookup (process, "attached-at", "x", &attached_at);
  json_builder_begin_object (builder);
  add_number_of (builder, "slot", process, "slot");
  add_number_of (builder, "pid", process, "pid");
  add_number_of (builder, "pid_inside", process, "pid-inside");
  add_text_of (builder, "command", process, "command");
  add_text_of (builder, "host", process, "host");
  add_number_of (builder, "away", process, "away");
  add_time (builder, "attached", attached_at);
  add_number_of (builder, "put", process, "n-put");
  add_number_of (builder, "got", process, "n-got");
  add_number_of (builder, "held", process, "n-held");
  add_number_of (builder, "waits", process, "waits");
  json_builder_end_object (builder);
}

void
mp_queue_add_processes (JsonBuilder *builder,
                        GVariant    *processes)
{
  json_builder_set_member_name (builder, "processes");
  json_builder_begin_array (builder);
  for (gsize i = 0; i < g_variant_n_children (processes); i++)
    {
      g_autoptr (GVariant) process = g_variant_get_child_value (processes, i);

      add_process (builder, process);
    }
  json_builder_end_array (builder);
}

static void
add_holder (JsonBuilder *builder,
            GVariant    *processes,
            GVariant    *task)
{
  g_autoptr (GVariant) process = NULL;
  guint32 slot;

  if (g_variant_lookup (task, "slot", "u", &slot))
    process = mp_queue_find_by_slot (processes, slot);
  if (process != NULL)
    add_number_of (builder, "pid", process, "pid");
  else
    add_null (builder, "pid");
}

static void
add_task (JsonBuilder *builder,
          GVariant    *processes,
          GVariant    *task)
{
  json_builder_begin_object (builder);
  add_number_of (builder, "serial", task, "serial");
  add_text_of (builder, "state", task, "state");
  add_holder (builder, processes, task);
  add_number_of (builder, "slot", task, "slot");
  add_number_of (builder, "held_us", task, "held-us");
  add_number_of (builder, "seen_us", task, "seen-us");
  add_number_of (builder, "deliveries", task, "n-deliveries");
  add_number_of (builder, "size", task, "size");
  add_text_of (builder, "format", task, "format");
  add_number_of (builder, "progress", task, "progress");
  add_text_of (builder, "text", task, "text");
  json_builder_end_object (builder);
}

void
mp_queue_add_tasks (JsonBuilder *builder,
                    GVariant    *processes,
                    GVariant    *tasks)
{
  json_builder_set_member_name (builder, "tasks");
  json_builder_begin_array (builder);
  for (gsize i = 0; i < g_variant_n_children (tasks); i++)
    {
      g_autoptr (GVariant) task = g_variant_get_child_value (tasks, i);

      add_task (builder, processes, task);
    }
  json_builder_end_array (builder);
}

/* --- A queue ---------------------------------------------------------------------------------- */

static const char *const conditions[] = { "get", "put", "done", "news" };

/* Adds the numbers of blocked calls and of main loops, by what they wait for.  A server does not
 * tell which is which. */
static void
add_waiting (JsonBuilder *builder,
             GVariant    *processes,
             gboolean     are_loops_known)
{
  guint n[G_N_ELEMENTS (conditions)] = { 0 };
  guint n_loops = 0;

  for (gsize i = 0; i < g_variant_n_children (processes); i++)
    {
      g_autoptr (GVariant) process = g_variant_get_child_value (processes, i);
      g_autoptr (GVariant) waits = g_variant_lookup_value (process, "waits", NULL);
      g_autofree const char **names = g_variant_get_strv (waits, NULL);

      for (gsize j = 0; names[j] != NULL; j++)
        n_loops += g_str_has_suffix (names[j], "-loop");
      for (guint j = 0; j < G_N_ELEMENTS (conditions); j++)
        n[j] += g_strv_contains (names, conditions[j]);
    }

  json_builder_set_member_name (builder, "waiting");
  json_builder_begin_object (builder);
  for (guint i = 0; i < G_N_ELEMENTS (conditions); i++)
    add_int (builder, conditions[i], n[i]);
  add_known (builder, "loops", are_loops_known, n_loops);
  json_builder_end_object (builder);
}

static void
add_double (JsonBuilder *builder,
            const char  *name,
            double       value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_double_value (builder, value);
}

/* Adds the rates, which are unknown if no interval was measured. */
static void
add_rates (JsonBuilder        *builder,
           const MpQueueFacts *facts)
{
  json_builder_set_member_name (builder, "rates");
  json_builder_begin_object (builder);
  if (facts->interval_us > 0)
    add_double (builder, "interval", (double) facts->interval_us / G_USEC_PER_SEC);
  else
    add_null (builder, "interval");
  add_double (builder, "put", facts->put_rate);
  add_double (builder, "get", facts->get_rate);
  if (facts->knows_byte_rates)
    {
      add_double (builder, "bytes_in", facts->put_byte_rate);
      add_double (builder, "bytes_out", facts->get_byte_rate);
    }
  else
    {
      add_null (builder, "bytes_in");
      add_null (builder, "bytes_out");
    }
  json_builder_end_object (builder);
}

/* Adds the process that created the queue.  @creator is its pid in its own pid namespace. */
static void
add_creator (JsonBuilder *builder,
             GVariant    *processes,
             gint64       creator)
{
  g_autoptr (GVariant) process = mp_queue_find_creator (processes, creator);

  json_builder_set_member_name (builder, "creator");
  json_builder_begin_object (builder);
  add_limit (builder, "pid", (guint64) creator);
  if (process != NULL)
    add_text_of (builder, "command", process, "command");
  else
    add_null (builder, "command");
  json_builder_end_object (builder);
}

static void
add_numbers (JsonBuilder        *builder,
             const MpQueueFacts *facts)
{
  add_int (builder, "size", facts->size);
  add_limit (builder, "max_size", facts->max_size);
  add_int (builder, "bytes", facts->n_bytes);
  add_limit (builder, "max_bytes", facts->max_bytes);
  add_known (builder, "memory", facts->knows_memory, facts->memory);
  add_int (builder, "put", facts->n_put);
  add_int (builder, "got", facts->n_got);
  add_int (builder, "unfinished", facts->n_unfinished);
  add_int (builder, "held", facts->n_held);
  add_int (builder, "again", facts->n_again);
  add_int (builder, "dead", facts->n_dead);
  add_known (builder, "redelivered", facts->knows_redelivered, facts->n_redelivered);
  add_int (builder, "handles", facts->n_processes);
  add_boolean (builder, "shut_down", facts->shut_down);
  add_boolean (builder, "damaged", facts->damaged);
  add_int (builder, "oldest_us", (guint64) facts->oldest_us);
}

void
mp_queue_add_json (JsonBuilder    *builder,
                   MpQueueMonitor *monitor,
                   GVariant       *processes)
{
  g_auto (MpQueueFacts) facts = { 0 };
  g_autofree char *name = mp_queue_dup_name (monitor);
  g_autofree char *uri = mp_queue_monitor_dup_uri (monitor);

  mp_queue_get_facts (monitor, &facts);
  add_int (builder, "id", facts.id);
  add_text (builder, "name", name);
  add_text (builder, "kind", facts.kind[0] != '\0' ? facts.kind : NULL);
  add_text (builder, "uri", uri);
  add_time (builder, "created", facts.created_at);
  add_creator (builder, processes, facts.creator);
  add_numbers (builder, &facts);
  add_rates (builder, &facts);
  add_waiting (builder, processes, uri == NULL || !mp_queues_is_on_server (uri));
}
